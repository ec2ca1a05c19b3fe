"""What an evaluation will take, from a few of its photographs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from unseen.errors import PhotoError
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.ledger import FILE
from unseen.evaluation.judging.outcomes import EVALUATIONS, SECONDS
from unseen.evaluation.judging.plan import Plan

MEASURED = 2
"""Photographs that are evaluated for an estimate by default."""


@dataclass(frozen=True)
class Estimate:
    """What a plan takes on one worker like this process.

    Attributes:
        cells: photographs × methods × removals.
        measured: of so many it was measured.
        evaluations: of the model, by all explanations; those of metrics come on top.
        seconds: all in all, but for loading the model.
        size: bytes of the results.
    """

    cells: int
    measured: int
    evaluations: int
    seconds: float
    size: int

    def on(self, workers: int) -> float:
        """Seconds on so many workers, where none waits: never less than the mean cell takes."""
        return max(self.seconds / workers, self.seconds / max(1, self.cells))


def estimate(plan: Plan, photographs: int = MEASURED, note: Callable[[str], None] = lambda _text: None) -> Estimate:
    """Evaluate the plan's first photographs in a folder that is deleted afterwards, and reckon from them.

    Args:
        plan: what is to be evaluated.
        photographs: how many are evaluated.
        note: told what must be known of where the model comes from.

    Raises:
        PhotoError: none of them could be evaluated.
        UnseenError: the model cannot be loaded.
    """
    some = replace(plan, photos=plan.photos[:photographs])
    began: list[float] = []
    with TemporaryDirectory(prefix="unseen-") as folder:
        rows = run(some, Path(folder), progress=lambda *_: began.append(time.perf_counter()), note=note)
        seconds = time.perf_counter() - began[0]
        size = (Path(folder) / FILE).stat().st_size
    done = [row for row in rows if row.metric == SECONDS and row.value is not None]
    if not done:
        reason = next((row.detail for row in rows if row.detail), "")
        raise PhotoError(f"none of the first {len(some.photos)} photographs could be evaluated ({reason})")
    spent = sum(row.value for row in rows if row.metric == EVALUATIONS and row.value is not None)
    share = plan.cells / len(done)
    return Estimate(plan.cells, len(done), round(spent * share), seconds * share, round(size * share))
