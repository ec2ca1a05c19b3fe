"""Where positions go that no longer form a map: tokens, windows, merged patches, pairs of tokens.

A *layout* says for every element of a tensor which position of the photograph it belongs to, or that it belongs to none
(a class token, a border) and is always kept. A function that only moves elements moves their layout in the same way, so
one rule follows them all: see ``rearranging``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations

import torch
from torch import Tensor

from unseen.inputs.space import size_of
from unseen.removal.deactivation.grid import Grid, Layout
from unseen.removal.deactivation.placement import ALWAYS

_MOST_KEPT = 1024


@dataclass(frozen=True)
class Positions:
    """Where a tensor keeps the photograph's positions.

    Attributes:
        grid: which of them are switched on.
        axes: those of the grid, counted from the end, by default the last ones; one where all are flattened into one.
    """

    grid: Grid
    axes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.axes:
            object.__setattr__(self, "axes", self.grid.axes)

    def mask(self, values: Tensor, ndim: int, outside: float = 1.0) -> Tensor:
        """``values`` of the grid, ``(N, 1 or C, *size)``, laid out to broadcast against a tensor of ``ndim`` axes.

        ``outside`` is the value of elements that belong to no position.
        """
        del outside
        if ndim == values.ndim and self.axes == self.grid.axes:
            return values
        shape = [1] * ndim
        shape[0] = len(values)
        extents = values.shape[2:] if len(self.axes) == values.ndim - 2 else (size_of(values.shape[2:]),)
        for axis, extent in zip(self.axes, extents, strict=True):
            shape[axis] = extent
        return values.reshape(shape)

    def fits(self, tensor: Tensor) -> bool:
        """Whether a tensor can have these positions."""
        size, axes = self.grid.size, self.axes
        extents = size if len(axes) == len(size) else (size_of(size),)
        return len(tensor) == self.grid.count and all(
            tensor.shape[axis] == extent for axis, extent in zip(axes, extents, strict=True)
        )

    def index(self, ndim: int) -> Tensor:
        """The layout: the place n·h·w + y·w + x of every element, int64, broadcastable to ``ndim`` axes."""
        size, count = self.grid.size, self.grid.count
        places = torch.arange(count * size_of(size), device=self.grid.active.device)
        return self.mask(places.reshape(count, 1, *size), ndim)

    def held_by(self, ndim: int) -> set[int]:
        """The axes, counted from the end, along which positions differ; not the first, which holds photographs."""
        del ndim
        return set(self.axes)

    @property
    def layout(self) -> Hashable:
        """What two tensors of one shape and grid have in common if and only if their elements lie alike."""
        return self.grid.count, self.grid.size, self.axes


@dataclass(frozen=True)
class Scattered(Positions):
    """Positions that lie anywhere in a tensor, as its :class:`Layout` says; it has no axes of positions."""

    by: Layout | None = None

    def __post_init__(self) -> None:
        """It keeps its empty axes."""

    def mask(self, values: Tensor, ndim: int, outside: float = 1.0) -> Tensor:
        """See :meth:`Positions.mask`."""
        assert self.by is not None
        gathered = self.grid.gathered(values, self.by, outside)
        return gathered.reshape([1] * (ndim - gathered.ndim) + list(gathered.shape))

    def fits(self, tensor: Tensor) -> bool:
        """See :meth:`Positions.fits`."""
        assert self.by is not None
        shape = self.by.places.shape
        return len(shape) <= tensor.ndim and all(a in (1, b) for a, b in zip(shape[::-1], tensor.shape[::-1]))  # noqa: B905

    def index(self, ndim: int) -> Tensor:
        """See :meth:`Positions.index`."""
        assert self.by is not None
        return self.by.places.reshape([1] * (ndim - self.by.places.ndim) + list(self.by.places.shape))

    def held_by(self, ndim: int) -> set[int]:
        """See :meth:`Positions.held_by`."""
        shape = self.index(ndim).shape
        return {axis for axis in range(1 - ndim, 0) if shape[axis] > 1}

    @property
    def layout(self) -> Hashable:
        """See :meth:`Positions.layout`."""
        return self.by


@dataclass(frozen=True)
class Scores:
    """What a tensor holds for pairs of positions, such as the attention of one token to another.

    Attributes:
        pair: the positions of the one and of the other, each with a layout of the same tensor.
    """

    pair: tuple[Positions, Positions]


class Layouts:
    """The layouts of a network, found once for every function, arguments and shapes, and then looked up."""

    def __init__(self) -> None:
        self._moved: dict[Hashable, tuple[Layout | tuple[int, ...] | None, ...]] = {}
        self._known: dict[Hashable, Layout] = {}
        self._alive: dict[int, object] = {}
        self.merged: dict[Hashable, tuple[Layout, tuple[int, ...]]] = {}

    def tidy(self) -> None:
        """Forget all if there is much; between passes only, for within one a layout is one object."""
        if len(self._known) > _MOST_KEPT or len(self._moved) > 4 * _MOST_KEPT:
            self._moved.clear()
            self._known.clear()
            self._alive.clear()
            self.merged.clear()

    def keep(self, thing: object) -> int:
        """The identity of something, which stays alive as long as it is part of a key."""
        self._alive[id(thing)] = thing
        return id(thing)

    def moved(self, key: Hashable, move: Callable[[], Sequence[Tensor]], grid: Grid) -> tuple[Positions | None, ...]:
        """The positions of each output of a function that moves elements.

        Args:
            key: of the function, its arguments and the layouts that it meets.
            move: the layouts of its outputs, in full.
            grid: of the positions.

        Returns:
            ``None`` for an output without positions.
        """
        if key not in self._moved:
            self._moved[key] = tuple(self._recognised(places, grid) for places in move())
        return tuple(
            found
            if found is None
            else Scattered(grid, by=found)
            if isinstance(found, Layout)
            else Positions(grid, found)
            for found in self._moved[key]
        )

    def _recognised(self, places: Tensor, grid: Grid) -> Layout | tuple[int, ...] | None:
        """The axes of a map, or a layout; ``None`` if no element has a position."""
        if bool((places == ALWAYS).all()):
            return None
        compact = _compact(places)
        if len(places) == grid.count:
            ndim = places.ndim
            several = [*combinations(range(1 - ndim, 0), len(grid.size))]
            for axes in (*reversed(several), *((i - ndim,) for i in range(1, ndim))):
                canonical = Positions(grid, axes)
                if canonical.fits(places) and torch.equal(compact, _compact(canonical.index(ndim))):
                    return axes
        return self.layout(compact)

    def layout(self, compact: Tensor) -> Layout:
        """The one layout of these places."""
        digest = blake2b(compact.cpu().numpy().tobytes(), digest_size=16).digest()
        return self._known.setdefault((tuple(compact.shape), digest), Layout(compact))


def _compact(places: Tensor) -> Tensor:
    for axis in range(places.ndim):
        first = places.narrow(axis, 0, 1)
        if places.shape[axis] > 1 and bool((places == first).all()):
            places = first
    return places.contiguous()
