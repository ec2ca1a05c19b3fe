"""Work that somebody watches: how far it is, how long it will take, and how it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Thread
from typing import Generic, TypeVar

from unseen.system.progress import ProgressListener

T = TypeVar("T")

EVERY = 0.25
"""Seconds between two looks at the work."""

ABANDONED = 60.0
"""Seconds without a look after which nobody waits any more, and the work stops."""


class Stopped(BaseException):
    """Somebody stopped the work, or nobody waits for it; no error, and nothing that handles errors may keep it."""


@dataclass(frozen=True)
class Progress:
    """How far the work is.

    Attributes:
        stage: what is being done.
        done: model evaluations so far.
        expected: when the stage is over, or ``None`` where that cannot be known.
        rate: evaluations a second, or ``None`` where that is not known yet.
    """

    stage: str = "beginning"
    done: int = 0
    expected: int | None = None
    rate: float | None = None

    @property
    def left(self) -> float | None:
        """Seconds until the stage is over at the present speed; ``None`` where that cannot be known.

        Example:
            >>> from unseen.app.jobs import Progress
            >>> Progress("masks", 250, 1000, rate=50.0).left
            15.0
        """
        return None if self.expected is None or not self.rate else (self.expected - self.done) / self.rate


class Job(Generic[T]):
    """A piece of work on a thread of its own.

    Args:
        work: what is done; it reports to the listener that it is given, and ends where that raises.
    """

    def __init__(self, work: Callable[[ProgressListener], T]) -> None:
        self._work = work
        self._stop = Event()
        self._watched = time.monotonic()
        self._first = self._watched, 0
        self._value: T | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="unseen job", daemon=True)
        self.progress = Progress()
        self._thread.start()

    def stop(self) -> None:
        """Let the work end at its next report."""
        self._stop.set()

    def watch(self) -> Iterator[Progress]:
        """How far it is, several times a second, until it is over."""
        while self._thread.is_alive():
            self._watched = time.monotonic()
            yield self.progress
            self._thread.join(EVERY)

    def result(self) -> T:
        """What came of it, once it is over.

        Raises:
            Stopped: it was stopped.
            Exception: whatever the work raised.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # no error, so the work gave it

    def _run(self) -> None:
        try:
            self._value = self._work(self._told)
        except BaseException as error:  # of the thread; raised where the result is asked for
            self._error = error

    def _told(self, stage: str, done: int, expected: int | None) -> None:
        now = time.monotonic()
        if self._stop.is_set() or now - self._watched > ABANDONED:
            raise Stopped
        if not self.progress.done or done < self.progress.done:  # it begins, or begins anew with the next cell
            self._first = now, done
        began, before = self._first
        rate = (done - before) / (now - began) if now - began > 1 else None
        self.progress = Progress(stage, done, expected, rate)
