"""The processes of this machine as an engine: that of the command alone, or several more."""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import Annotated, Any

import torch

from unseen.errors import first_line
from unseen.system.engines.work import R, T, Work, Worker
from unseen.system.options import Count, Options
from unseen.system.parent import end_with_parent
from unseen.system.process import tune_allocator

_MOST_WORKERS = 61 if sys.platform == "win32" else sys.maxsize  # Windows waits for no more processes at once
_IMPORT = "define it in a module that can be imported; a model may be named: python:FILE.py:NAME"
_GUARD = "a script that asks for several processes does so under if __name__ == '__main__':"


@dataclass(frozen=True)
class LocalProcesses(Options):
    """Processes of this machine.

    What cannot be handed to other processes, such as a class of a notebook, is done in this one.

    Raises:
        ParameterError: fewer than one.
    """

    workers: Annotated[int, Count("how many processes work; one is that of the command itself")] = 1

    def results(self, work: Work[T, R]) -> Generator[list[R], None, None]:
        """See :class:`~unseen.system.engines.work.Engine`."""
        alone = self.workers == 1 or not work.tasks
        if not alone and (obstacle := _obstacle(work.elsewhere)):
            alone = True
            work.note(
                f"the work cannot be handed to other processes ({obstacle[0]}), and is done in this one; {obstacle[1]}"
            )
        yield from ([work.here(task)] for task in work.tasks) if alone else _in_parallel(work, self.workers)


IN_THIS_PROCESS = LocalProcesses()
"""The process of the command itself."""

_worker: Worker[Any, Any]


def _in_parallel(work: Work[T, R], workers: int) -> Iterator[list[R]]:
    """Results as they come; a process that dies costs its task, not the run.

    Which task killed a process is not told, so those that were under way are repeated one at a time.
    """
    waiting = iter(work.tasks)
    suspects: list[T] = []
    running: dict[Future[bytes], T] = {}
    pool = _pool(work.elsewhere, workers)
    try:
        while True:
            if not suspects:
                next_ones = list(islice(waiting, 2 * workers - len(running)))
            else:
                next_ones = [] if running else [suspects.pop()]
            for task in next_ones:
                try:
                    running[pool.submit(_do, task)] = task
                except BrokenProcessPool:  # a process died while nobody waited; those under way tell of it below
                    suspects.append(task)
            if not running and not suspects:
                return
            if not running:
                pool = _pool(work.elsewhere, workers)
                continue
            work.told(next(iter(running.values())), "under way")
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                try:
                    yield [pickle.loads(future.result())]
                except BrokenProcessPool:
                    if running:
                        suspects += [task, *running.values()]
                        running.clear()
                    else:
                        yield [work.lost(task, "its process died")]
                    pool = _pool(work.elsewhere, workers)
                    break
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


def _obstacle(made: Callable[[], object]) -> tuple[str, str] | None:
    """Why another process cannot open what this one hands it, as what a notebook defines, and the remedy."""
    try:
        written = pickle.dumps(made)
    except Exception as error:  # whatever cannot be written fails in its own way
        return first_line(error), _IMPORT
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=end_with_parent) as pool:
        opened = pool.submit(_opened, written)  # where no process can be started, there is nothing to go on with
        try:
            opened.result()
        except BrokenProcessPool:  # it runs the script again, which asks for processes again
            return "none can be started", _GUARD
        except Exception as error:  # nor read
            return first_line(error), _IMPORT
    return None


def _opened(written: bytes) -> None:
    pickle.loads(written)


def _pool(made: Callable[[], Worker[Any, Any]], workers: int) -> ProcessPoolExecutor:
    written = pickle.dumps(made)
    return ProcessPoolExecutor(
        min(workers, _MOST_WORKERS), get_context("spawn"), initializer=_start, initargs=(written,)
    )


def _start(written: bytes) -> None:
    global _worker
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    torch.set_num_threads(1)
    tune_allocator()
    _worker = pickle.loads(written)()


def _do(task: object) -> bytes:
    """The result as bytes: multiprocessing would put tensors into shared memory, of which containers have little."""
    return pickle.dumps(_worker(task))
