"""What belongs to one visitor: a folder, and work in progress; nothing of it is ever another's."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from unseen.app.jobs import Job
from unseen.classifier.decision import Decision
from unseen.system.progress import ProgressListener
from unseen.trials.trials import Trials

T = TypeVar("T")

IDLE = 2 * 3600.0
"""Seconds after which a visitor who was not seen has left."""


@dataclass(eq=False)
class Session:
    """One visitor, as long as the page is open.

    Attributes:
        folder: where results are put.
        decided: what the model says of the photograph that was asked about last, and what was asked.
        archives: by the tab, what makes an archive of the results that it shows.
        tried: what came of the part that was painted last, and the folder in which that part lies.
        kept: trials that the visitor keeps beside each other.
        seen: when the visitor last asked for something, by the clock of :func:`time.monotonic`.
    """

    folder: Path
    decided: tuple[tuple[Path, int], Decision] | None = None
    archives: dict[str, Callable[[], Path]] = field(default_factory=dict)
    tried: tuple[Trials, Path] | None = None
    kept: list[Trials] = field(default_factory=list)
    seen: float = field(default_factory=time.monotonic)
    _jobs: set[Job[Any]] = field(default_factory=set)

    @contextmanager
    def working(self, work: Callable[[ProgressListener], T]) -> Iterator[Job[T]]:
        """A piece of work, which stops where the block is left or the visitor leaves."""
        job = Job(work)
        self._jobs.add(job)
        try:
            yield job
        finally:
            self._jobs.discard(job)
            job.stop()

    def stop(self) -> None:
        """Stop all that is in progress."""
        for job in tuple(self._jobs):
            job.stop()

    def new_folder(self, kind: str) -> Path:
        """An empty folder for one result."""
        return Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=self.folder))

    def forget_trial(self) -> None:
        """Of what was painted last and not kept nothing is left."""
        if self.tried is not None:
            shutil.rmtree(self.tried[1], ignore_errors=True)
        self.tried = None

    def end(self) -> None:
        """Forget the visitor."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Sessions:
    """All visitors.

    Args:
        root: folder in which each gets one.

    Attributes:
        forgotten: told of each visitor who is forgotten, by the name that their browser has.
    """

    def __init__(self, root: Path) -> None:
        self.forgotten: Callable[[str], None] = lambda _: None
        self._root = root
        self._guard = Lock()
        self._of: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._of)

    def of(self, key: str) -> Session:
        """The visitor that a browser names; those who left without a word are forgotten on the way."""
        now = time.monotonic()
        with self._guard:
            gone = [name for name, session in self._of.items() if now - session.seen > IDLE and name != key]
            left = {name: self._of.pop(name) for name in gone}
            if key not in self._of:
                self._of[key] = Session(Path(tempfile.mkdtemp(dir=self._root)))
            found = self._of[key]
            found.seen = now
        for name, session in left.items():
            session.end()
            self.forgotten(name)
        return found

    def end(self, key: str) -> None:
        """Forget a visitor who closed the page."""
        with self._guard:
            session = self._of.pop(key, None)
        if session is not None:
            session.end()
        self.forgotten(key)
