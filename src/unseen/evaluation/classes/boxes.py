"""Boxes on the input's grid: where a map is densest, and others of the same size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

LARGEST = 0.25
"""Share of the input that a box takes at most; a larger one is no place in it."""

OVERLAP = 0.25
"""Share of its pixels that a box elsewhere has in common with the first at most."""


@dataclass(frozen=True)
class Box:
    """A rectangle; of pixels, or of the cells of a coarser grid.

    Attributes:
        top: the first row.
        left: the first column.
        height: rows, at least 1.
        width: columns, at least 1.
    """

    top: int
    left: int
    height: int
    width: int

    def mask(self, size: tuple[int, int]) -> Bool[Tensor, "H W"]:
        """What lies in it, on a grid of (height, width)."""
        mask = torch.zeros(size, dtype=torch.bool)
        mask[self.top : self.top + self.height, self.left : self.left + self.width] = True
        return mask

    def grown(self, by: int, size: tuple[int, int]) -> Box:
        """The box with a margin, cut where the grid of (height, width) ends."""
        top, left = max(0, self.top - by), max(0, self.left - by)
        bottom, right = min(size[0], self.top + self.height + by), min(size[1], self.left + self.width + by)
        return Box(top, left, bottom - top, right - left)

    def scaled(self, before: tuple[int, int], after: tuple[int, int]) -> Box:
        """The same place on a finer grid of (height, width) ``after``."""
        (top, bottom), (left, right) = (
            (round(first * fine / coarse), round((first + length) * fine / coarse))
            for first, length, coarse, fine in zip(
                (self.top, self.left), (self.height, self.width), before, after, strict=True
            )
        )
        return Box(top, left, bottom - top, right - left)

    def share(self, size: tuple[int, int]) -> float:
        """Of a grid of (height, width), that the box takes."""
        return self.height * self.width / (size[0] * size[1])

    def to_dict(self) -> dict[str, int]:
        """Ready for JSON."""
        return asdict(self)


def densest(cells: Float[NDArray[np.float64], "G H"]) -> Box | None:
    """The box whose share of a map is the least likely if the map did not care for places.

    It is the rectangle with the largest spatial scan statistic (Kulldorff, *A spatial scan statistic*, Communications
    in Statistics 26, 1997, with the map's mass in place of counts): p ln(p / a) + (1 − p) ln((1 − p) / (1 − a)), where
    p is its share of the map above the map's median and a its share of the area, at most :data:`LARGEST`.

    Args:
        cells: the map on a coarse grid.

    Returns:
        ``None`` where the map is the same everywhere, or nowhere above what its area would have.

    Example:
        >>> import numpy as np
        >>> from unseen.evaluation.classes.boxes import densest
        >>> cells = np.zeros((8, 8))
        >>> cells[5:7, 1:3] = 1
        >>> densest(cells)
        Box(top=5, left=1, height=2, width=2)
    """
    above = np.clip(cells - np.median(cells), 0, None)
    if not above.sum():
        return None
    rows, columns = cells.shape
    sums = np.zeros((rows + 1, columns + 1))
    sums[1:, 1:] = (above / above.sum()).cumsum(0).cumsum(1)
    best, found = 1e-9, None
    for height in range(1, rows + 1):
        for width in range(1, columns + 1):
            area = height * width / cells.size
            if area > LARGEST:
                break
            inside = (
                sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
            ).clip(0, 1)
            scores = np.where(inside > area, _divergence(inside, area), 0)
            top, left = np.unravel_index(int(scores.argmax()), scores.shape)
            if scores[top, left] > best:
                best, found = float(scores[top, left]), Box(int(top), int(left), height, width)
    return found


def elsewhere(box: Box, size: tuple[int, int], count: int, stream: np.random.Generator) -> list[Box]:
    """Different boxes of the same size at random places on a grid of (height, width) that hardly touch the first.

    Args:
        box: the first.
        size: of the grid.
        count: how many; there are fewer where there is no room.
        stream: of random numbers.
    """
    most = OVERLAP * box.height * box.width
    free = [other for other in _positions(box, size) if _common(box, other) <= most]
    return [free[place] for place in stream.permutation(len(free))[:count].tolist()]


def _positions(box: Box, size: tuple[int, int]) -> Iterator[Box]:
    for top in range(size[0] - box.height + 1):
        for left in range(size[1] - box.width + 1):
            yield Box(top, left, box.height, box.width)


def _common(one: Box, other: Box) -> int:
    """Pixels that two boxes of one size share."""
    return max(0, one.height - abs(one.top - other.top)) * max(0, one.width - abs(one.left - other.left))


def _divergence(inside: NDArray[np.float64], area: float) -> NDArray[np.float64]:
    from scipy.special import rel_entr

    return np.asarray(rel_entr(inside, area) + rel_entr(1 - inside, 1 - area), dtype=np.float64)
