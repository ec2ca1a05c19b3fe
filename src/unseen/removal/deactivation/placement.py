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

import torch
from torch import Tensor
from torch.nn import functional as F

ALWAYS = -1
"""The place of what belongs to no position: never switched off."""

_THIN = 3
"""Positions; a border of so many is part of the window that follows it, a wider one makes another picture."""


@dataclass(frozen=True, eq=False)
class Picture:
    """What windows read: the photographs, or what the network made of them by moving positions about.

    Attributes:
        active: 1 where a position is switched on, shape (R, 1, H, W); R is N, or more where the network copies them.
        padding: 1 where it belongs to a border and not to the photograph, shape (R or 1, 1, H, W), or ``None``.
        sources: where the maps lie whose positions these were; none for the photographs themselves.
        places: which they were, int64, shape (R, P, H, W): r·h·w + y·w + x through the rows r of all sources, P of them
            where several became channels of one position; -1 where there was none.
    """

    active: Tensor
    padding: Tensor | None = None
    sources: tuple[Placement, ...] = ()
    places: Tensor | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return int(self.active.shape[-2]), int(self.active.shape[-1])

    @property
    def is_photograph(self) -> bool:
        """Whether nothing was moved."""
        return self.places is None

    @property
    def pixels(self) -> int:
        """Of one photograph."""
        return self.sources[0].picture.pixels if self.sources else self.size[0] * self.size[1]

    @cached_property
    def owners(self) -> Tensor:
        """Which photograph each row shows, shape (R,)."""
        if self.places is None:
            return torch.arange(len(self.active))
        height, width = self.sources[0].size
        owners = torch.cat([source.picture.owners for source in self.sources])
        return owners[(self.places.flatten(1).amax(1) // (height * width)).cpu().clamp(min=0)]

    @cached_property
    def pitch(self) -> float:
        """Pixels of the photograph that one position of the picture covers."""
        if self.places is None:
            return 1.0
        return self.places.shape[1] * self.sources[0].pitch

    def seen(self, planes: Tensor) -> Tensor:
        """(N, 1, H, W) of the photographs, as the picture shows them, (R, 1, h, w); 0 where there is none."""
        if self.places is None:
            return planes
        before = torch.cat([source.shares(planes) for source in self.sources]).flatten()
        found = torch.cat([before, before.new_zeros(1)])[self.places.to(before.device)]
        return found.mean(1, keepdim=True)

    def laid(self, planes: Tensor, *, smooth: bool) -> Tensor:
        """(R, C, h, w) of the picture, on the photographs, (N, C, H, W): added up where several show one place."""
        if self.places is None:
            return planes
        (height, width), channels = self.sources[0].size, planes.shape[1]
        onto = planes.new_zeros(channels, sum(source.rows for source in self.sources) * height * width)
        values = planes.transpose(0, 1).flatten(1)
        for places in self.places.unbind(1):
            index = places.flatten().to(planes.device)
            there = index != ALWAYS
            onto = onto.index_add(1, index[there], values[:, there])
        pieces, laid, start = onto.reshape(channels, -1, height, width).transpose(0, 1), [], 0
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
        size: (h, w) of the map.
        first: row and column of the picture at the centre of the first cell, counted exactly.
        step: rows and columns from one cell to the next.
        coarsest: the largest steps on the way, for a map may have been enlarged since.
    """

    picture: Picture
    size: tuple[int, int]
    first: tuple[float, float] = (0.0, 0.0)
    step: tuple[float, float] = (1.0, 1.0)
    coarsest: tuple[float, float] = (1.0, 1.0)

    @classmethod
    def of(cls, picture: Picture) -> Placement:
        """The placement of a picture on itself."""
        return cls(picture, picture.size)

    @property
    def rows(self) -> int:
        """Of the batch."""
        return len(self.picture.active)

    # ---- from layer to layer ----------------------------------------------------------------------------------

    def through(self, centre: tuple[float, float], stride: tuple[int, int], size: tuple[int, int]) -> Placement:
        """Of the output of a convolution or pooling; ``centre`` is the position amid the first window."""
        return self._affine(centre, stride, size)

    def resized(self, size: tuple[int, int]) -> Placement:
        """Of an output that shows the same at another size."""
        ratio = [before / after for before, after in zip(self.size, size, strict=True)]
        return self._affine([(r - 1) / 2 for r in ratio], ratio, size)

    def padded(
        self, spatial: tuple[int, ...], grown: Callable[[Tensor], Tensor], active: Tensor, padding: Tensor | None
    ) -> Placement:
        """Of a map with a border.

        Args:
            spatial: columns before and after, rows before and after; negative cuts.
            grown: the same for a tensor of places.
            active: of what comes out.
            padding: of what comes out.
        """
        left, right, top, bottom = (*spatial, 0, 0, 0, 0)[:4]
        height, width = self.size
        if max(map(abs, (left, right, top, bottom))) <= _THIN:
            return self._affine((-top, -left), (1, 1), (height + top + bottom, width + left + right))
        return self._another(grown(self._index()), active, padding)

    def sliced(self, rows: slice, columns: slice, active: Tensor, padding: Tensor | None) -> Placement:
        """Of some rows and columns, with ``active`` and ``padding`` of what comes out."""
        taken = [range(extent)[entry] for extent, entry in zip(self.size, (rows, columns), strict=True)]
        if all(map(_is_whole, taken, self.size)):
            starts, steps = [float(t.start) for t in taken], [float(t.step) for t in taken]
            return self._affine(starts, steps, (len(taken[0]), len(taken[1])))
        return self._another(self._index()[..., rows, columns], active, padding)

    def some(self, rows: Tensor, columns: Tensor) -> Placement | None:
        """Of some rows and columns that lie evenly apart, ascending; ``None`` if they do not."""
        along, across = (_regular(line.double().reshape(1, -1, 1), 1) for line in (rows, columns))
        if along is None or across is None:
            return None
        (top, down), (left, right) = along, across
        return self._affine((top, left), (down, right), (len(rows), len(columns)))

    def moved(self, places: Tensor, active: Tensor, padding: Tensor | None) -> Placement | None:
        """Of positions that were moved; ``None`` if one of them shows places that lie far apart.

        Args:
            places: which they were, (R, P, h, w), as of :class:`Picture`.
            active: of what comes out.
            padding: of what comes out.
        """
        places = _distinct(places)
        inside, (height, width) = places != ALWAYS, self.size
        row, y, x = places // (height * width), places // width % height, places % width
        if places.shape[1] > 1:
            reach = [_reach(axis, inside) for axis in (row, y, x)]
            wide = (reach[1] + 1) * (reach[2] + 1) > 4 * places.shape[1]
            if bool((reach[0] > 0).any()) or bool(wide.any()):
                return None
        if bool(inside.all()) and len(places) == self.rows:
            own = torch.arange(len(places), device=places.device)[:, None, None, None]
            along, across = (_regular(axis.double().mean(1), dim) for axis, dim in ((y, 1), (x, 2)))
            if bool((row == own).all()) and along is not None and across is not None:
                size = int(places.shape[2]), int(places.shape[3])
                if all(map(_covers, (along[0], across[0]), (along[1], across[1]), size, self.size)):
                    return self._affine((along[0], across[0]), (along[1], across[1]), size)
        return self._another(places, active, padding)

    @classmethod
    def joined(cls, sources: Sequence[Placement], active: Tensor, padding: Tensor | None) -> Placement:
        """Of maps of one size that were put into one batch."""
        places = torch.arange(active.shape[0] * active.shape[2] * active.shape[3], device=active.device)
        picture = Picture(active, padding, tuple(sources), places.reshape(len(active), 1, *active.shape[2:]))
        return cls.of(picture)

    def _another(self, places: Tensor, active: Tensor, padding: Tensor | None) -> Placement:
        return Placement.of(Picture(active.amax(1, keepdim=True), padding, (self,), places))

    def _index(self) -> Tensor:
        rows = self.rows
        places = torch.arange(rows * self.size[0] * self.size[1], device=self.picture.active.device)
        return places.reshape(rows, 1, *self.size)

    def _affine(self, offset: Sequence[float], scale: Sequence[float], size: tuple[int, int]) -> Placement:
        first = [f + s * o for f, s, o in zip(self.first, self.step, offset, strict=True)]
        step = [s * by for s, by in zip(self.step, scale, strict=True)]
        coarsest = [max(pair) for pair in zip(self.coarsest, step, strict=True)]
        return replace(self, size=size, first=_pair(first), step=_pair(step), coarsest=_pair(coarsest))

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
        (height, width), (rows, columns) = self.picture.size, self.size
        cell = height / rows * (width / columns) if self.even else self.step[0] * self.step[1]
        return cell * self.picture.pitch

    def shares(self, planes: Tensor) -> Tensor:
        """The mean of (N, 1, H, W) of the photographs over each cell, (R, 1, h, w)."""
        return self.over_cells(self.picture.seen(planes))

    def over_cells(self, planes: Tensor) -> Tensor:
        """The mean of (R, 1, H, W) of the picture over each cell, (R, 1, h, w)."""
        down, across = (_areas(*axis).to(planes) for axis in self._axes())
        return down @ planes @ across.T

    def laid(self, maps: Tensor, *, smooth: bool = True) -> Tensor:
        """Maps (R, C, h, w) on the photographs, (N, C, H, W).

        They are enlarged bilinearly, or not ``smooth`` by the nearest cell. What several rows say of one place of a
        photograph is added up; what the network does not see is 0.
        """
        if not self.even:
            down, across = (_weights(*axis, smooth=smooth).to(maps) for axis in self._axes())
            large = down @ maps @ across.T
        elif self.size == self.picture.size:
            large = maps
        elif smooth:
            large = F.interpolate(maps, self.picture.size, mode="bilinear", align_corners=False)
        else:
            large = F.interpolate(maps, self.picture.size, mode="nearest-exact")
        return self.picture.laid(large, smooth=smooth)

    def _axes(self) -> list[tuple[float, float, int, int]]:
        """First cell, step, cells and extent of rows and of columns."""
        found = []
        for axis in (0, 1):
            extent, cells = self.picture.size[axis], self.size[axis]
            exact = self.first[axis], self.step[axis]
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
    """First place and step if they grow evenly along one axis of (R, h, w), and along no other."""
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
    """(R, P, h, w) with every column of places once."""
    if places.shape[1] == 1:
        return places
    flat = places.transpose(0, 1).flatten(1)
    distinct: Tensor = torch.unique(flat, dim=0)
    return distinct.reshape(-1, len(places), *places.shape[2:]).transpose(0, 1)


def _pair(values: Sequence[float]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
