"""Works a plan off: what is not in the ledger yet is evaluated, photograph by photograph, on one or more processes."""

from __future__ import annotations

import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import torch

from unseen.classifier.borrowing import own_precision
from unseen.evaluation.judging.identity import identity_of
from unseen.evaluation.judging.judging import EvaluationCell, Judge, failed
from unseen.evaluation.judging.ledger import Ledger, Outcome, Row
from unseen.evaluation.judging.plan import Plan
from unseen.system.parent import end_with_parent
from unseen.system.process import tune_allocator

Listener = Callable[[str, int, "int | None"], None]

_MOST_WORKERS = 61 if sys.platform == "win32" else sys.maxsize  # Windows waits for no more processes at once


def _warned(text: str) -> None:
    warnings.warn(text, stacklevel=3)


@own_precision()
def run(
    plan: Plan,
    folder: Path,
    *,
    workers: int = 1,
    progress: Listener | None = None,
    note: Callable[[str], None] = _warned,
) -> list[Row]:
    """Evaluate what ``folder`` lacks of the plan and return all that it then holds.

    Args:
        plan: what to evaluate.
        folder: keeps the results; see :class:`Ledger`.
        workers: processes. Results do not depend on it. A classifier that cannot be handed to other processes is asked
            in this one.
        progress: told of every finished photograph × method × removal, and of what is under way: (stage, done, in all).
        note: told what must be known of where the model comes from, in plain sentences; by default they are warnings.

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
    for text in judge.plain.notes:
        note(text)
    ledger = Ledger(folder, plan, identity_of(plan, judge.classifier, judge.annotations))
    try:
        cells = (EvaluationCell(subject, m, r, ledger.outcome(subject, m, r)) for subject, m, r in names)
        waiting = [cell for cell in cells if cell.lacks(plan)]
        done = len(names) - len(waiting)
        if waiting and plan.backend == "onnxruntime":
            judge.black_box  # exported once, before the workers look for it  # noqa: B018
        if workers > 1 and waiting and not isinstance(plan.model, str) and not _travels(plan):
            workers = 1
            note(f"{judge.plain.name} cannot be handed to other processes, and is asked in this one alone; {_REMEDY}")
        outcomes = map(judge, waiting) if workers == 1 else _in_parallel(plan, folder, waiting, workers, told)
        for outcome in outcomes:
            ledger.write(outcome)
            done += 1
            if progress is not None:
                progress(f"{outcome.subject.name}, {outcome.method}, {outcome.removal}: done", done, len(names))
        return ledger.rows()
    finally:
        ledger.close()


_REMEDY = "define it in a module that can be imported, or name it: python:FILE.py:NAME"


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


def _travels(plan: Plan) -> bool:
    """Whether another process can open what this one hands it: what a notebook defines it cannot."""
    try:
        with ProcessPoolExecutor(1, get_context("spawn"), initializer=end_with_parent) as pool:
            pool.submit(_opened, pickle.dumps(plan)).result()
    except Exception:  # whatever cannot be written or read fails in its own way
        return False
    return True


def _opened(written: bytes) -> None:
    pickle.loads(written)


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
