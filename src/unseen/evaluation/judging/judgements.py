"""What metrics said of maps: by method, removal and metric, over the photographs that several have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unseen.evaluation.judging.measurements import Key, Measurements
from unseen.evaluation.judging.plan import JUDGED_BESIDE, MetricSpec
from unseen.evaluation.statistics import Interval, interval, mean_interval
from unseen.explainers.catalogue import CONTROLS
from unseen.metrics import METRICS, MetricEntry


class Judgements:
    """What was measured of maps in an evaluation.

    Args:
        measurements: of any methods, removals and metrics; those of parts are left out.
    """

    def __init__(self, measurements: Measurements) -> None:
        self._all = measurements
        metrics = dict.fromkeys(key.metric for key in measurements.values)
        known = {metric for metric in metrics if MetricSpec(metric).name in METRICS.entries}
        keys = (key for key in measurements.values if key.confidence is None and key.metric in known)
        self._keys = dict.fromkeys(keys)
        self.reasons = {key: measurements.reasons[key] for key in self._keys if key in measurements.reasons}

    def _comparable(self, key: Key) -> dict[str, float]:
        """The values; where they are classes, whether each is the explained one. Put together anew each time."""
        values = self._all.values[key] if key in self._keys else {}
        if not values or not entry_of(key.metric).over:
            return values
        targets = self._all.targets[key]
        return {photo: float(value == targets[photo]) for photo, value in values.items()}

    def __bool__(self) -> bool:
        return bool(self._keys)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """In the order of the evaluation, the controls last."""
        found = dict.fromkeys(key.method for key in self._keys)
        return tuple(sorted(found, key=lambda method: method in JUDGED_BESIDE))

    @property
    def explained(self) -> tuple[str, ...]:
        """The methods that are no controls."""
        return tuple(method for method in self.methods if method not in JUDGED_BESIDE)

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that know nothing of the model nor of the object."""
        return tuple(method for method in self.methods if method in CONTROLS)

    @cached_property
    def removals(self) -> tuple[str, ...]:
        """In the order of the evaluation."""
        return tuple(dict.fromkeys(key.removal for key in self._keys))

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """In the order of the evaluation."""
        return tuple(dict.fromkeys(key.metric for key in self._keys))

    def of(self, method: str, removal: str, metric: str) -> dict[str, float]:
        """The value of every photograph that has one; whether the class is kept, where values are classes."""
        return self._comparable(Key(method, removal, metric))

    def over_set(self, key: Key) -> Interval | None:
        """The metric's number of all photographs that have a value; ``None`` if none has."""
        found = self._comparable(key)
        if not found:
            return None
        entry = entry_of(key.metric)
        if not entry.over:
            return mean_interval(list(found.values()))
        named, targets = (np.array([*of[key].values()]) for of in (self._all.values, self._all.targets))
        return interval(lambda drawn: entry.over_set(named[drawn].tolist(), targets[drawn].tolist()), len(named))

    def together(self, keys: Sequence[Key]) -> NDArray[np.float64]:
        """Shape (keys, photographs): the values on the photographs on which all of the keys have one."""
        found = [self._comparable(key) for key in keys]
        common = [photo for photo in found[0] if all(photo in values for values in found[1:])]
        return np.array([[values[photo] for photo in common] for values in found], float)

    def missing(self) -> Iterator[tuple[Key, str, int]]:
        """Every reason why a method has no value, and on how many photographs."""
        for key, reasons in self.reasons.items():
            for reason in dict.fromkeys(reasons.values()):
                yield key, reason, list(reasons.values()).count(reason)


def entry_of(metric: str) -> MetricEntry:
    """What is known of a metric, by its spec."""
    return MetricSpec(metric).entry


def sign_of(metric: str) -> int:
    """1 where more is better, −1 where less is, 0 where neither is."""
    return {"higher": 1, "lower": -1, "": 0}[entry_of(metric).better]
