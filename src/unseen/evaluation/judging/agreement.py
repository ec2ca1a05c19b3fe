"""Whether two judges rank methods alike: two metrics under one removal, or two removals for one metric.

Source of the question: Tomsett et al., *Sanity Checks for Saliency Metrics*, AAAI 2020 (inter-rater reliability).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unseen.errors import ParameterError
from unseen.evaluation.judging.judgements import Judgements, sign_of
from unseen.evaluation.statistics import Interval, mean_interval

Between = Literal["metrics", "removals"]


@dataclass(frozen=True)
class Agreement:
    """Rank correlations between judges.

    Attributes:
        between: what the judges are.
        within: the removal, or the metric, that all of them have in common.
        judges: their names.
        methods: what they rank.
        correlations: (first, second) → mean over photographs of Spearman's correlation between their rankings of the
            methods, in [−1, 1]; pairs without a photograph on which both rank are left out.
    """

    between: Between
    within: str
    judges: tuple[str, ...]
    methods: tuple[str, ...]
    correlations: dict[tuple[str, str], Interval]


def agreement(judgements: Judgements, between: Between, within: str, *, controls: bool = False) -> Agreement:
    """How far judges rank the methods alike, photograph by photograph.

    Values are turned so that more is better. On every photograph that two judges have in common, over the methods that
    both have a value of (at least three), Spearman's correlation of their rankings is taken; a photograph on which one
    of them ranks all alike counts as 0. Intervals are bootstrapped over photographs.

    Args:
        judgements: of an evaluation.
        between: ``metrics`` or ``removals``.
        within: the removal under which metrics are compared, or the metric for which removals are.
        controls: whether the controls are ranked as well.

    Raises:
        ParameterError: nothing was measured there.
    """
    judges = tuple(m for m in judgements.metrics if sign_of(m)) if between == "metrics" else judgements.removals
    if within not in (judgements.removals if between == "metrics" else judgements.metrics):
        raise ParameterError(f"nothing was measured with {within!r}")
    methods = judgements.methods if controls else judgements.explained

    def turned(judge: str) -> list[dict[str, float]]:
        """By photograph, of each method."""
        metric, removal = (judge, within) if between == "metrics" else (within, judge)
        sign = sign_of(metric) or 1
        measured = (judgements.of(method, removal, metric) for method in methods)
        return [{photo: sign * value for photo, value in values.items()} for values in measured]

    ranked = {judge: turned(judge) for judge in judges}
    correlations: dict[tuple[str, str], Interval] = {}
    for first, second in combinations(judges, 2):
        found = _by_photograph(ranked[first], ranked[second])
        if len(found):
            correlations[first, second] = mean_interval(found)
    return Agreement(between, within, judges, methods, correlations)


def _by_photograph(first: Sequence[dict[str, float]], second: Sequence[dict[str, float]]) -> NDArray[np.float64]:
    """Spearman's correlation on each photograph on which at least three methods have both values."""
    photos = dict.fromkeys(photo for values in first for photo in values)
    if not photos:
        return np.empty(0)
    one, other = (
        np.array([[values.get(photo, np.nan) for photo in photos] for values in side]) for side in (first, second)
    )
    both = ~np.isnan(one) & ~np.isnan(other)
    found = np.full(len(photos), np.nan)
    for methods in np.unique(both, axis=1).T:  # ranked together: photographs on which the same ones have values
        if methods.sum() >= 3:
            here = (both == methods[:, None]).all(0)
            found[here] = _spearman(one[methods][:, here], other[methods][:, here])
    known: NDArray[np.float64] = found[~np.isnan(found)]
    return known


def _spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each column; 0 where one of the two ranks all alike."""
    from scipy.stats import rankdata

    first, second = (rankdata(values, axis=0) - (len(values) + 1) / 2 for values in (one, other))
    norm = np.sqrt((first**2).sum(0) * (second**2).sum(0))
    correlations: NDArray[np.float64] = np.zeros_like(norm)
    np.divide((first * second).sum(0), norm, out=correlations, where=norm > 0)
    return correlations
