"""Judges of explanations; ``unseen list metrics`` shows them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unseen.registry import Entry, Registry

Need = Literal["method", "gradients", "annotation", "retraining", "set"]
"""What a metric needs besides the map: the method that made it, to ask it again; the network's gradients; the object's
pixels; networks trained anew; other photographs."""


@dataclass(frozen=True, kw_only=True)
class MetricEntry(Entry):
    """What is known of a metric without importing it.

    Attributes:
        judges: ``map`` for a :class:`~unseen.metrics.case.Metric`; ``part`` for what judges the parts that suffice,
            one for each γ; ``training`` for what has a driver of its own, ``unseen retrain``.
        better: which values are better; empty where neither is.
        range: the values that are possible.
        needs: see :data:`Need`.
        weakness: what it is known to get wrong.
        over: for a metric whose values are classes that the model names: ``module:function`` that makes one number of
            those of a set and of the explained classes, (N,) each; empty where the set's number is the mean.
    """

    judges: Literal["map", "part", "training"] = "map"
    better: Literal["higher", "lower", ""]
    range: str
    needs: tuple[Need, ...] = ()
    weakness: str
    over: str = ""

    def over_set(self, values: Sequence[float], targets: Sequence[int]) -> float:
        """The number of a set of photographs: by :attr:`over`, or the mean."""
        if not self.over:
            return sum(values) / len(values)
        module, _, attribute = self.over.partition(":")
        return float(getattr(importlib.import_module(module), attribute)(values, targets))

    @property
    def remarks(self) -> tuple[str, ...]:
        """Also which values are better, what it needs and what it gets wrong."""
        better = f"{self.better} is better" if self.better else "not for ranking"
        needs = f"; needs: {', '.join(self.needs)}" if self.needs else ""
        return (*super().remarks, f"{better}, {self.range}{needs}; weakness: {self.weakness}")


_SEED_001 = "Chanchal, Kelly & Chockler, Activation-Deactivation"

METRICS: Registry[Any] = Registry(
    "metric",
    "unseen.metrics",
    {
        "size": MetricEntry(
            "unseen.metrics.parts:size",
            "share of the photograph's pixels that the part shows",
            f"{_SEED_001}, 5.3",
            "0",
            judges="part",
            better="lower",
            range="0 to 1",
            weakness="says nothing of what the part is worth elsewhere",
        ),
        "confidence": MetricEntry(
            "unseen.metrics.parts:confidence",
            "probability of the class on the part alone, over that on the photograph",
            f"{_SEED_001}, 5.4",
            "0",
            judges="part",
            better="higher",
            range="0 and more",
            weakness="larger parts have more of it",
        ),
        "confidence-distance": MetricEntry(
            "unseen.metrics.parts:confidence_distance",
            "how far that is from the γ that was asked for",
            f"{_SEED_001}, 5.4",
            "0",
            judges="part",
            better="lower",
            range="0 and more",
            weakness="tells how fine the search is, not how good the part",
        ),
        "robustness-colours": MetricEntry(
            "unseen.metrics.robustness:SolidColours",
            "share of solid colours (K1) on which the unmodified network names the class of the planted part",
            f"{_SEED_001}, Definition 2 and 5.1",
            "1 per colour and part",
            judges="part",
            better="higher",
            range="0 to 1",
            weakness="favours parts that were found on a solid colour, and larger parts",
        ),
        "robustness-photos": MetricEntry(
            "unseen.metrics.robustness:OtherPhotographs",
            "the same on photographs of other classes (K2)",
            f"{_SEED_001}, Definition 2 and 5.2",
            "1 per photograph and part, 1 per photograph to know its class",
            judges="part",
            better="higher",
            range="0 to 1",
            needs=("set",),
            weakness="favours larger parts",
        ),
    },
)
"""What ``unseen evaluate`` and ``unseen retrain`` measure."""

__all__ = ["METRICS", "MetricEntry", "Need"]
