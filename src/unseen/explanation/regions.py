"""A set of pixels as other programs take it: a box, polygons, and the run lengths of COCO.

The formats are those of Lin et al., *Microsoft COCO: Common Objects in Context*, 2014, as the package pycocotools reads
them: ``mask.decode(region.to_dict()["rle"])`` gives the mask back.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TRACED = 4_000_000
"""Pixels of a mask that is traced at once; of a larger one every second pixel, every third, and so on."""


@dataclass(frozen=True)
class Region:
    """A set of pixels of a picture.

    Attributes:
        box: (left, top, width, height) around it, in pixels; all 0 if it is empty.
        polygons: its outer borders, each as (x₀, y₀, x₁, y₁, …), in pixels; holes are in the run lengths only.
        size: (height, width) of the picture.
        counts: its run lengths down the columns, compressed as pycocotools does.
        pixels: how many there are.

    Example:
        >>> from unseen.explanation import Region
        >>> corner = Region((0, 0, 1, 1), ((0, 0, 1, 0, 1, 1, 0, 1),), (2, 2), "013", 1)
        >>> corner.to_dict()["fraction"]
        0.25
    """

    box: tuple[int, int, int, int]
    polygons: tuple[tuple[float, ...], ...]
    size: tuple[int, int]
    counts: str
    pixels: int

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: ``box``, ``polygons``, ``rle`` and ``fraction``, its share of the picture."""
        return {
            "box": list(self.box),
            "polygons": [list(polygon) for polygon in self.polygons],
            "rle": {"size": list(self.size), "counts": self.counts},
            "fraction": self.pixels / (self.size[0] * self.size[1]),
        }


def region_of(mask: NDArray[np.bool_], size: tuple[int, int], corner: tuple[int, int] = (0, 0)) -> Region:
    """The region of a mask that lies on a picture.

    Args:
        mask: bool, shape (h, w).
        size: (height, width) of the picture.
        corner: (left, top) of the mask on it.
    """
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    lengths = run_lengths(mask, size, corner)
    if not len(rows):
        return Region((0, 0, 0, 0), (), size, compressed(lengths), 0)
    left, top = corner[0] + int(columns[0]), corner[1] + int(rows[0])
    tight = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    box = (left, top, int(tight.shape[1]), int(tight.shape[0]))
    return Region(box, polygons(tight, (left, top)), size, compressed(lengths), int(tight.sum()))


def polygons(mask: NDArray[np.bool_], corner: tuple[int, int] = (0, 0)) -> tuple[tuple[float, ...], ...]:
    """The outer borders of a mask along the edges of its pixels, largest first.

    Of a mask of more than four million pixels they are found on a coarser grid, and are off by less than its step.
    """
    from skimage.measure import find_contours

    step = ceil(sqrt(mask.size / _TRACED))
    framed = np.pad(mask[::step, ::step], 1)
    found: list[tuple[float, tuple[float, ...]]] = []
    for border in find_contours(framed.astype(np.float32), 0.5):  # type: ignore[no-untyped-call]
        x, y = _corners(border[:-1, 1] - 0.5, border[:-1, 0] - 0.5)
        area = float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
        if area > 0:  # the border of a hole runs the other way
            points = np.stack([step * x + corner[0], step * y + corner[1]], 1)
            found.append((area, tuple(points.ravel().tolist())))
    return tuple(polygon for _, polygon in sorted(found, reverse=True))


def _corners(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The corners of pixels that a border through the middles of their edges cuts off."""
    upright = x == np.round(x)  # the middle of an upright edge, whose x is a whole number
    turns = upright != np.roll(upright, -1)
    across = np.where(upright, x, np.roll(x, -1))
    down = np.where(upright, np.roll(y, -1), y)
    return across[turns], down[turns]


def run_lengths(mask: NDArray[np.bool_], size: tuple[int, int], corner: tuple[int, int] = (0, 0)) -> list[int]:
    """How many pixels in turn are outside and inside, down the columns from left to right; the first are outside.

    Example:
        >>> import numpy as np
        >>> from unseen.explanation.regions import run_lengths
        >>> run_lengths(np.array([[False, True], [True, True]]), (2, 2))
        [1, 3]
    """
    height, width = size
    tall = len(mask) + 1  # a row below, so that no run goes on in the next column
    down = np.pad(mask, ((0, 1), (0, 0))).T.ravel()
    borders = np.nonzero(np.diff(down, prepend=False))[0]
    first, last = borders[::2], borders[1::2]
    starts = (first // tall + corner[0]) * height + first % tall + corner[1]
    ends = starts + last - first
    apart = starts[1:] != ends[:-1]  # runs over whole columns touch
    starts, ends = starts[np.append(True, apart)[: len(starts)]], ends[np.append(apart, True)[: len(ends)]]
    edges = np.concatenate([[0], np.stack([starts, ends], 1).ravel(), [height * width]])
    lengths: list[int] = np.diff(edges).tolist()
    return lengths if lengths[-1] else lengths[:-1]


def compressed(lengths: list[int]) -> str:
    """Run lengths as text, six bits a letter, each but the first three as its difference to the last but one."""
    letters = []
    for place, length in enumerate(lengths):
        rest, more = length - lengths[place - 2] if place > 2 else length, True
        while more:
            bits, rest = rest & 0x1F, rest >> 5
            more = rest != -1 if bits & 0x10 else rest != 0
            letters.append(chr((bits | 0x20 if more else bits) + 48))
    return "".join(letters)
