"""Where a feature map lies on the photograph.

Windows, pools and resizing keep to the *picture* that they read: their output divides it. Whatever moves positions
about (a flip, a crop, a border, copies in the batch) makes another picture, whose every position is known to come from
a place in the one before. Masks and maps go from the photograph to a layer by looking these places up, and from a layer
to the photograph by adding up what lies at them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.inputs.smoothing import along_axes
from unseen.inputs.space import LINEAR, Space, size_of

ALWAYS = -1
"""The place of what belongs to no position: never switched off."""

_THIN = 3
"""Positions; a border of so many is part of the window that follows it, a wider one makes another picture."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What windows read: the photographs, or what the network made of them by moving positions about.

    Attributes:
        active: 1 where a position is switched on, ``(R, 1, *size)``; R is N, or more where the network copies them.
        padding: 1 where it belongs to a border and not to the photograph, ``(R or 1, 1, *size)``, or ``None``.
        sources: where the maps lie whose positions these were; none for the photographs themselves.
        places: which they were, int64, shape ``(R, P, *size)``: r·h·w + y·w + x through the rows r of all sources (and
            likewise along other axes), P of them where several became channels of one position; -1 where there was
            none.
    """

    active: Tensor
    padding: Tensor | None = None
    sources: tuple[Placement, ...] = ()
    places: Tensor | None = None

    @property
    def size(self) -> Space:
        """The lengths of the axes."""
        return tuple(self.active.shape[2:])

    @property
    def is_photograph(self) -> bool:
        """Whether nothing was moved."""
        return self.places is None

    @property
    def pixels(self) -> int:
        """Of one photograph."""
        return self.sources[0].picture.pixels if self.sources else size_of(self.size)

    @cached_property
    def owners(self) -> Tensor:
        """Which photograph each row shows, shape (R,)."""
        if self.places is None:
            return torch.arange(len(self.active))
        owners = torch.cat([source.picture.owners for source in self.sources])
        return owners[(self.places.flatten(1).amax(1) // size_of(self.sources[0].size)).cpu().clamp(min=0)]

    @cached_property
    def pitch(self) -> float:
        """Pixels of the photograph that one position of the picture covers."""
        if self.places is None:
            return 1.0
        return self.places.shape[1] * self.sources[0].pitch

    def seen(self, planes: Tensor) -> Tensor:
        """Planes of the photographs, N of them, as the picture shows them, R; 0 where there is none."""
        if self.places is None:
            return planes
        before = torch.cat([source.shares(planes) for source in self.sources]).flatten()
        found = torch.cat([before, before.new_zeros(1)])[self.places.to(before.device)]
        return found.mean(1, keepdim=True)

    def laid(self, planes: Tensor, *, smooth: bool) -> Tensor:
        """R maps of C channels of the picture, on the N photographs: added up where several show one place."""
        if self.places is None:
            return planes
        size, channels = self.sources[0].size, planes.shape[1]
        onto = planes.new_zeros(channels, sum(source.rows for source in self.sources) * size_of(size))
        values = planes.transpose(0, 1).flatten(1)
        for places in self.places.unbind(1):
            index = places.flatten().to(planes.device)
            there = index != ALWAYS
            onto = onto.index_add(1, index[there], values[:, there])
        pieces, laid, start = onto.reshape(channels, -1, *size).transpose(0, 1), [], 0
        for source in self.sources:
            laid.append(source.laid(pieces[start : start + source.rows], smooth=smooth))
            start += source.rows
        return torch.stack(laid).sum(0)


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the cells of a map lie on its picture.

    Windows that begin at a picture's border, with or without padding, are taken to divide it evenly, as is the custom
    with class activation maps. Where the centres of windows, counted exactly, lie further away from that than one cell
    (many windows without padding, a border that was cut away), they are what counts.

    Attributes:
        picture: that windows read.
        size: of the map.
        first: where on the picture the centre of the first cell lies along each axis, counted exactly.
        step: positions of the picture from one cell to the next, along each axis.
        coarsest: the largest steps on the way, for a map may have been enlarged since.
    """

    picture: Picture
    size: Space
    first: tuple[float, ...]
    step: tuple[float, ...]
    coarsest: tuple[float, ...]

    @classmethod
    def of(cls, picture: Picture) -> Placement:
        """The placement of a picture on itself."""
        axes = len(picture.size)
        return cls(picture, picture.size, (0.0,) * axes, (1.0,) * axes, (1.0,) * axes)

    @property
    def rows(self) -> int:
        """Of the batch."""
        return len(self.picture.active)

    # ---- from layer to layer ----------------------------------------------------------------------------------

    def through(self, centre: Sequence[float], stride: Sequence[int], size: Space) -> Placement:
        """Of the output of a convolution or pooling; ``centre`` is the position amid the first window."""
        return self._affine(centre, stride, size)

    def resized(self, size: Space) -> Placement:
        """Of an output that shows the same at another size."""
        ratio = [before / after for before, after in zip(self.size, size, strict=True)]
        return self._affine([(r - 1) / 2 for r in ratio], ratio, size)

    def padded(
        self, spatial: tuple[int, ...], grown: Callable[[Tensor], Tensor], active: Tensor, padding: Tensor | None
    ) -> Placement:
        """Of a map with a border.

        Args:
            spatial: positions before and after along the last axis, then along the one before it; negative cuts.
            grown: the same for a tensor of places.
            active: of what comes out.
            padding: of what comes out.
        """
        axes = len(self.size)
        ends = (*spatial, *(0, 0) * axes)[: 2 * axes]
        before, after = ends[-2::-2], ends[-1::-2]
        if max(map(abs, ends)) <= _THIN:
            size = tuple(n + first + last for n, first, last in zip(self.size, before, after, strict=True))
            return self._affine([-first for first in before], (1,) * axes, size)
        return self._another(grown(self._index()), active, padding)

    def sliced(self, entries: Sequence[slice], active: Tensor, padding: Tensor | None) -> Placement:
        """Of a slice along each axis, with ``active`` and ``padding`` of what comes out."""
        taken = [range(extent)[entry] for extent, entry in zip(self.size, entries, strict=True)]
        if all(map(_is_whole, taken, self.size)):
            starts, steps = [float(t.start) for t in taken], [float(t.step) for t in taken]
            return self._affine(starts, steps, tuple(map(len, taken)))
        return self._another(self._index()[last_axes(entries)], active, padding)

    def some(self, lines: Sequence[Tensor]) -> Placement | None:
        """Of some places along each axis that lie evenly apart, ascending; ``None`` if they do not."""
        found = [_regular(line.double().reshape(1, -1, 1), 1) for line in lines]
        known = [one for one in found if one is not None]
        if len(known) < len(found):
            return None
        return self._affine([first for first, _ in known], [step for _, step in known], tuple(map(len, lines)))

    def moved(self, places: Tensor, active: Tensor, padding: Tensor | None) -> Placement | None:
        """Of positions that were moved; ``None`` if one of them shows places that lie far apart.

        Args:
            places: which they were, ``(R, P, *size)``, as of :class:`Picture`.
            active: of what comes out.
            padding: of what comes out.
        """
        places = _distinct(places)
        inside = places != ALWAYS
        row, *along = decoded(places, self.size)
        if places.shape[1] > 1:
            apart = torch.stack([_reach(axis, inside) + 1 for axis in along]).prod(0)
            if bool((_reach(row, inside) > 0).any()) or bool((apart > 4 * places.shape[1]).any()):
                return None
        if bool(inside.all()) and len(places) == self.rows:
            own = torch.arange(len(places), device=places.device).reshape(-1, *(1,) * (places.ndim - 1))
            lines = [_regular(axis.double().mean(1), dim) for dim, axis in enumerate(along, start=1)]
            known = [line for line in lines if line is not None]
            if bool((row == own).all()) and len(known) == len(lines):
                firsts, steps, size = (
                    [first for first, _ in known],
                    [step for _, step in known],
                    tuple(places.shape[2:]),
                )
                if all(map(_covers, firsts, steps, size, self.size)):
                    return self._affine(firsts, steps, size)
        return self._another(places, active, padding)

    @classmethod
    def joined(cls, sources: Sequence[Placement], active: Tensor, padding: Tensor | None) -> Placement:
        """Of maps of one size that were put into one batch."""
        places = torch.arange(active.shape[0] * size_of(active.shape[2:]), device=active.device)
        picture = Picture(active, padding, tuple(sources), places.reshape(len(active), 1, *active.shape[2:]))
        return cls.of(picture)

    def _another(self, places: Tensor, active: Tensor, padding: Tensor | None) -> Placement:
        return Placement.of(Picture(active.amax(1, keepdim=True), padding, (self,), places))

    def _index(self) -> Tensor:
        rows = self.rows
        places = torch.arange(rows * size_of(self.size), device=self.picture.active.device)
        return places.reshape(rows, 1, *self.size)

    def _affine(self, offset: Sequence[float], scale: Sequence[float], size: Space) -> Placement:
        first = [f + s * o for f, s, o in zip(self.first, self.step, offset, strict=True)]
        step = [s * by for s, by in zip(self.step, scale, strict=True)]
        coarsest = [max(pair) for pair in zip(self.coarsest, step, strict=True)]
        return replace(self, size=size, first=_floats(first), step=_floats(step), coarsest=_floats(coarsest))

    # ---- to the photograph and back ---------------------------------------------------------------------------

    @cached_property
    def even(self) -> bool:
        """Whether the map divides its picture evenly; else its cells lie where their windows' centres are."""
        return all(map(_is_even, self.first, self.step, self.coarsest, self.size, self.picture.size))

    @property
    def whole(self) -> bool:
        """Whether the map divides the photograph itself evenly, as that of a plain network does."""
        return self.even and self.picture.is_photograph

    @cached_property
    def pitch(self) -> float:
        """Pixels of the photograph that one cell of the map covers."""
        each = [extent / cells for extent, cells in zip(self.picture.size, self.size, strict=True)]
        return prod(each if self.even else self.step) * self.picture.pitch

    def shares(self, planes: Tensor) -> Tensor:
        """The mean of N planes of the photographs over each cell, ``(R, 1, *size)``."""
        return self.over_cells(self.picture.seen(planes))

    def over_cells(self, planes: Tensor) -> Tensor:
        """The mean of R planes of the picture over each cell, ``(R, 1, *size)``."""
        return along_axes(planes, [_areas(*axis).to(planes) for axis in self._axes()])

    def laid(self, maps: Tensor, *, smooth: bool = True) -> Tensor:
        """Maps ``(R, C, *size)`` on the N photographs.

        They are enlarged linearly along every axis, or not ``smooth`` by the nearest cell. What several rows say of one
        place of a photograph is added up; what the network does not see is 0.
        """
        if not self.even:
            large = along_axes(maps, [_weights(*axis, smooth=smooth).to(maps) for axis in self._axes()])
        elif self.size == self.picture.size:
            large = maps
        elif smooth:
            large = F.interpolate(maps, self.picture.size, mode=LINEAR[len(self.size)], align_corners=False)
        else:
            large = F.interpolate(maps, self.picture.size, mode="nearest-exact")
        return self.picture.laid(large, smooth=smooth)

    def _axes(self) -> list[tuple[float, float, int, int]]:
        """First cell, step, cells and extent along each axis."""
        found = []
        for axis, cells in enumerate(self.size):
            extent, exact = self.picture.size[axis], (self.first[axis], self.step[axis])
            first, step = (extent / cells / 2 - 0.5, extent / cells) if self.even else exact
            found.append((first, step, cells, extent))
        return found


# ---- one axis -------------------------------------------------------------------------------------------------------


def _areas(first: float, step: float, cells: int, extent: int) -> Tensor:
    """The share of each cell that each pixel covers, (cells, extent); of what lies on the picture, rows sum to 1."""
    pixel = torch.arange(extent, dtype=torch.float64)
    start = first + 0.5 - step / 2 + step * torch.arange(cells, dtype=torch.float64)[:, None]
    overlap = (torch.minimum(pixel + 1, start + step) - torch.maximum(pixel, start)).clamp(min=0)
    overlap = torch.where(overlap > 1e-9, overlap, 0)  # what rounding leaves is no overlap
    total = overlap.sum(1, keepdim=True)
    return overlap / torch.where(total > 0, total, 1)


def _weights(first: float, step: float, cells: int, extent: int, *, smooth: bool) -> Tensor:
    """How far each pixel takes its value from each cell, (extent, cells)."""
    where = (torch.arange(extent, dtype=torch.float64) - first) / step
    inside = (where >= -0.5) & (where <= cells - 0.5)
    where = where.clamp(0, cells - 1)
    distance = (where[:, None] - torch.arange(cells, dtype=torch.float64)).abs()
    weights = (1 - distance).clamp(min=0) if smooth else (distance == distance.amin(1, keepdim=True)).double()
    return weights / weights.sum(1, keepdim=True) * inside[:, None]


def _is_even(first: float, step: float, coarsest: float, cells: int, extent: int) -> bool:
    even = extent / cells
    ends = (first - (even / 2 - 0.5), first + step * (cells - 1) - (even * (cells - 0.5) - 0.5))
    return max(map(abs, ends)) <= max(coarsest, even) + 1e-6


def _is_whole(taken: range, extent: int) -> bool:
    """Whether a slice goes forward and leaves out no more than a thin border."""
    return len(taken) > 0 and taken.step > 0 and _covers(taken.start, taken.step, len(taken), extent)


def _covers(first: float, step: float, cells: int, extent: int) -> bool:
    last = first + step * (cells - 1)
    return max(0.0, first - step + 1) + max(0.0, extent - last - step) <= 2


def _regular(places: Tensor, axis: int) -> tuple[float, float] | None:
    """First place and step if they grow evenly along one axis of ``(R, *size)``, and along no other."""
    along = places.movedim(axis, 0).flatten(1)
    line = along[:, 0]
    step = float(line[1] - line[0]) if len(line) > 1 else 1.0
    regular = step > 0 and torch.equal(along, line[:, None].expand_as(along))
    even = torch.allclose(line, line[0] + step * torch.arange(len(line)).to(line), atol=1e-9)
    return (float(line[0]), step) if regular and even else None


def _reach(values: Tensor, inside: Tensor) -> Tensor:
    """How far the values of each position lie apart."""
    most = torch.where(inside, values, values.amin()).amax(1)
    return (most - torch.where(inside, values, values.amax()).amin(1)).clamp(min=0)


def _distinct(places: Tensor) -> Tensor:
    """``(R, P, *size)`` with every column of places once."""
    if places.shape[1] == 1:
        return places
    flat = places.transpose(0, 1).flatten(1)
    distinct: Tensor = torch.unique(flat, dim=0)
    return distinct.reshape(-1, len(places), *places.shape[2:]).transpose(0, 1)


def last_axes(entries: Sequence[slice | Tensor]) -> tuple[Any, ...]:
    """An index of the last axes, by a slice or places of each."""
    return (..., *entries)


def decoded(places: Tensor, size: Space) -> list[Tensor]:
    """The row of the batch and the place along each axis, of places r·h·w + y·w + x."""
    along = []
    for extent in reversed(size):
        along.append(places % extent)
        places = places // extent
    return [places, *reversed(along)]


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(map(float, values))
