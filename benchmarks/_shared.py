"""What the benchmarks have in common: which photographs they take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unseen.photo import find_photos


def spread(sources: Sequence[Path], limit: int) -> list[Path]:
    """At most ``limit`` photographs, spread evenly over the sorted names."""
    files = find_photos(list(sources))
    count = min(limit, len(files))
    return [files[i * len(files) // count] for i in range(count)]
