"""The measurements of one method, by removal, metric, γ and photograph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import nan

from unseen.evaluation.judging.ledger import Row
from unseen.evaluation.statistics import Comparison, Interval, compare, mean_interval, ratio_to_best

ROBUSTNESS = ("robustness-colours", "robustness-photos")
_DRAWN = (*ROBUSTNESS, "confidence", "size")

Key = tuple[str, str, float | None]


class Values:
    """What was measured for one method.

    Args:
        method: its spec.
        rows: of any methods.
    """

    def __init__(self, method: str, rows: Sequence[Row]) -> None:
        self.method = method
        self._found: dict[Key, dict[str, float]] = {}
        self._missing: dict[Key, int] = {}
        for row in rows:
            if row.method == method:
                key = (row.removal, row.metric, row.confidence)
                values = self._found.setdefault(key, {})
                if row.value is not None:
                    values[row.subject] = row.value
                else:
                    self._missing[key] = self._missing.get(key, 0) + 1
        self.photos = len({row.subject for row in rows if row.method == method})

    @cached_property
    def removals(self) -> list[str]:
        """In the order in which they were evaluated, the reference first."""
        found = list(dict.fromkeys(removal for removal, _, _ in self._found))
        reference = "ad" if "ad" in found else found[0]
        return [reference, *(removal for removal in found if removal != reference)]

    @property
    def reference(self) -> str:
        """What the others are compared with: ``ad``, or the first."""
        return self.removals[0]

    @cached_property
    def thresholds(self) -> list[float]:
        """Every γ, descending, as in the paper's tables."""
        return sorted({gamma for _, _, gamma in self._found if gamma is not None}, reverse=True)

    @cached_property
    def drawn(self) -> list[str]:
        """The metrics that have a picture."""
        return [metric for metric in _DRAWN if self.has(metric)]

    def has(self, metric: str) -> bool:
        """Whether anything was measured by it."""
        return any(found and name == metric for (_, name, _), found in self._found.items())

    def cells(self) -> Iterator[Key]:
        """(removal, metric, γ) of every cell that has a value."""
        return (key for key, found in self._found.items() if found)

    def missing(self, removal: str, metric: str, gamma: float) -> int:
        """On how many photographs there is no part."""
        return self._missing.get((removal, metric, gamma), 0)

    def mean(self, removal: str, metric: str, gamma: float | None) -> Interval:
        """Over the photographs that have a value; ``n`` is 0 and the numbers are NaN if none has."""
        found = self._found.get((removal, metric, gamma), {})
        return mean_interval(list(found.values())) if found else Interval(nan, nan, nan, 0)

    def together(self, metric: str, gamma: float, removals: Sequence[str]) -> list[list[float]]:
        """One list per removal, over the photographs on which all of them have a value."""
        found = [self._found.get((removal, metric, gamma), {}) for removal in removals]
        common = [photo for photo in found[0] if all(photo in values for values in found[1:])]
        return [[values[photo] for photo in common] for values in found]

    def compared(self, removal: str, metric: str, gamma: float) -> Comparison | None:
        """The reference against a removal; ``None`` without a common photograph."""
        first, second = self.together(metric, gamma, [self.reference, removal])
        return compare(first, second) if first else None

    def ratio(self, metric: str, gamma: float) -> Interval | None:
        """The reference's mean over that of the best other removal, on the photographs that all have.

        ``None`` without such photographs, or where the ratio has no bound (:func:`ratio_to_best`).
        """
        first, *others = self.together(metric, gamma, self.removals)
        return ratio_to_best(first, others) if first and others else None

    @cached_property
    def best_fill(self) -> str | None:
        """The other removal with the most robust parts over all γ: on solid colours, or else the smallest parts."""
        metric, sign = ("robustness-colours", 1) if self.has("robustness-colours") else ("size", -1)
        means = {}
        for removal in self.removals[1:]:
            found = [self.mean(removal, metric, gamma) for gamma in self.thresholds]
            values = [mean.value for mean in found if mean.n]
            if values:
                means[removal] = sign * sum(values) / len(values)
        return max(means, key=lambda removal: means[removal], default=None)
