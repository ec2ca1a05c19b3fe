"""How sure a mean over repeats is. Repeats differ in the seed of the training, and in nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

SpreadVerdict = Literal["better", "worse", "same"]

FEWEST = 3
"""Repeats that a verdict needs: two that agree by chance, as shares of few photographs do, have no spread."""


@dataclass(frozen=True)
class Spread:
    """A mean with its 95 % interval by Student's t over repeats.

    Attributes:
        mean: of the repeats.
        low: lower end; NaN of a single repeat, whose spread is not known.
        high: upper end.
        values: of the repeats.
    """

    mean: float
    low: float
    high: float
    values: tuple[float, ...]


def spread(values: Sequence[float]) -> Spread:
    """The mean of repeats and how sure it is.

    Raises:
        ValueError: no values.
    """
    if not len(values):
        raise ValueError("the mean of nothing")
    sample = np.asarray(values, float)
    mean, half = float(sample.mean()), math.nan
    if len(sample) > 1:
        from scipy.stats import t

        half = float(t.ppf(0.975, len(sample) - 1) * sample.std(ddof=1) / math.sqrt(len(sample)))
    return Spread(mean, mean - half, mean + half, tuple(sample.tolist()))


def verdict(
    first: Mapping[int, float], second: Mapping[int, float], better: Literal["higher", "lower"]
) -> SpreadVerdict:
    """Whether ``first`` is better than ``second``, repeat by repeat; "same" where that cannot be told.

    Fewer than :data:`FEWEST` repeats tell nothing.

    Args:
        first: repeat → value.
        second: repeat → value; those that both have are compared.
        better: which values are better.
    """
    common = sorted(first.keys() & second.keys())
    if len(common) < FEWEST:
        return "same"
    difference = spread([first[repeat] - second[repeat] for repeat in common])
    if difference.low <= 0 <= difference.high:
        return "same"
    return "better" if (difference.mean < 0) == (better == "lower") else "worse"
