"""The processes of this machine as an engine: that of the command alone, or several more."""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import torch

from unseen.evaluation.judging.judging import EvaluationCell, Judge, failed
from unseen.evaluation.judging.outcomes import Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.work import Work
from unseen.system.options import Count, Options
from unseen.system.parent import end_with_parent
from unseen.system.process import tune_allocator

_MOST_WORKERS = 61 if sys.platform == "win32" else sys.maxsize  # Windows waits for no more processes at once
_REMEDY = "define it in a module that can be imported, or name it: python:FILE.py:NAME"


@dataclass(frozen=True)
class LocalProcesses(Options):
    """Processes of this machine.

    A classifier that cannot be handed to other processes is asked in this one.

    Raises:
        ParameterError: fewer than one.
    """

    workers: Annotated[int, Count("how many processes work; one is that of the command itself")] = 1

    def outcomes(self, work: Work) -> Generator[list[Outcome], None, None]:
        """See :class:`~unseen.evaluation.judging.work.Engine`."""
        alone = self.workers == 1 or not work.cells
        if not alone and not isinstance(work.plan.model, str) and not _travels(work.plan):
            alone, name = True, work.judge.plain.name
            work.note(f"{name} cannot be handed to other processes, and is asked in this one alone; {_REMEDY}")
        yield from ([work.judge(cell)] for cell in work.cells) if alone else _in_parallel(work, self.workers)


_judge: Judge


def _in_parallel(work: Work, workers: int) -> Iterator[list[Outcome]]:
    """Outcomes as they come; a process that dies costs its cell, not the run.

    Which cell killed a process is not told, so those that were under way are repeated one at a time.
    """
    plan, folder = work.plan, work.folder
    waiting = iter(work.cells)
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
            work.told(next(iter(running.values())), "under way")
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell = running.pop(future)
                try:
                    yield [future.result()]
                except BrokenProcessPool:
                    if running:
                        suspects += [cell, *running.values()]
                        running.clear()
                    else:
                        yield [failed(cell, plan, "its process died")]
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
