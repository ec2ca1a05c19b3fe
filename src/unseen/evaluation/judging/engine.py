"""Works a plan off: what is not in the ledger yet is evaluated, photograph by photograph, on one or more processes."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import torch

from unseen.evaluation.judging.identity import identity_of
from unseen.evaluation.judging.judging import EvaluationCell, Judge, failed
from unseen.evaluation.judging.ledger import Ledger, Outcome, Row
from unseen.evaluation.judging.plan import Plan
from unseen.system.parent import end_with_parent
from unseen.system.process import tune_allocator

Listener = Callable[[str, int, "int | None"], None]

_MOST_WORKERS = 61 if sys.platform == "win32" else sys.maxsize  # Windows waits for no more processes at once


def run(plan: Plan, folder: Path, *, workers: int = 1, progress: Listener | None = None) -> list[Row]:
    """Evaluate what ``folder`` lacks of the plan and return all that it then holds.

    Args:
        plan: what to evaluate.
        folder: keeps the results; see :class:`Ledger`.
        workers: processes. Results do not depend on it.
        progress: told of every finished photograph × method × removal, and of what is under way: (stage, done, in all).

    Raises:
        OutputError: see :class:`Ledger`.
        ModelError: the model cannot be loaded.
        ParameterError: see :attr:`Judge.annotations`.
    """
    plan = replace(plan)  # its photographs are those that lie there now
    names = [(subject, m, r) for subject in plan.subjects for m in plan.explainers for r in plan.removals]
    done = 0

    def told(cell: EvaluationCell, stage: str) -> None:
        if progress is not None:
            progress(f"{cell}: {stage}", done, len(names))

    judge = Judge(plan, folder, told)
    ledger = Ledger(folder, plan, identity_of(plan, judge.classifier, judge.annotations))
    try:
        cells = (EvaluationCell(subject, m, r, ledger.outcome(subject, m, r)) for subject, m, r in names)
        waiting = [cell for cell in cells if cell.lacks(plan)]
        done = len(names) - len(waiting)
        if waiting and plan.backend == "onnxruntime":
            judge.black_box  # exported once, before the workers look for it  # noqa: B018
        outcomes = map(judge, waiting) if workers == 1 else _in_parallel(plan, folder, waiting, workers, told)
        for outcome in outcomes:
            ledger.write(outcome)
            done += 1
            if progress is not None:
                progress(f"{outcome.subject.name}, {outcome.method}, {outcome.removal}: done", done, len(names))
        return ledger.rows()
    finally:
        ledger.close()


# ---- several processes ------------------------------------------------------------------------------------------

_judge: Judge


def _in_parallel(
    plan: Plan, folder: Path, cells: list[EvaluationCell], workers: int, told: Callable[[EvaluationCell, str], None]
) -> Iterator[Outcome]:
    """Outcomes as they come; a process that dies costs its cell, not the run.

    Which cell killed a process is not told, so those that were under way are repeated one at a time.
    """
    waiting = iter(cells)
    suspects: list[EvaluationCell] = []
    running: dict[Future[Outcome], EvaluationCell] = {}
    pool = _pool(plan, folder, workers)
    try:
        while True:
            if not suspects:
                next_ones = list(islice(waiting, 2 * workers - len(running)))
            else:
                next_ones = [] if running else [suspects.pop()]
            for cell in next_ones:
                try:
                    running[pool.submit(_work, cell)] = cell
                except BrokenProcessPool:  # a process died while nobody waited; those under way tell of it below
                    suspects.append(cell)
            if not running and not suspects:
                return
            if not running:
                pool = _pool(plan, folder, workers)
                continue
            told(next(iter(running.values())), "under way")
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    if running:
                        suspects += [cell, *running.values()]
                        running.clear()
                    else:
                        yield failed(cell, plan, "its process died")
                    pool = _pool(plan, folder, workers)
                    break
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


def _pool(plan: Plan, folder: Path, workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        min(workers, _MOST_WORKERS), get_context("spawn"), initializer=_start, initargs=(plan, folder)
    )


def _start(plan: Plan, folder: Path) -> None:
    global _judge
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    torch.set_num_threads(1)
    tune_allocator()
    _judge = Judge(plan, folder)


def _work(cell: EvaluationCell) -> Outcome:
    return _judge(cell)
