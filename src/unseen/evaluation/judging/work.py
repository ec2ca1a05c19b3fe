"""What an engine is given, and what it gives: cells in, outcomes out, in any order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from unseen.evaluation.judging.judging import EvaluationCell, Judge
from unseen.evaluation.judging.outcomes import Outcome
from unseen.evaluation.judging.plan import Plan


@dataclass(frozen=True, eq=False)
class Work:
    """Cells that are to be evaluated.

    Attributes:
        plan: to which they belong.
        folder: keeps an exported network.
        cells: photographs × methods × removals, those of a photograph together.
        judge: evaluates them in this process.
        told: is told what is under way.
        note: is told what must be known, in plain sentences.
    """

    plan: Plan
    folder: Path
    cells: Sequence[EvaluationCell]
    judge: Judge
    told: Callable[[EvaluationCell, str], None]
    note: Callable[[str], None]


@runtime_checkable
class Engine(Protocol):
    """Where cells are evaluated. Results do not depend on it beyond rounding."""

    def outcomes(self, work: Work) -> Generator[list[Outcome], None, None]:
        """The outcome of every cell, those together that are there at the same time; none is lost, whatever dies.

        Raises:
            UnseenError: nothing can be evaluated here, and why.
        """
