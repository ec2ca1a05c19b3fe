"""Boxes on the input's grid: where a map is densest, and others of the same size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TypedDict

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from unseen.inputs.space import Space

LARGEST = 0.25
"""Share of the input that a box takes at most; a larger one is no place in it."""

OVERLAP = 0.25
"""Share of its samples, pixels or voxels that a box elsewhere has in common with the first at most."""


@dataclass(frozen=True)
class Box:
    """An interval, a rectangle or a cuboid; of samples, pixels or voxels, or of the cells of a coarser grid.

    Attributes:
        start: the first place along each axis; of an image the first row and the first column.
        lengths: along each axis, at least 1.
    """

    start: tuple[int, ...]
    lengths: tuple[int, ...]

    def mask(self, space: Space) -> Bool[Tensor, "*space"]:
        """What lies in it, on a grid of this size."""
        mask = torch.zeros(space, dtype=torch.bool)
        mask[self._slices] = True
        return mask

    def grown(self, by: int, space: Space) -> Box:
        """The box with a margin, cut where the grid ends."""
        start = tuple(max(0, first - by) for first in self.start)
        ends = (min(n, first + length + by) for n, first, length in zip(space, self.start, self.lengths, strict=True))
        return Box(start, tuple(end - first for end, first in zip(ends, start, strict=True)))

    def scaled(self, before: Space, after: Space) -> Box:
        """The same place on a finer grid of size ``after``."""
        along = [*zip(self.start, self.lengths, before, after, strict=True)]
        start = tuple(round(first * fine / coarse) for first, _, coarse, fine in along)
        ends = (round((first + length) * fine / coarse) for first, length, coarse, fine in along)
        return Box(start, tuple(end - first for end, first in zip(ends, start, strict=True)))

    def share(self, space: Space) -> float:
        """Of a grid of this size, that the box takes."""
        return prod(self.lengths) / prod(space)

    def to_dict(self) -> dict[str, list[int]]:
        """Ready for JSON; :meth:`of` reads it."""
        return {"start": list(self.start), "lengths": list(self.lengths)}

    @classmethod
    def of(cls, record: BoxRecord) -> Box:
        """What :meth:`to_dict` wrote."""
        return cls(tuple(record["start"]), tuple(record["lengths"]))

    @property
    def spec(self) -> str:
        """As a person writes it: ``box:X,Y,WIDTH,HEIGHT`` of an image, otherwise along the axes in their order.

        Example:
            >>> from unseen.evaluation.classes.boxes import Box
            >>> Box((5, 1), (2, 4)).spec, Box((30,), (8,)).spec
            ('box:1,5,4,2', 'box:30,8')
        """
        order = slice(None, None, -1 if len(self.start) == 2 else 1)
        return f"box:{','.join(map(str, (*self.start[order], *self.lengths[order])))}"

    @property
    def _slices(self) -> tuple[slice, ...]:
        return tuple(slice(first, first + length) for first, length in zip(self.start, self.lengths, strict=True))


class BoxRecord(TypedDict):
    """A box on disk."""

    start: list[int]
    lengths: list[int]


def densest(cells: Float[NDArray[np.float64], "*cells"]) -> Box | None:
    """The box whose share of a map is the least likely if the map did not care for places.

    It is the box with the largest spatial scan statistic (Kulldorff, *A spatial scan statistic*, Communications in
    Statistics 26, 1997, with the map's mass in place of counts): p ln(p / a) + (1 − p) ln((1 − p) / (1 − a)), where
    p is its share of the map above the map's median and a its share of the whole, at most :data:`LARGEST`.

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
        Box(start=(5, 1), lengths=(2, 2))
    """
    above = np.clip(cells - np.median(cells), 0, None)
    if not above.sum():
        return None
    sums = above / above.sum()
    for axis in range(cells.ndim):
        sums = sums.cumsum(axis)
    sums = np.pad(sums, [(1, 0)] * cells.ndim)
    best, found = 1e-9, None
    for lengths in product(*(range(1, n + 1) for n in cells.shape)):
        area = prod(lengths) / cells.size
        if area > LARGEST:
            continue
        inside = _within(sums, lengths).clip(0, 1)
        scores = np.where(inside > area, _divergence(inside, area), 0)
        start = np.unravel_index(int(scores.argmax()), scores.shape)
        if scores[start] > best:
            best, found = float(scores[start]), Box(tuple(int(n) for n in start), lengths)
    return found


def elsewhere(box: Box, space: Space, count: int, stream: np.random.Generator) -> list[Box]:
    """Different boxes of the same size at random places on a grid of this size that hardly touch the first.

    Args:
        box: the first.
        space: size of the grid.
        count: how many; there are fewer where there is no room.
        stream: of random numbers.
    """
    rooms = [n - length + 1 for n, length in zip(space, box.lengths, strict=True)]
    common = np.ones([1] * len(rooms))
    for axis, (room, first, length) in enumerate(zip(rooms, box.start, box.lengths, strict=True)):
        along = np.clip(length - np.abs(np.arange(room) - first), 0, None)
        common = common * along.reshape([-1 if n == axis else 1 for n in range(len(rooms))])
    free = np.flatnonzero(common <= OVERLAP * prod(box.lengths))
    chosen = free[stream.permutation(len(free))[:count]]
    return [Box(tuple(int(n) for n in np.unravel_index(place, rooms)), box.lengths) for place in chosen.tolist()]


def _within(sums: NDArray[np.float64], lengths: Sequence[int]) -> NDArray[np.float64]:
    """The share of a map within each box of these lengths, by its sums from the first corner."""
    for axis, length in enumerate(lengths):
        ends = np.moveaxis(sums, axis, 0)
        sums = np.moveaxis(ends[length:] - ends[:-length], 0, axis)
    return sums


def _divergence(inside: NDArray[np.float64], area: float) -> NDArray[np.float64]:
    from scipy.special import rel_entr

    return np.asarray(rel_entr(inside, area) + rel_entr(1 - inside, 1 - area), dtype=np.float64)
