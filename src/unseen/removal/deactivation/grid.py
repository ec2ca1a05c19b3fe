"""Which positions of a feature map are switched on, and how that travels from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.inputs.space import Space
from unseen.removal.deactivation.placement import Picture, Placement, last_axes
from unseen.system.context import holding

ADAPTIVE: Mapping[int, Callable[..., Tensor]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}
"""The mean over evenly divided cells along so many axes."""

Travel = Literal["dilating", "pooled"]

_ROUNDING = 1e-4  # far below the smallest weight of a window, far above the error of a convolution with ones

_UNCONDITIONAL = ContextVar("unconditional", default=False)


def unconditional() -> AbstractContextManager[None]:
    """Inside, no step of a masked pass is left out because of what the masks are: all masks take the same steps."""
    return holding(_UNCONDITIONAL, True)


@dataclass(eq=False)
class Grid:
    """The switched-on positions of a feature map.

    Two feature maps hold the same positions if and only if they share the same ``Grid`` object, which is what joins
    test first; everything derived from a grid is kept with it, so that masks of one resolution are computed once.

    Attributes:
        active: 1 where a position is switched on, else 0; shape ``(N, 1, *size)``, or ``(N, C, *size)`` where branches
            with different positions were concatenated.
        padding: 1 on explicit padding, shape ``(N or 1, 1, *size)``, or ``None``. Padding is not part of the
            photograph: it is never switched on nor off, never filled, and does not count in a window.
        placement: where the positions lie on the photograph; ``None`` where branches were joined that show different
            places at one position, such as a map and its mirror image.
        notes: what others find out about this grid and want to find out once.
    """

    active: Tensor
    padding: Tensor | None = None
    placement: Placement | None = None
    notes: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _derived: dict[Hashable, Grid] = field(default_factory=dict, init=False, repr=False)
    _gathered: dict[Hashable, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def size(self) -> Space:
        """(h, w) of a map, (l,) along a signal, (d, h, w) in a volume."""
        return tuple(self.active.shape[2:])

    @cached_property
    def axes(self) -> tuple[int, ...]:
        """The last axes, one for each of the size: where a feature map holds its positions."""
        return tuple(range(-len(self.size), 0))

    @property
    def count(self) -> int:
        """Rows of the batch: as many as photographs, or more where the network makes copies of them."""
        return len(self.active)

    @property
    def per_channel(self) -> bool:
        """Whether channels differ in their positions."""
        return self.active.shape[1] > 1

    @cached_property
    def keep(self) -> Tensor:
        """1 where a value stays: switched on, or padding."""
        return self.active if self.padding is None else torch.maximum(self.active, self.padding)

    @cached_property
    def full(self) -> bool:
        """Whether nothing is switched off, so that the network runs as it is."""
        return not _UNCONDITIONAL.get() and bool(self.keep.amin() > 0)

    @property
    def valid(self) -> Tensor:
        """1 where a position belongs to the photograph, shape ``(N or 1, 1, *size)``."""
        if self.padding is None:
            return self.active.new_ones(()).expand(1, 1, *self.size)
        return 1 - self.padding

    @classmethod
    def all_on(cls, like: Tensor, count: int, size: Space, placement: Placement | None = None) -> Grid:
        """A grid with every position on; it takes no memory."""
        grid = cls(like.new_ones(()).expand(count, 1, *size), placement=placement)
        grid.full = True
        return grid

    def derive(self, key: Hashable, make: Callable[[], Grid]) -> Grid:
        """``make()``, computed once per ``key`` and kept with this grid."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]

    def gathered(self, values: Tensor, layout: Layout, outside: float) -> Tensor:
        """``values`` of this grid, ``(N, 1, *size)``, at the places of a layout; once per layout."""
        key = (id(values), layout, outside)
        if key not in self._gathered:
            padded = torch.cat([values.reshape(-1), values.new_full((1,), outside)])
            self._gathered[key] = (values, padded[layout.places])
        return self._gathered[key][1]

    def collapsed(self) -> Grid:
        """One mask for all channels: a position is on if it is on in any channel."""
        if not self.per_channel:
            return self
        return self.derive("collapsed", lambda: replaced(self, self.active.amax(1, keepdim=True)))

    @classmethod
    def joined(cls, grids: Sequence[Grid]) -> Grid:
        """The grid of maps of one size that are put into one batch."""
        active, padding = torch.cat([grid.active for grid in grids]), None
        if any(grid.padding is not None for grid in grids):
            padding = 1 - torch.cat([grid.valid.expand(grid.count, 1, *grid.size) for grid in grids])
        sources = [grid.placement for grid in grids if grid.placement is not None]
        placement = Placement.joined(sources, active, padding) if len(sources) == len(grids) else None
        return cls(active, padding, placement)

    @classmethod
    def concatenated(cls, pieces: Sequence[tuple[Grid, int]]) -> Grid:
        """The grid of branches joined along the channels; ``pieces`` are (grid, number of channels)."""
        union = reduce(Grid.union, (grid for grid, _ in pieces))
        if all(grid.covers(union) for grid, _ in pieces):
            return union
        everywhere = 1 if union.padding is None else 1 - union.padding
        masks = [(grid.keep * everywhere).expand(-1, channels, *grid.size) for grid, channels in pieces]
        joined = replaced(union, torch.cat(masks, dim=1))
        joined.full = False
        joined._derived["collapsed"] = union.collapsed()
        return joined

    def narrowed(self, channels: slice) -> Grid:
        """The grid of some of the channels."""
        if not self.per_channel:
            return self

        def make() -> Grid:
            active = self.active[:, channels]
            uniform = not _UNCONDITIONAL.get() and bool((active == active[:, :1]).all())
            return replaced(self, active[:, :1] if uniform else active)

        return self.derive(("channels", channels.start, channels.stop, channels.step), make)

    def alike(self, other: Grid) -> bool:
        """Whether the same positions are the same places of the photograph."""
        mine, others = self.placement, other.placement
        return mine is others or (mine is not None and others is not None and mine.picture is others.picture)

    def covers(self, other: Grid) -> bool:
        """Whether every position that is on in ``other`` is on here."""
        if self is other or _UNCONDITIONAL.get():
            return self is other
        return bool((self.active >= other.active).all())

    def union(self, other: Grid) -> Grid:
        """Positions that are on in either; one of the two itself where it covers the other."""
        if self._lie_alike(other):
            if self.covers(other):
                return self
            if other.covers(self):
                return other
        return self.derive(("or", other), lambda: self._joined(other, torch.maximum(self.active, other.active)))

    def intersection(self, other: Grid) -> Grid:
        """Positions that are on in both; one of the two itself where the other covers it."""
        if self._lie_alike(other):
            if self.covers(other):
                return other
            if other.covers(self):
                return self

        def make() -> Grid:
            border = self._common_padding(other)
            inside = 1 if border is None else 1 - border
            return self._joined(other, torch.minimum(self.keep, other.keep) * inside)

        return self.derive(("and", other), make)

    def _lie_alike(self, other: Grid) -> bool:
        return self.padding is other.padding and self.alike(other)

    def _joined(self, other: Grid, active: Tensor) -> Grid:
        return Grid(active, self._common_padding(other), self.placement if self.alike(other) else None)

    def _common_padding(self, other: Grid) -> Tensor | None:
        if self.padding is None or other.padding is None:
            return None
        return torch.minimum(self.padding, other.padding)


def replaced(grid: Grid, active: Tensor) -> Grid:
    """The same places with other positions on."""
    return Grid(active, grid.padding, grid.placement)


def times(tensor: Tensor, mask: Tensor) -> Tensor:
    """``tensor * mask``, in place where no gradient is recorded."""
    mask = mask.to(tensor.dtype)
    return tensor * mask if torch.is_grad_enabled() else tensor.mul_(mask)


class Window(NamedTuple):
    """The sliding window of a convolution or pooling; one number an axis, as of an image (vertical, horizontal)."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]

    @property
    def single(self) -> bool:
        """Whether a window is one position: nothing is mixed (but positions may be skipped)."""
        return max(self.kernel) == 1 and not any(self.before)

    @property
    def pointwise(self) -> bool:
        """Whether the output position is the input position."""
        return self.single and max(self.stride) == 1

    @property
    def before(self) -> tuple[int, ...]:
        """Implicit padding above and to the left."""
        if isinstance(self.padding, tuple):
            return self.padding
        reach = [d * (k - 1) if self.padding == "same" else 0 for d, k in zip(self.dilation, self.kernel, strict=True)]
        return tuple(far // 2 for far in reach)

    @property
    def centre(self) -> tuple[float, ...]:
        """The position at the centre of the first window."""
        reach = [d * (k - 1) / 2 for d, k in zip(self.dilation, self.kernel, strict=True)]
        return tuple(far - before for far, before in zip(reach, self.before, strict=True))

    def visible(self, mask: Tensor, size: Space) -> Tensor:
        """Number of ones of ``mask``, ``(N, 1, *size)``, in each window of an output of ``size``, exact, float32.

        The sum over a window is a sum over its columns, then over its rows.
        """
        counts = mask.float()
        for axis in reversed(range(len(size))):
            behind = len(size) - 1 - axis
            reach, stride, step = self.kernel[axis] - 1, self.stride[axis], self.dilation[axis]
            span = (size[axis] - 1) * stride + 1
            after = span + reach * step - counts.shape[axis + 2] - self.before[axis]
            counts = F.pad(counts, (*(0, 0) * behind, self.before[axis], after))
            shifts = (slice(k * step, k * step + span, stride) for k in range(reach + 1))
            whole = (slice(None),) * behind
            counts = reduce(torch.add, (counts[last_axes((s, *whole))] for s in shifts))
        return counts


class Traveller:
    """Carries one batch of input masks through the network's resolutions (Chanchal et al. 2025, Definitions 3 and 4).

    ``dilating`` — a position is on when more than ``threshold`` of the valid positions in its window are on: the
    paper's rule. Counting valid positions only (Definition 4, not Algorithm 1's mean kernel over zero padding) keeps
    an all-ones mask all ones for every threshold below 1.
    ``pooled`` — a position is on when more than ``threshold`` of the photograph's pixels behind it, by size alone, are
    visible: the mask never grows.
    """

    def __init__(self, masks: Tensor, travel: Travel, threshold: float, dtype: torch.dtype) -> None:
        self.travel, self.threshold, self.dtype = travel, threshold, dtype
        active = masks[:, None].to(dtype)
        self.origin = Grid(active, placement=Placement.of(Picture(active)))
        self._sized: dict[tuple[Picture | None, Space], Grid] = {}

    def through_window(self, grid: Grid, window: Window, size: Space) -> Grid:
        """The grid after a convolution or pooling whose output has ``size``."""
        placement = grid.placement and grid.placement.through(window.centre, window.stride, size)
        if self.travel == "pooled":
            return self.at_size(size, placement)
        source = grid.collapsed()

        def make() -> Grid:
            found = self._dilate(source, window, size)
            found.placement = placement
            return found

        return source.derive(window, make)

    def through_operation(self, grid: Grid, spread: Callable[[Tensor], Tensor], size: Space) -> Grid:
        """The grid after an operation that spreads positions, such as resizing or a transposed convolution.

        ``spread`` is that operation for one channel, with non-negative weights.
        """
        placement = grid.placement and grid.placement.resized(size)
        if self.travel == "pooled":
            return self.at_size(size, placement)
        source = grid.collapsed()
        return self.spread(spread(source.active.float()), spread(source.valid.float()), placement)

    def at_size(self, size: Space, placement: Placement | None = None) -> Grid:
        """The mask of the picture that windows read, average-pooled to ``size``; one grid per picture and size.

        Args:
            size: of the map.
            placement: of the map on its picture; by default it divides the photograph evenly.
        """
        if placement is None:
            assert self.origin.placement is not None
            placement = self.origin.placement.resized(size)
        key = placement.picture, size
        if key not in self._sized:
            self._sized[key] = self._pooled(size, placement)
        return self._sized[key]

    def _pooled(self, size: Space, placement: Placement) -> Grid:
        picture = placement.picture
        even = placement.even or picture.is_photograph
        if even and size == picture.size:
            return self.origin if picture.is_photograph else Grid(picture.active, picture.padding, placement)
        if even and picture.padding is None:
            share = ADAPTIVE[len(size)](picture.active.float(), size)
            return Grid((share > self.threshold).to(self.dtype), placement=placement)
        valid = torch.ones_like(picture.active) if picture.padding is None else 1 - picture.padding
        on, there = (placement.over_cells(mask.float()) for mask in (picture.active, valid))
        return self.spread(on, there, placement)

    def _dilate(self, source: Grid, window: Window, size: Space) -> Grid:
        if source.full:
            return Grid.all_on(source.active, source.count, size)
        return self.spread(window.visible(source.active, size), window.visible(source.valid, size))

    def spread(self, on: Tensor, valid: Tensor, placement: Placement | None = None) -> Grid:
        """The grid of windows that hold so many positions that are on, and valid ones; ``(N or 1, 1, *size)``.

        On where the share of valid positions that are on exceeds the threshold; padding where none is valid.
        """
        above = on.sign() if self.threshold == 0 else valid - on < (1 - self.threshold) * (valid - _ROUNDING)
        outside = valid == 0
        return Grid(above.to(self.dtype), outside.to(self.dtype) if bool(outside.any()) else None, placement)


@dataclass(frozen=True, eq=False)
class Layout:
    """A place for every element: int64, 1 along the axes on which it does not depend; one object per layout."""

    places: Tensor
