"""What the benchmarks have in common: which photographs they take, and how sure a share of them is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unseen.inputs.photo import find_photos


def spread(sources: Sequence[Path], limit: int) -> list[Path]:
    """At most ``limit`` photographs, spread evenly over the sorted names."""
    files = find_photos(list(sources))
    count = min(limit, len(files))
    return [files[i * len(files) // count] for i in range(count)]


def wilson(successes: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval of a share; 95 % by default."""
    share = successes / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5 / (1 + z**2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)
