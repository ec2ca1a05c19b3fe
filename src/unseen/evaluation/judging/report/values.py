"""The measurements of one method, by removal, metric, γ and photograph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from math import nan

from unseen.evaluation.judging.measurements import Key, Measurements
from unseen.evaluation.statistics import Interval, PairedComparison, mean_interval, paired_comparison, ratio_to_best
from unseen.explanation.evidence import ByChance

CONTEXTS = {"colours": "solid colours", "photos": "photographs of other classes"}
"""What parts are planted on, in the names of metrics and in words."""

ROBUSTNESS = tuple(f"robustness-{context}" for context in CONTEXTS)
_DRAWN = (*ROBUSTNESS, "confidence", "size")


class MethodValues:
    """What was measured for one method.

    Args:
        method: its spec.
        measurements: of any methods.
    """

    def __init__(self, method: str, measurements: Measurements) -> None:
        self.method, self.axes = method, measurements.axes
        self._values = measurements.values
        self._valued = measurements.valued
        self._keys = dict.fromkeys(key for key in measurements.values if key.method == method)
        self._reasons = measurements.reasons
        self._counts = measurements.counts
        self.photos = len(measurements.photographs.get(method, ()))

    @cached_property
    def removals(self) -> list[str]:
        """In the order in which they were evaluated, the reference first."""
        found = list(dict.fromkeys(key.removal for key in self._keys))
        reference = "ad" if "ad" in found else found[0]
        return [reference, *(removal for removal in found if removal != reference)]

    @property
    def reference(self) -> str:
        """What the others are compared with: ``ad``, or the first."""
        return self.removals[0]

    @cached_property
    def thresholds(self) -> list[float]:
        """Every γ, descending, as in the paper's tables."""
        return sorted({key.confidence for key in self._keys if key.confidence is not None}, reverse=True)

    @cached_property
    def drawn(self) -> list[str]:
        """The metrics that have a picture."""
        return [metric for metric in _DRAWN if self.has(metric)]

    def has(self, metric: str) -> bool:
        """Whether anything was measured by it."""
        return any(key.metric == metric for key in self.cells())

    def cells(self) -> Iterator[Key]:
        """What has a value."""
        return (key for key in self._keys if key in self._valued)

    def missing(self, removal: str, metric: str, gamma: float) -> int:
        """On how many photographs there is no part."""
        return len(self._reasons.get(Key(self.method, removal, metric, gamma), ()))

    def why_missing(self, removal: str, gamma: float) -> Counter[str]:
        """Of the photographs without a part, how many lack it for which reason."""
        metrics = {key.metric for key in self._reasons if key[:2] == (self.method, removal) and key.confidence == gamma}
        found: dict[str, str] = {}
        for metric in metrics:
            found.update(self._reasons[Key(self.method, removal, metric, gamma)])
        return Counter(found.values())

    def found_by_chance(self, removal: str, gamma: float) -> tuple[int, int] | None:
        """How many parts chance finds too, and how many were compared with it; ``None`` where none was."""
        key = Key(self.method, removal, "by-chance", gamma)
        shares, counts = self._values.get(key, {}), self._counts.get(key, {})
        if not shares:
            return None
        found = [ByChance.of(round(share * counts[photo]), counts[photo]) for photo, share in shares.items()]
        return sum(one.finds_it_too for one in found), len(found)

    def mean(self, removal: str, metric: str, gamma: float | None) -> Interval:
        """Over the photographs that have a value; ``n`` is 0 and the numbers are NaN if none has."""
        found = self._values.get(Key(self.method, removal, metric, gamma), {})
        return mean_interval(list(found.values())) if found else Interval(nan, nan, nan, 0)

    def moved(self, removal: str, context: str, gamma: float) -> Interval:
        """How far the confidence of the parts on contexts is above that under the removal, over all parts."""
        names = ("confidence", f"confidence-{context}")
        before, after = (self._values.get(Key(self.method, removal, name, gamma), {}) for name in names)
        found = [after[photo] - before[photo] for photo in before if photo in after]
        return mean_interval(found) if found else Interval(nan, nan, nan, 0)

    def together(self, metric: str, gamma: float, removals: Sequence[str]) -> list[list[float]]:
        """One list per removal, over the photographs on which all of them have a value."""
        found = [self._values.get(Key(self.method, removal, metric, gamma), {}) for removal in removals]
        common = [photo for photo in found[0] if all(photo in values for values in found[1:])]
        return [[values[photo] for photo in common] for values in found]

    def compared(self, removal: str, metric: str, gamma: float) -> PairedComparison | None:
        """The reference against a removal; ``None`` without a common photograph."""
        first, second = self.together(metric, gamma, [self.reference, removal])
        return paired_comparison(first, second) if first else None

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
