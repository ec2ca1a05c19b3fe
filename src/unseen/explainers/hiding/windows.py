"""Windows that hide a part of the input, and what hiding them did; their masks are never kept.

A window is a square of an image, an interval of a signal, a cube of a volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.inputs.space import Space

Window = tuple[Space, int]
"""(corner, side) in pixels: where it begins along each axis, and how far it reaches."""


def sliding(shape: Space, side: int, stride: int) -> list[Window]:
    """Windows at every multiple of the stride, row by row; the last one of a row or column is moved inside."""
    return [(corner, side) for corner in product(*(starts(length, side, stride) for length in shape))]


def starts(length: int, side: int, stride: int) -> list[int]:
    """Where windows begin along one direction."""
    found = list(range(0, length - side + 1, stride))
    return found if found[-1] == length - side else [*found, length - side]


def hiding(windows: Sequence[Window], shape: Space) -> Float[Tensor, "N *space"]:
    """One mask for each window, 0 inside it."""
    masks = torch.ones(len(windows), *shape, dtype=torch.float32)
    for mask, (corner, side) in zip(masks, windows, strict=True):
        mask[tuple(slice(start, start + side) for start in corner)] = 0
    return masks


class WindowSums:
    """Amounts laid over windows: their sum and their number over each pixel.

    Both are difference arrays along every axis: a window costs its corners and not its area.

    Args:
        shape: of the input, without its channels.
    """

    def __init__(self, shape: Space) -> None:
        self._sum = torch.zeros([length + 1 for length in shape], dtype=torch.float64)
        self._cover = torch.zeros_like(self._sum)

    def add(self, windows: Iterable[Window], amounts: Iterable[float]) -> None:
        """Lay an amount over each window."""
        for (corner, side), amount in zip(windows, amounts, strict=True):
            for ends in product((0, side), repeat=len(corner)):
                place = tuple(start + end for start, end in zip(corner, ends, strict=True))
                sign = (-1) ** sum(map(bool, ends))
                self._sum[place] += sign * amount
                self._cover[place] += sign

    @property
    def total(self) -> Float[Tensor, "*space"]:
        """The sum over the windows that hold a pixel, float64."""
        return _filled(self._sum)

    @property
    def cover(self) -> Float[Tensor, "*space"]:
        """How many windows hold a pixel, float64."""
        return _filled(self._cover).round()

    @property
    def mean(self) -> Float[Tensor, "*space"]:
        """The mean over the windows that hold a pixel; 0 where there is none, float64."""
        cover = self.cover
        return torch.where(cover > 0, self.total / cover.clamp(min=1), 0.0)


def _filled(differences: Tensor) -> Tensor:
    for axis, length in enumerate(differences.shape):
        differences = differences.cumsum(axis).narrow(axis, 0, length - 1)
    return differences
