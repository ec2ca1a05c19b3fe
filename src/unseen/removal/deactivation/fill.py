"""Neighbour fill: what a switched-off position shows to a window that also sees switched-on ones.

The idea is that of layer masking (Balasubramanian & Feizi, ICCV 2023): instead of zeros, which the layer has only
seen as padding, a switched-off position takes the mean of its switched-on neighbours, ring by ring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.removal.deactivation.grid import Grid, times
from unseen.removal.deactivation.placement import last_axes


def _neighbours(axes: int) -> list[tuple[int, ...]]:
    """The steps to all neighbours along so many axes: 2, 8 or 26."""
    return [steps for steps in product((-1, 0, 1), repeat=axes) if any(steps)]


@dataclass(frozen=True, eq=False)
class Ring:
    """The switched-off positions that lie beside known ones, E of them.

    Attributes:
        place: photograph, and place along each axis, of each, shape (E,).
        beside: places of its neighbours along each axis, shape (8, E) of a map.
        share: the weight of each neighbour, 0 where it is not known; shape (8, E) of a map, adding up to 1.
    """

    place: tuple[Tensor, ...]
    beside: tuple[Tensor, ...]
    share: Tensor


def neighbour_fill(features: Tensor, grid: Grid, rings: int) -> Tensor:
    """Fill switched-off positions from their neighbours, ``rings`` times; what stays empty is zero.

    Args:
        features: shape ``(N, C, *size)``.
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
        number, *places = ring.place
        mean = torch.zeros((), dtype=features.dtype, device=features.device)
        for *there, share in zip(*ring.beside, ring.share.to(features.dtype), strict=True):
            mean = mean + filled[_at(number, there)] * share[:, None]
        filled[_at(number, places)] = mean
    return filled


def _at(number: Tensor, places: Sequence[Tensor]) -> tuple[Any, ...]:
    """An index of all channels at some places."""
    return (number, slice(None), *places)


def _rings(grid: Grid, count: int) -> list[Ring]:
    """The first ``count`` rings of a grid, found once and kept with it."""
    found: list[Ring] = grid.notes.setdefault("rings", [])
    known: Tensor = grid.notes.get("known", grid.active[:, 0] > 0)
    while len(found) < count and (not found or len(found[-1].share[0])):
        size, steps = grid.size, _neighbours(len(grid.size))
        border = F.pad(known.double(), (1, 1) * len(size))
        shifted = [tuple(slice(1 + by, 1 + by + n) for by, n in zip(step, size, strict=True)) for step in steps]
        around = torch.stack([border[last_axes(window)] for window in shifted])
        empty = ~known & (around.sum(0) > 0)
        if grid.padding is not None:
            empty &= grid.padding[:, 0] == 0
        place = empty.nonzero(as_tuple=True)
        beside = around[last_axes(place)]
        lines = tuple(
            torch.stack([(place[axis + 1] + step[axis]).clamp(0, extent - 1) for step in steps])
            for axis, extent in enumerate(size)
        )
        found.append(Ring(place, lines, beside / beside.sum(0)))
        known = known | empty
        grid.notes["known"] = known
    return found[:count]
