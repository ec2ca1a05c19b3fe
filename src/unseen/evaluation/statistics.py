"""How sure a mean over photographs or repeats is, and whether two series of values differ on the same ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Indices = NDArray[np.int64]

RepeatedVerdict = Literal["better", "worse", "same"]

DRAWS = 10_000
EXACT = 50
LARGE = 2_000
"""Photographs above which the means of resamples are drawn from the normal distribution that they have by then.

Its covariance is that of the photographs over their number; drawn one by one, the weights of 50,000 photographs in as
many resamples would take 4 GB."""

FEWEST_REPEATS = 3
"""Repeats that a verdict needs: two that agree by chance, as shares of few photographs do, have no spread."""

_OPEN = 0.02
"""The share of resamples in which a ratio may be infinite: less than the 2.5 % that an interval leaves out above."""


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval over ``n`` photographs, by the bootstrap, or repeats, by Student's t."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class PairedComparison:
    """Two series of values, such as two removals or two methods, on the photographs that both have.

    Attributes:
        difference: mean of the first minus the second.
        wins: photographs where the first is larger.
        ties: where both are equal.
        losses: where the second is larger.
        p: of Wilcoxon's signed-rank test; see :func:`signed_rank`.
    """

    difference: Interval
    wins: int
    ties: int
    losses: int
    p: float


def mean_interval(values: Sequence[float] | Values, seed: int = 0) -> Interval:
    """The mean; photographs are resampled, see :data:`LARGE`.

    Raises:
        ValueError: no values.
    """
    sample = np.asarray(values, float)
    if not len(sample):
        raise ValueError("the mean of nothing")
    low, high = np.percentile(_resampled_means(sample[None], seed)[:, 0], (2.5, 97.5))
    return Interval(float(sample.mean()), float(low), float(high), len(sample))


def interval(statistic: Callable[[Indices], float], n: int, seed: int = 0, draws: int = 1000) -> Interval:
    """Of a number that belongs to a set of photographs and is not a mean.

    Args:
        statistic: the number of the photographs with these indices, which may repeat.
        n: how many photographs there are, at least 1.
        seed: of the resampling.
        draws: resamples; fewer than for a mean, for each is a call.
    """
    stream = np.random.default_rng(seed)
    drawn = [statistic(stream.integers(0, n, n)) for _ in range(draws)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Interval(statistic(np.arange(n)), float(low), float(high), n)


def over_repeats(values: Sequence[float]) -> Interval:
    """The mean of repeats, which differ in the seed and in nothing else, with its interval by Student's t.

    Of a single repeat the ends are NaN, for its spread is not known.

    Raises:
        ValueError: no values.
    """
    sample = np.asarray(values, float)
    if not len(sample):
        raise ValueError("the mean of nothing")
    mean, half = float(sample.mean()), math.nan
    if len(sample) > 1:
        from scipy.stats import t

        half = float(t.ppf(0.975, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample)))
    return Interval(mean, mean - half, mean + half, len(sample))


def repeated_verdict(
    first: Mapping[int, float], second: Mapping[int, float], better: Literal["higher", "lower"]
) -> RepeatedVerdict:
    """Whether ``first`` is better than ``second``, repeat by repeat; "same" where that cannot be told.

    Fewer than :data:`FEWEST_REPEATS` tell nothing.

    Args:
        first: repeat → value.
        second: repeat → value; those that both have are compared.
        better: which values are better.
    """
    common = sorted(first.keys() & second.keys())
    if len(common) < FEWEST_REPEATS:
        return "same"
    difference = over_repeats([first[repeat] - second[repeat] for repeat in common])
    if difference.low <= 0 <= difference.high:
        return "same"
    return "better" if (difference.value < 0) == (better == "lower") else "worse"


def ratio_to_best(
    first: Sequence[float] | Values, others: Sequence[Sequence[float]] | Values, seed: int = 0
) -> Interval | None:
    """Mean of ``first`` over the largest mean among ``others``, which every resample chooses anew.

    Args:
        first: one value a photograph, n of them, at least 0.
        others: shape (k, n), on the same photographs.
        seed: of the resampling.

    Returns:
        ``None`` where the largest mean is 0, or is 0 in so many resamples that the interval has no upper end: where the
        others are 0 on all photographs but one of three, say, in three resamples of ten.
    """
    one, rest = np.asarray(first, float), np.asarray(others, float)
    means, best = _resampled_means(np.stack([one, *rest]), seed), rest.mean(axis=1).max()
    largest = means[:, 1:].max(axis=1)
    if best <= 0 or (largest <= 0).mean() > _OPEN:
        return None
    ratios = np.divide(means[:, 0], largest, out=np.full_like(largest, np.inf), where=largest > 0)
    low, high = np.percentile(ratios, (2.5, 97.5))
    return Interval(float(one.mean() / best), float(low), float(high), len(one))


def paired_comparison(
    first: Sequence[float] | Values, second: Sequence[float] | Values, seed: int = 0
) -> PairedComparison:
    """A paired comparison, value by value."""
    differences = np.asarray(first, float) - np.asarray(second, float)
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    ties = len(differences) - wins - losses
    return PairedComparison(mean_interval(differences, seed), wins, ties, losses, signed_rank(differences))


def signed_rank(differences: Sequence[float] | Values) -> float:
    """The p-value of Wilcoxon's signed-rank test, two-sided; zero differences are dropped, 1 where all are zero.

    Up to 50 differences it is exact, with equal ones too: all signs are equally likely, and equal differences share the
    mean of their ranks. For differences of one size, as between metrics that say yes or no, that is the sign test; the
    normal approximation, which stands for more than 50, would be too sure of few of them.

    Args:
        differences: one a photograph.
    """
    from scipy.stats import rankdata, wilcoxon

    given = np.asarray(differences, float)
    unequal = given[given != 0]
    if not len(unequal):
        return 1.0
    if len(unequal) > EXACT:
        return float(wilcoxon(unequal, method="asymptotic").pvalue)
    doubled = np.rint(2 * rankdata(np.abs(unequal))).astype(int)
    total = int(doubled.sum())
    chances = np.zeros(total + 1)  # of every sum of the (doubled) ranks that have the sign +
    chances[0] = 1.0
    for rank in doubled.tolist():
        chances[rank:] = (chances[rank:] + chances[: total + 1 - rank]) / 2
        chances[:rank] /= 2
    found = int(doubled[unequal > 0].sum())
    return min(1.0, 2 * float(min(chances[: found + 1].sum(), chances[found:].sum())))


def photographs_needed(comparisons: int, level: float) -> int:
    """The fewest photographs on which the signed-rank test can make every one of several comparisons significant.

    With n photographs p is at least 2 / 2ⁿ, and Holm's adjustment multiplies the smallest by the number of comparisons.
    """
    n = 1
    while comparisons * 2.0 ** (1 - n) >= level:
        n += 1
    return n


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjustment of several p-values, in their order (Holm, Scandinavian Journal of Statistics 1979)."""
    adjusted = [0.0] * len(p)
    largest = 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable").tolist()):
        largest = max(largest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = largest
    return adjusted


def _resampled_means(samples: Values, seed: int) -> Values:
    """Shape (draws, k): the means of k series of values, shape (k, n), in every resample of their photographs."""
    n = samples.shape[1]
    if n <= LARGE:
        means: Values = _resampled(n, seed) @ samples.T
        return means
    covariance = np.cov(samples, ddof=0) / n
    stream = np.random.default_rng(seed)
    return stream.multivariate_normal(samples.mean(1), np.atleast_2d(covariance), DRAWS, method="eigh")


@lru_cache(maxsize=8)  # a report asks for the same number of photographs hundreds of times
def _resampled(n: int, seed: int) -> Values:
    """Shape (draws, n): the weight of every photograph in every resample; not to be written to."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS)
    weights: Values = counts / n
    weights.flags.writeable = False
    return weights
