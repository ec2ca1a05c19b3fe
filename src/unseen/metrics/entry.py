"""What is known of a metric without importing it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unseen.registry import Entry

Need = Literal["method", "gradients", "annotation", "retraining", "set", "classes"]
"""What a metric needs besides the map: the method that made it, to ask it again; the network's gradients; the object's
pixels; networks trained anew; other photographs; the classes that people gave to the photographs."""


@dataclass(frozen=True, kw_only=True)
class MetricEntry(Entry):
    """What is known of a metric without importing it.

    Attributes:
        judges: ``map`` for a :class:`~unseen.metrics.case.Metric`; ``part`` for what judges the parts that suffice,
            one for each γ; ``training`` for what has a driver of its own, ``unseen retrain``.
        better: which values are better; empty where neither is.
        reversed_if_necessary: whether the other ones are better of a necessary part, which is to leave nothing.
        range: the values that are possible.
        needs: see :data:`Need`.
        weakness: what it is known to get wrong.
        over: for a metric whose values are classes that the model names: ``module:function`` that makes one number of
            those of a set and of the explained classes, (N,) each; empty where the set's number is the mean.

    Example:
        >>> from unseen.metrics import METRICS
        >>> METRICS["deletion"].better, METRICS["deletion"].range
        ('lower', '0 to 1 for probabilities, more if normalised')
    """

    judges: Literal["map", "part", "training"] = "map"
    better: Literal["higher", "lower", ""]
    range: str
    needs: tuple[Need, ...] = ()
    weakness: str
    over: str = ""
    reversed_if_necessary: bool = False

    def over_set(self, values: Sequence[float], targets: Sequence[int]) -> float:
        """The number of a set of photographs: by :attr:`over`, or the mean."""
        if not self.over:
            return sum(values) / len(values)
        module, _, attribute = self.over.partition(":")
        return float(getattr(importlib.import_module(module), attribute)(values, targets))

    @property
    def direction(self) -> str:
        """Which values are better, in words.

        Example:
            >>> from unseen.metrics import METRICS
            >>> METRICS["confidence"].direction
            'higher is better, of a necessary part lower'
        """
        if not self.better:
            return "not for ranking"
        other = "lower" if self.better == "higher" else "higher"
        return f"{self.better} is better" + f", of a necessary part {other}" * self.reversed_if_necessary

    @property
    def remarks(self) -> tuple[str, ...]:
        """Also which values are better, what it needs and what it gets wrong."""
        needs = f"; needs: {', '.join(self.needs)}" if self.needs else ""
        return (*super().remarks, f"{self.direction}, {self.range}{needs}; weakness: {self.weakness}")
