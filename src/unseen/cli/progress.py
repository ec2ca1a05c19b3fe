"""Progress on stderr: what is done and expected, the rate and the time left; nothing unless a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unseen.system.names import printable

Listener = Callable[[str, int, "int | None"], None]


@contextmanager
def progress(label: str, *, unit: str = "evaluations") -> Iterator[Listener]:
    """A listener that draws a bar for ``label`` while the block runs, counts in ``unit``, and leaves no trace."""
    if not sys.stderr.isatty():
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
        task = bar.add_task(printable(label), total=None, count="")

        def listen(stage: str, done: int, expected: int | None) -> None:
            total = None if expected is None else max(expected, done)
            bar.update(task, description=printable(f"{label}: {stage}"), completed=done, total=total)
            speed = next(t for t in bar.tasks if t.id == task).speed
            of = f"{done:,}" if total is None else f"{done:,} of {total:,}"
            rate = f", {speed:,.{0 if speed >= 10 else 2}f}/s" if speed else ""
            bar.update(task, count=f"{of} {unit}{rate}")

        yield listen


def _ignore(stage: str, done: int, expected: int | None) -> None:
    del stage, done, expected
