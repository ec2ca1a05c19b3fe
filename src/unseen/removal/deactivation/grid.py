"""Which positions of a feature map are switched on, and how that travels from layer to layer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Travel = Literal["dilating", "pooled"]

_ROUNDING = 1e-4  # far below the smallest weight of a window, far above the error of a convolution with ones


@dataclass(eq=False)
class Grid:
    """The switched-on positions of a feature map.

    Two feature maps hold the same positions if and only if they share the same ``Grid`` object, which is what joins
    test first; everything derived from a grid is kept with it, so that masks of one resolution are computed once.

    Attributes:
        active: 1 where a position is switched on, else 0; shape (N, 1, h, w), or (N, C, h, w) where branches with
            different positions were concatenated.
        padding: 1 on explicit padding, shape (1, 1, h, w), or ``None``. Padding is not part of the photograph: it is
            never switched on nor off, never filled, and does not count in a window.
        notes: what others find out about this grid and want to find out once.
    """

    active: Tensor
    padding: Tensor | None = None
    notes: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _derived: dict[Hashable, Grid] = field(default_factory=dict, init=False, repr=False)
    _gathered: dict[Hashable, tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        return int(self.active.shape[-2]), int(self.active.shape[-1])

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
        return bool(self.keep.amin() > 0)

    @property
    def valid(self) -> Tensor:
        """1 where a position belongs to the photograph, shape (1, 1, h, w)."""
        if self.padding is None:
            return self.active.new_ones(()).expand(1, 1, *self.size)
        return 1 - self.padding

    @classmethod
    def all_on(cls, like: Tensor, count: int, size: tuple[int, int]) -> Grid:
        """A grid with every position on; it takes no memory."""
        grid = cls(like.new_ones(()).expand(count, 1, *size))
        grid.full = True
        return grid

    def derive(self, key: Hashable, make: Callable[[], Grid]) -> Grid:
        """``make()``, computed once per ``key`` and kept with this grid."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]

    def gathered(self, values: Tensor, layout: Layout, outside: float) -> Tensor:
        """``values`` of this grid, (N, 1, h, w), at the places of a layout; once per layout."""
        key = (id(values), layout, outside)
        if key not in self._gathered:
            padded = torch.cat([values.reshape(-1), values.new_full((1,), outside)])
            self._gathered[key] = (values, padded[layout.places])
        return self._gathered[key][1]

    def collapsed(self) -> Grid:
        """One mask for all channels: a position is on if it is on in any channel."""
        if not self.per_channel:
            return self
        return self.derive("collapsed", lambda: Grid(self.active.amax(1, keepdim=True), self.padding))

    @classmethod
    def concatenated(cls, pieces: Sequence[tuple[Grid, int]]) -> Grid:
        """The grid of branches joined along the channels; ``pieces`` are (grid, number of channels)."""
        union = reduce(Grid.union, (grid for grid, _ in pieces))
        if all(grid.covers(union) for grid, _ in pieces):
            return union
        everywhere = 1 if union.padding is None else 1 - union.padding
        masks = [(grid.keep * everywhere).expand(-1, channels, -1, -1) for grid, channels in pieces]
        joined = cls(torch.cat(masks, dim=1), union.padding)
        joined.full = False
        joined._derived["collapsed"] = union.collapsed()
        return joined

    def narrowed(self, channels: slice) -> Grid:
        """The grid of some of the channels."""
        if not self.per_channel:
            return self

        def make() -> Grid:
            active = self.active[:, channels]
            uniform = bool((active == active[:, :1]).all())
            return Grid(active[:, :1] if uniform else active, self.padding)

        return self.derive(("channels", channels.start, channels.stop, channels.step), make)

    def covers(self, other: Grid) -> bool:
        """Whether every position that is on in ``other`` is on here."""
        return self is other or bool((self.active >= other.active).all())

    def union(self, other: Grid) -> Grid:
        """Positions that are on in either; one of the two itself where it covers the other."""
        if self.padding is other.padding and self.covers(other):
            return self
        if self.padding is other.padding and other.covers(self):
            return other
        border = self._common_padding(other)
        return self.derive(("or", other), lambda: Grid(torch.maximum(self.active, other.active), border))

    def intersection(self, other: Grid) -> Grid:
        """Positions that are on in both; one of the two itself where the other covers it."""
        if self.padding is other.padding and self.covers(other):
            return other
        if self.padding is other.padding and other.covers(self):
            return self
        border = self._common_padding(other)
        inside = 1 if border is None else 1 - border
        return self.derive(("and", other), lambda: Grid(torch.minimum(self.keep, other.keep) * inside, border))

    def _common_padding(self, other: Grid) -> Tensor | None:
        if self.padding is None or other.padding is None:
            return None
        return torch.minimum(self.padding, other.padding)


def times(tensor: Tensor, mask: Tensor) -> Tensor:
    """``tensor * mask``, in place where no gradient is recorded."""
    mask = mask.to(tensor.dtype)
    return tensor * mask if torch.is_grad_enabled() else tensor.mul_(mask)


class Window(NamedTuple):
    """The sliding window of a convolution or pooling; pairs are (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] | str = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def single(self) -> bool:
        """Whether a window is one position: nothing is mixed (but positions may be skipped)."""
        return self.kernel == (1, 1) and self.before == (0, 0)

    @property
    def pointwise(self) -> bool:
        """Whether the output position is the input position."""
        return self.single and self.stride == (1, 1)

    @property
    def before(self) -> tuple[int, int]:
        """Implicit padding above and to the left."""
        if isinstance(self.padding, tuple):
            return self.padding
        reach = [d * (k - 1) if self.padding == "same" else 0 for d, k in zip(self.dilation, self.kernel, strict=True)]
        return reach[0] // 2, reach[1] // 2

    def visible(self, mask: Tensor, size: tuple[int, int]) -> Tensor:
        """Number of ones of ``mask`` (N, 1, h, w) in each window of an output of ``size``, exact, float32.

        The sum over a window is a sum over its columns, then over its rows.
        """
        counts = mask.float()
        for axis in (1, 0):
            reach, stride, step = self.kernel[axis] - 1, self.stride[axis], self.dilation[axis]
            span = (size[axis] - 1) * stride + 1
            after = span + reach * step - counts.shape[axis - 2] - self.before[axis]
            border = (self.before[axis], after)
            counts = F.pad(counts, border if axis else (0, 0, *border))
            shifts = (slice(k * step, k * step + span, stride) for k in range(reach + 1))
            counts = reduce(torch.add, (counts[..., s] if axis else counts[..., s, :] for s in shifts))
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
        self.origin = Grid(masks[:, None].to(dtype))
        self._sized: dict[tuple[int, int], Grid] = {self.origin.size: self.origin}

    def through_window(self, grid: Grid, window: Window, size: tuple[int, int]) -> Grid:
        """The grid after a convolution or pooling whose output has ``size``."""
        if self.travel == "pooled":
            return self.at_size(size)
        source = grid.collapsed()
        return source.derive(window, lambda: self._dilate(source, window, size))

    def through_operation(self, grid: Grid, spread: Callable[[Tensor], Tensor], size: tuple[int, int]) -> Grid:
        """The grid after an operation that spreads positions, such as resizing or a transposed convolution.

        ``spread`` is that operation for one channel, with non-negative weights.
        """
        if self.travel == "pooled":
            return self.at_size(size)
        source = grid.collapsed()
        return self.spread(spread(source.active.float()), spread(source.valid.float()))

    def at_size(self, size: tuple[int, int]) -> Grid:
        """The photograph's own mask, average-pooled to ``size``; one grid per size."""
        if size not in self._sized:
            share = F.adaptive_avg_pool2d(self.origin.active.float(), size)
            self._sized[size] = Grid((share > self.threshold).to(self.dtype))
        return self._sized[size]

    def _dilate(self, source: Grid, window: Window, size: tuple[int, int]) -> Grid:
        if source.full:
            return Grid.all_on(source.active, len(source.active), size)
        return self.spread(window.visible(source.active, size), window.visible(source.valid, size))

    def spread(self, on: Tensor, valid: Tensor) -> Grid:
        """The grid of windows that hold so many positions that are on, and valid ones; shape (N or 1, 1, h, w).

        On where the share of valid positions that are on exceeds the threshold; padding where none is valid.
        """
        above = on.sign() if self.threshold == 0 else valid - on < (1 - self.threshold) * (valid - _ROUNDING)
        outside = valid == 0
        return Grid(above.to(self.dtype), outside.to(self.dtype) if bool(outside.any()) else None)


@dataclass(frozen=True, eq=False)
class Layout:
    """A place for every element: int64, 1 along the axes on which it does not depend; one object per layout."""

    places: Tensor
