"""Neighbour fill: what a switched-off position shows to a window that also sees switched-on ones.

The idea is that of layer masking (Balasubramanian & Feizi, ICCV 2023): instead of zeros, which the layer has only
seen as padding, a switched-off position takes the mean of its switched-on neighbours, ring by ring.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.removal.deactivation.grid import Grid, times

_NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


@dataclass(frozen=True, eq=False)
class Ring:
    """The switched-off positions that lie beside known ones, E of them.

    Attributes:
        place: photograph, row and column of each, shape (E,).
        beside: rows and columns of its eight neighbours, shape (8, E).
        share: the weight of each neighbour, 0 where it is not known; shape (8, E), adding up to 1.
    """

    place: tuple[Tensor, Tensor, Tensor]
    beside: tuple[Tensor, Tensor]
    share: Tensor


def neighbour_fill(features: Tensor, grid: Grid, rings: int) -> Tensor:
    """Fill switched-off positions from their eight neighbours, ``rings`` times; what stays empty is zero.

    Args:
        features: shape (N, C, h, w).
        grid: its positions; explicit padding is neither filled nor a source.
        rings: how far from a switched-on position a window can reach.

    Returns:
        Features of the same shape; switched-on positions unchanged.
    """
    if grid.per_channel:  # every channel is a map of its own
        shape = (-1, 1, *grid.size)
        single = grid.derive("channels apart", lambda: Grid(grid.active.reshape(shape), grid.padding))
        apart = neighbour_fill(features.reshape(shape), single, rings).reshape(features.shape)
        return torch.empty_like(features).copy_(apart)  # in the memory format of the features
    filled = times(features, grid.keep)
    for ring in _rings(grid, rings):
        number, row, column = ring.place
        mean = torch.zeros((), dtype=features.dtype, device=features.device)
        for y, x, share in zip(*ring.beside, ring.share.to(features.dtype), strict=True):
            mean = mean + filled[number, :, y, x] * share[:, None]
        filled[number, :, row, column] = mean
    return filled


def _rings(grid: Grid, count: int) -> list[Ring]:
    """The first ``count`` rings of a grid, found once and kept with it."""
    found: list[Ring] = grid.notes.setdefault("rings", [])
    known: Tensor = grid.notes.get("known", grid.active[:, 0] > 0)
    while len(found) < count and (not found or len(found[-1].share[0])):
        border = F.pad(known.double(), (1, 1, 1, 1))
        height, width = grid.size
        around = torch.stack([border[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in _NEIGHBOURS])
        empty = ~known & (around.sum(0) > 0)
        if grid.padding is not None:
            empty &= grid.padding[:, 0] == 0
        number, row, column = empty.nonzero(as_tuple=True)
        beside = around[:, number, row, column]
        rows = torch.stack([(row + dy).clamp(0, height - 1) for dy, _ in _NEIGHBOURS])
        columns = torch.stack([(column + dx).clamp(0, width - 1) for _, dx in _NEIGHBOURS])
        found.append(Ring((number, row, column), (rows, columns), beside / beside.sum(0)))
        known = known | empty
        grid.notes["known"] = known
    return found[:count]
