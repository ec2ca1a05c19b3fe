"""Who listens to progress: a bar in a terminal or a notebook, a function of the caller's, or nobody."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unseen.errors import ParameterError
from unseen.system.arguments import type_of
from unseen.system.names import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

ProgressListener = Callable[[str, int, int | None], None]
"""Called as (stage, model evaluations done, model evaluations expected or None); what is done never exceeds it.

The last call at a door that takes a listener has what was done as its total.
"""

Listening = ProgressListener | bool | None
"""A listener, ``True`` for a bar, or nobody."""


@contextmanager
def listening(
    progress: Listening, label: str, *, unit: str = "evaluations", named: bool = False
) -> Iterator[ProgressListener | None]:
    """Who is told of the work in the block: the listener that was given, a bar for ``True``, or nobody.

    Args:
        progress: what the caller of the door gave.
        label: what the work is called on the bar.
        unit: what the bar counts.
        named: whether a listener is told the label before each stage, as it is where one listens to several works.

    Raises:
        ParameterError: neither a function nor a truth value.
    """
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with progress_bar(label, unit=unit) as listener:
            yield listener
    elif callable(progress):
        teller = _Teller(progress, f"{label}: " if named else "")
        yield teller
        teller.finish()
    else:
        raise ParameterError(
            f"progress is {type_of(progress)}; give True for a bar, or a function (stage, done, expected)"
        )


def after(done: int, listener: ProgressListener | None) -> ProgressListener | None:
    """The listener of work that begins when ``done`` of all is done already."""
    if listener is None:
        return None
    return lambda stage, more, expected: listener(stage, done + more, None if expected is None else done + expected)


@contextmanager
def progress_bar(label: str, *, unit: str = "evaluations") -> Iterator[ProgressListener]:
    """A listener that draws a bar for ``label`` while the block runs, counts in ``unit``, and leaves no trace.

    It is drawn on stderr where that is a terminal, and below the cell of a notebook (with ipywidgets); else nowhere.
    """
    if not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Bar(bar, printable(label), unit)


class _Teller:
    """Hands on what it hears, and says at the end how much it was where no total, or another, had been told."""

    def __init__(self, listener: ProgressListener, before: str) -> None:
        self.listener, self.before = listener, before
        self.last: tuple[str, int, int | None] | None = None

    def __call__(self, stage: str, done: int, expected: int | None) -> None:
        self.last = f"{self.before}{stage}", done, expected
        self.listener(*self.last)

    def finish(self) -> None:
        if self.last is not None:
            stage, done, expected = self.last
            if done != expected:
                self.listener(stage, done, done)


class _Bar:
    """A listener that draws what it hears."""

    def __init__(self, bar: Progress, label: str, unit: str) -> None:
        self.bar, self.label, self.unit = bar, label, unit
        self.task: TaskID = bar.add_task(label, total=None, count="")

    def __call__(self, stage: str, done: int, expected: int | None) -> None:
        description = f"{self.label}: {printable(stage)}"
        (task,) = self.bar.tasks
        if expected is None and task.total is not None:  # rich has no way to take a total back
            self.bar.remove_task(self.task)
            self.task = self.bar.add_task(description, total=None, completed=done, count="")
            (task,) = self.bar.tasks
        self.bar.update(self.task, description=description, completed=done, total=expected)
        of = f"{done:,}" if expected is None else f"{done:,} of {expected:,}"
        rate = f", {task.speed:,.{0 if task.speed >= 10 else 2}f}/s" if task.speed else ""
        self.bar.update(self.task, count=f"{of} {self.unit}{rate}")


def _ignore(stage: str, done: int, expected: int | None) -> None:
    del stage, done, expected
