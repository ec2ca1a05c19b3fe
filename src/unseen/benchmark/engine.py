"""Works a plan off: what is not in the ledger yet is evaluated, photograph by photograph, on one or more processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor

from unseen.benchmark.ledger import JudgedPart, Ledger, Measurement, Outcome, Row
from unseen.benchmark.plan import Plan
from unseen.classifier import Classifier
from unseen.errors import ModelError, UnseenError
from unseen.explaining import explain
from unseen.explanation import Explanation, Part
from unseen.metrics import METRICS
from unseen.metrics.robustness import Contexts, OtherPhotographs, SolidColours, robustness
from unseen.removal import REMOVALS
from unseen.runtime import tune_allocator
from unseen.zoo import load_classifier

Listener = Callable[[str, int, "int | None"], None]

_CONTEXTS = ("robustness-colours", "robustness-photos")


@dataclass(frozen=True, eq=False)
class Cell:
    """One photograph × method × removal, and what is known of it."""

    photo: Path
    method: str
    removal: str
    known: Outcome | None

    def lacks(self, plan: Plan) -> bool:
        """Whether there is anything left to do; what failed is tried again."""
        if self.known is None or self.known.reason:
            return True
        judged = [part for part in self.known.parts if part.mask is not None]
        return any(
            part.measurements.get(metric, _NONE).asked < plan.backgrounds
            for part in judged
            for metric in _contexts_of(plan)
        )


def run(plan: Plan, folder: Path, *, workers: int = 1, progress: Listener | None = None) -> list[Row]:
    """Evaluate what ``folder`` lacks of the plan and return all that it then holds.

    Args:
        plan: what to evaluate.
        folder: keeps the results; see :class:`Ledger`.
        workers: processes. Results do not depend on it.
        progress: told of every finished photograph × method × removal: (stage, done, in all).

    Raises:
        OutputError: see :class:`Ledger`.
        ModelError: the model cannot be loaded.
    """
    judge = Judge(plan, folder)
    ledger = Ledger(folder, plan, judge.classifier.fingerprint)
    try:
        names = [(photo, m, r) for photo in plan.photos for m in plan.methods for r in plan.removals]
        cells = (Cell(photo, m, r, ledger.outcome(photo.name, m, r)) for photo, m, r in names)
        waiting = [cell for cell in cells if cell.lacks(plan)]
        done = len(names) - len(waiting)
        if waiting and plan.backend == "onnxruntime":
            judge.black_box  # exported once, before the workers look for it  # noqa: B018
        outcomes = map(judge, waiting) if workers == 1 else _in_parallel(plan, folder, waiting, workers)
        for outcome in outcomes:
            ledger.write(outcome)
            done += 1
            if progress is not None:
                progress(f"{outcome.photo}, {outcome.removal}", done, len(names))
        return ledger.rows()
    finally:
        ledger.close()


class Judge:
    """Evaluates cells: the models and contexts of a plan, made when they are first needed.

    Args:
        plan: what is evaluated.
        folder: keeps an exported network.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder

    @cached_property
    def plain(self) -> Classifier:
        """The classifier as it comes."""
        return load_classifier(self.plan.model, device=self.plan.device, labels=self.plan.labels)

    @cached_property
    def classifier(self) -> Classifier:
        """For what looks inside the network."""
        if self.plain.device.type != "cpu":
            return self.plain
        try:
            return self.plain.optimised()
        except ModelError:
            return self.plain

    @cached_property
    def black_box(self) -> Classifier:
        """For what needs nothing but logits."""
        return self.plain.accelerated(self.folder) if self.plan.backend == "onnxruntime" else self.classifier

    @cached_property
    def contexts(self) -> dict[str, Contexts]:
        """What parts are planted on, by metric."""
        return {
            "robustness-colours": SolidColours(self.plan.seed),
            "robustness-photos": OtherPhotographs(self.black_box, self.plan.contexts, self.plan.seed),
        }

    def __call__(self, cell: Cell) -> Outcome:
        """The outcome of a cell; a failure is an outcome with its reason."""
        try:
            known = cell.known if cell.known is not None and not cell.known.reason else None
            outcome = known or self._explained(cell)
            self._planted(cell.photo, outcome)
        except UnseenError as error:
            return Outcome(cell.photo.name, cell.method, cell.removal, str(error))
        return outcome

    def _explained(self, cell: Cell) -> Outcome:
        inside = REMOVALS.create(cell.removal).inside
        explanation = explain(
            cell.photo,
            self.classifier if inside else self.black_box,
            method=cell.method,
            removal=cell.removal,
            confidence=self.plan.confidence,
            seed=self.plan.seed,
        )
        found = {part.confidence_threshold: part for part in explanation.parts if part.rank == 0}
        return Outcome(
            cell.photo.name,
            cell.method,
            cell.removal,
            target=explanation.target,
            label=explanation.label,
            probability=explanation.probability,
            evaluations=explanation.provenance["evaluations"],
            seconds=explanation.provenance["seconds"],
            parts=[self._judged(explanation, gamma, found.get(gamma)) for gamma in self.plan.confidence],
        )

    def _judged(self, explanation: Explanation, gamma: float, part: Part | None) -> JudgedPart:
        if part is None:
            nothing = dict.fromkeys(self.plan.metrics, Measurement(None))
            return JudgedPart(gamma, None, reason="no part was found", measurements=nothing)
        free = {name: METRICS[name].load() for name in METRICS if name not in _CONTEXTS}
        values = {name: Measurement(float(measure(explanation, part))) for name, measure in free.items()}
        return JudgedPart(gamma, part.mask, part.verified, measurements=values)

    def _planted(self, photo: Path, outcome: Outcome) -> None:
        """Plant the parts on the contexts that they were not planted on before; equal parts once."""
        parts = [part for part in outcome.parts if part.mask is not None]
        if not parts:
            return
        image = self.black_box.prepare(photo)
        masks, index = _distinct([part.mask for part in parts if part.mask is not None])
        for metric in _contexts_of(self.plan):
            before = min(part.measurements.get(metric, _NONE).n for part in parts)
            contexts = islice(self.contexts[metric].of(outcome.photo, outcome.target), before, self.plan.backgrounds)
            hits, used = robustness(self.black_box, image, masks, contexts, outcome.target)
            for part, found in zip(parts, hits[index].tolist(), strict=True):
                total, n = found + part.measurements.get(metric, _NONE).hits, before + used
                part.measurements[metric] = Measurement(total / n if n else None, n, total, self.plan.backgrounds)


_NONE = Measurement(None, 0, 0, 0)


def _distinct(masks: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The masks without repetition, and for each of the given ones its place among them."""
    stacked = torch.stack(masks)
    found: tuple[Tensor, Tensor] = torch.unique(stacked, dim=0, return_inverse=True)
    return found


def _contexts_of(plan: Plan) -> list[str]:
    return [metric for metric in _CONTEXTS if metric in plan.metrics]


# ---- several processes ------------------------------------------------------------------------------------------

_judge: Judge


def _in_parallel(plan: Plan, folder: Path, cells: list[Cell], workers: int) -> Iterator[Outcome]:
    """Outcomes as they come; a process that dies costs its cell, not the run.

    Which cell killed a process is not told, so those that were under way are repeated one at a time.
    """
    waiting = iter(cells)
    suspects: list[Cell] = []
    running: dict[Future[Outcome], Cell] = {}
    pool = _pool(plan, folder, workers)
    try:
        while True:
            if not suspects:
                for cell in islice(waiting, 2 * workers - len(running)):
                    running[pool.submit(_work, cell)] = cell
            elif not running:
                cell = suspects.pop()
                running[pool.submit(_work, cell)] = cell
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    if running:
                        suspects += [cell, *running.values()]
                        running.clear()
                    else:
                        yield Outcome(cell.photo.name, cell.method, cell.removal, "its process died")
                    pool = _pool(plan, folder, workers)
                    break
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(plan: Plan, folder: Path, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start, initargs=(plan, folder))


def _start(plan: Plan, folder: Path) -> None:
    global _judge
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    torch.set_num_threads(1)
    tune_allocator()
    _judge = Judge(plan, folder)


def _work(cell: Cell) -> Outcome:
    return _judge(cell)
