"""Square windows that hide a part of the photograph, and what hiding them did; their masks are never kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Square = tuple[int, int, int]
"""(top, left, side) in pixels."""


def sliding(shape: tuple[int, int], side: int, stride: int) -> list[Square]:
    """Windows at every multiple of the stride, row by row; the last one of a row or column is moved inside."""
    return [(top, left, side) for top in starts(shape[0], side, stride) for left in starts(shape[1], side, stride)]


def starts(length: int, side: int, stride: int) -> list[int]:
    """Where windows begin along one direction."""
    found = list(range(0, length - side + 1, stride))
    return found if found[-1] == length - side else [*found, length - side]


def hiding(windows: Sequence[Square], shape: tuple[int, int]) -> Float[Tensor, "N H W"]:
    """One mask for each window, 0 inside it."""
    masks = torch.ones(len(windows), *shape, dtype=torch.float32)
    for mask, (top, left, side) in zip(masks, windows, strict=True):
        mask[top : top + side, left : left + side] = 0
    return masks


class WindowSums:
    """Amounts laid over windows: their sum and their number over each pixel.

    Both are difference arrays in two directions: a window costs four corners and not its area.

    Args:
        shape: (H, W).
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._sum = torch.zeros(shape[0] + 1, shape[1] + 1, dtype=torch.float64)
        self._cover = torch.zeros_like(self._sum)

    def add(self, windows: Iterable[Square], amounts: Iterable[float]) -> None:
        """Lay an amount over each window."""
        for (top, left, side), amount in zip(windows, amounts, strict=True):
            for total, value in ((self._sum, amount), (self._cover, 1.0)):
                total[top, left] += value
                total[top + side, left + side] += value
                total[top + side, left] -= value
                total[top, left + side] -= value

    @property
    def total(self) -> Float[Tensor, "H W"]:
        """The sum over the windows that hold a pixel, float64."""
        return _filled(self._sum)

    @property
    def cover(self) -> Float[Tensor, "H W"]:
        """How many windows hold a pixel, float64."""
        return _filled(self._cover).round()

    @property
    def mean(self) -> Float[Tensor, "H W"]:
        """The mean over the windows that hold a pixel; 0 where there is none, float64."""
        cover = self.cover
        return torch.where(cover > 0, self.total / cover.clamp(min=1), 0.0)


def _filled(differences: Tensor) -> Tensor:
    return differences.cumsum(0).cumsum(1)[:-1, :-1]
