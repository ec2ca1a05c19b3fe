"""Whether two judges rank methods alike: two metrics under one removal, or two removals for one metric.

Source of the question: Tomsett et al., *Sanity Checks for Saliency Metrics*, AAAI 2020 (inter-rater reliability).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

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

    def values(judge: str, method: str) -> dict[str, float]:
        metric, removal = (judge, within) if between == "metrics" else (within, judge)
        return {
            photo: (sign_of(metric) or 1) * value for photo, value in judgements.of(method, removal, metric).items()
        }

    correlations: dict[tuple[str, str], Interval] = {}
    for index, first in enumerate(judges):
        for second in judges[index + 1 :]:
            found = _by_photograph([(values(first, method), values(second, method)) for method in methods])
            if found:
                correlations[first, second] = mean_interval(found)
    return Agreement(between, within, judges, methods, correlations)


def _by_photograph(pairs: Sequence[tuple[dict[str, float], dict[str, float]]]) -> list[float]:
    """Spearman's correlation on each photograph on which at least three methods have both values."""
    photos = dict.fromkeys(photo for first, _ in pairs for photo in first)
    found = []
    for photo in photos:
        both = [(first[photo], second[photo]) for first, second in pairs if photo in first and photo in second]
        if len(both) >= 3:
            found.append(_spearman(*np.array(both).T))
    return found


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks = [rankdata(values) - (len(values) + 1) / 2 for values in (one, other)]
    norm = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float((ranks[0] * ranks[1]).sum()) / norm if norm else 0.0
