"""A tensor read as maps: one for each row of the batch, with its place on the photograph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unseen.inputs.space import size_of
from unseen.removal.deactivation.placement import Placement, decoded
from unseen.removal.deactivation.places import Positions


@dataclass(frozen=True, eq=False)
class Cells:
    """Where one row of a tensor keeps the cells of a map, and where they lie.

    Attributes:
        order: the row's axes, counted from the end, those of positions first and that of channels last.
        where: which of the row's positions are the map's cells, row by row of the map.
        row: of the maps that ``placement`` places.
        placement: of the map.
    """

    order: tuple[int, ...]
    where: Int[Tensor, " P"]
    row: int
    placement: Placement

    def of(self, rows: Float[Tensor, "K ..."]) -> Float[Tensor, "K C *size"]:
        """The maps of rows that all keep their cells alike.

        Tokens that belong to no position, such as a class token, are left out.
        """
        axes = [0, *(axis % rows.ndim for axis in self.order)]
        values = rows.permute(axes).flatten(1, -2)[:, self.where.to(rows.device)]
        return values.transpose(1, 2).reshape(len(rows), -1, *self.placement.size)

    def laid(self, maps: Float[Tensor, "..."], *, smooth: bool = True) -> Float[Tensor, "..."]:
        """Maps of this row at their place on the photograph, 0 where they show nothing of it.

        Args:
            maps: any number of them, with the axes of the map behind any others.
            smooth: enlarge them linearly; else each pixel takes the value of the nearest cell.
        """
        axes = len(self.placement.size)
        one = maps.reshape(1, -1, *maps.shape[maps.ndim - axes :])
        empty = torch.zeros_like(one)
        rows = [one if row == self.row else empty for row in range(len(self.placement.picture.active))]
        laid = self.placement.laid(torch.cat(rows), smooth=smooth)[0]
        return laid.reshape(*maps.shape[: maps.ndim - axes], *laid.shape[1:])

    def shares(self, planes: Float[Tensor, "N *space"]) -> Float[Tensor, "N *size"]:
        """The mean of something on the photograph beneath each cell."""
        return torch.stack([self.placement.shares(plane[None, None])[self.row, 0] for plane in planes])

    @property
    def covered(self) -> float:
        """Pixels that all cells cover, as a share of the photograph."""
        return size_of(self.placement.size) * self.placement.pitch / self.placement.picture.pixels


def cells_of(tensor: Tensor, positions: Positions) -> list[Cells] | None:
    """The maps of a tensor's rows; ``None`` if they are none.

    They are none if they have other axes than positions and channels, if rows are no photographs or copies of one, if a
    row's positions are no rectangle, or if one position shows several places of the photograph. Where only every other
    row and column is left, these are the map.
    """
    held = sorted(positions.held_by(tensor.ndim))
    free = [axis for axis in range(1 - tensor.ndim, 0) if axis not in held]
    if len(free) != 1 or not held or positions.grid.placement is None or len(tensor) != positions.grid.count:
        return None
    order = (*held, *free)
    index = positions.index(tensor.ndim)
    found = []
    for row, places in enumerate(index.expand(len(tensor), *index.shape[1:])):
        places = places.permute(order).flatten(0, -2)
        cells = _row(row, places[:, 0], positions, order) if places.shape[-1] == 1 else None
        if cells is None:
            return None
        found.append(cells)
    return found


def _row(row: int, places: Tensor, positions: Positions, order: tuple[int, ...]) -> Cells | None:
    ordered, where = places.cpu().sort()
    inside = ordered >= 0
    ordered, where = ordered[inside], where[inside]
    size = positions.grid.size
    rows, *along = decoded(ordered, size)
    if not len(ordered) or bool((rows != row).any()):
        return None
    lines = [torch.unique(axis) for axis in along]
    whole = torch.zeros((), dtype=ordered.dtype)
    for line, extent in zip(lines, size, strict=True):
        whole = whole[..., None] * extent + line
    if not torch.equal(ordered % size_of(size), whole.flatten()):
        return None
    assert positions.grid.placement is not None
    placement = positions.grid.placement.some(lines)
    return None if placement is None else Cells(order, where, row, placement)


def copies(positions: Positions) -> tuple[list[int], list[int]]:
    """Which photograph each row of maps shows, and the how-manieth row of that photograph it is."""
    assert positions.grid.placement is not None
    owners = positions.grid.placement.picture.owners
    ranks = (owners[:, None] == owners).tril(-1).sum(1)
    return owners.tolist(), ranks.tolist()
