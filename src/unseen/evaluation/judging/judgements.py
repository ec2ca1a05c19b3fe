"""What metrics said of maps: by method, removal and metric, over the photographs that several have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from unseen.evaluation.judging.ledger import Row
from unseen.evaluation.judging.plan import JUDGED_BESIDE, MetricSpec
from unseen.evaluation.statistics import Interval, interval, mean_interval
from unseen.explainers.catalogue import CONTROLS
from unseen.metrics import METRICS, MetricEntry

Key = tuple[str, str, str]
"""Method, removal, metric."""


class Judgements:
    """The measurements of maps among the rows of an evaluation.

    Args:
        rows: of any methods, removals and metrics; those of parts are left out.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self._found: dict[Key, dict[str, float]] = {}
        self._named: dict[Key, tuple[list[float], list[int]]] = {}
        self.reasons: dict[Key, dict[str, str]] = {}
        for row in rows:
            if row.confidence is None and MetricSpec(row.metric).name in METRICS.entries:
                key = (row.method, row.removal, row.metric)
                values = self._found.setdefault(key, {})
                if row.value is not None and entry_of(row.metric).over:
                    values[row.subject] = float(row.value == row.target)
                    named, targets = self._named.setdefault(key, ([], []))
                    named.append(row.value)
                    targets.append(row.target)
                elif row.value is not None:
                    values[row.subject] = row.value
                else:
                    self.reasons.setdefault(key, {})[row.subject] = row.detail

    def __bool__(self) -> bool:
        return bool(self._found)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """In the order of the evaluation, the controls last."""
        found = dict.fromkeys(method for method, _, _ in self._found)
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
        return tuple(dict.fromkeys(removal for _, removal, _ in self._found))

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """In the order of the evaluation."""
        return tuple(dict.fromkeys(metric for _, _, metric in self._found))

    def of(self, method: str, removal: str, metric: str) -> dict[str, float]:
        """The value of every photograph that has one; whether the class is kept, where values are classes."""
        return self._found.get((method, removal, metric), {})

    def over_set(self, key: Key) -> Interval | None:
        """The metric's number of all photographs that have a value; ``None`` if none has."""
        if key in self._named:
            named, targets = (np.array(values) for values in self._named[key])
            entry = entry_of(key[2])
            return interval(lambda drawn: entry.over_set(named[drawn].tolist(), targets[drawn].tolist()), len(named))
        values = list(self.of(*key).values())
        return mean_interval(values) if values else None

    def together(self, keys: Sequence[Key]) -> NDArray[np.float64]:
        """Shape (keys, photographs): the values on the photographs on which all of the keys have one."""
        found = [self.of(*key) for key in keys]
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
