"""What the benchmarks have in common: which photographs they take, and how sure a mean is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unseen.photo import find_photos


def spread(sources: Sequence[Path], limit: int) -> list[Path]:
    """At most ``limit`` photographs, spread evenly over the sorted names."""
    files = find_photos(list(sources))
    count = min(limit, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def mean_interval(values: Sequence[float], draws: int = 10_000) -> tuple[float, float, float]:
    """Mean over photographs and its 95 % percentile bootstrap interval."""
    sample = np.array(values, float)
    means = np.random.default_rng(0).choice(sample, (draws, len(sample))).mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(sample.mean()), float(low), float(high)
