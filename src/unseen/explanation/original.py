"""An explanation laid over the photograph that it is about: at its own resolution, in its own pixels.

Everything is in pixels of the photograph as it is displayed, after its EXIF rotation; see
:class:`unseen.inputs.geometry.Affine` for what a point is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from unseen.explanation.regions import Region, region_of
from unseen.inputs.geometry import Affine

_AT_ONCE = 1 << 20
"""Points that are looked up at a time, so that a photograph of 100 megapixels needs no room for their coordinates."""

Box = tuple[int, int, int, int]
"""(left, top, width, height), in pixels."""


@dataclass(frozen=True, eq=False, repr=False)
class OnPhoto:
    """A map and parts on the grid of the photograph, (H, W) pixels.

    Attributes:
        saliency: float32, shape (H, W), bilinear between the pixels of the model's input; NaN where the model never
            looked, because the preprocessing cropped it away.
        parts: the pixels of each part, bool, shape (H, W).
        seen: the pixels that the model saw, bool, shape (H, W).

    Example:
        >>> import torch
        >>> from unseen.explanation import OnPhoto
        >>> OnPhoto(torch.zeros(40, 30), (torch.ones(40, 30).bool(),), torch.ones(40, 30).bool()).regions[0].box
        (0, 0, 30, 40)
    """

    saliency: Float[Tensor, "H W"]
    parts: tuple[Bool[Tensor, "H W"], ...]
    seen: Bool[Tensor, "H W"]

    def __repr__(self) -> str:
        height, width = self.size
        share = 100 * float(self.seen.float().mean())
        return f"<OnPhoto: {height} × {width} pixels, {share:.0f} % of them seen, {len(self.parts)} parts>"

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the photograph, in pixels."""
        return int(self.seen.shape[0]), int(self.seen.shape[1])

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Of each part its box, polygons and run length, as COCO has them."""
        return tuple(region_of(part.numpy(), self.size) for part in self.parts)


def saliency_on(values: Float[Tensor, "h w"], to_input: Affine) -> Float[Tensor, "H W"]:
    """A map of the model's input on the grid of the photograph that ``to_input`` is about; NaN where it never looked.

    Where a pixel of the photograph covers several of the input, their mean.
    """
    source = values.numpy().astype(np.float32)
    height, width = to_input.source_size
    made = np.empty((height, width), dtype=np.float32)
    for top, bottom, samples in _strips(to_input, (0, 0, width, height)):
        made[top:bottom] = np.mean([_between(source, x, y) for x, y in samples], axis=0)
        made[top:bottom][~_inside(source.shape, *_centres(to_input, (0, top, width, bottom - top)))] = np.nan
    return torch.from_numpy(made)


def mask_on(mask: Bool[Tensor, "h w"], to_input: Affine) -> Bool[Tensor, "H W"]:
    """A part of the model's input on the grid of the photograph: the pixels of which at least half lies in it."""
    source = mask.numpy()
    made = np.zeros(to_input.source_size, dtype=bool)
    left, top, width, height = around = extent(source, to_input)
    if width and height:
        made[top : top + height, left : left + width] = _mask_within(source, to_input, around)
    return torch.from_numpy(made)


def seen_on(size: tuple[int, int], to_input: Affine) -> Bool[Tensor, "H W"]:
    """The pixels of the photograph whose centres lie on the model's input of (height, width) ``size``."""
    height, width = to_input.source_size
    made = np.empty((height, width), dtype=bool)
    for top, bottom, _ in _strips(to_input, (0, 0, width, height)):
        made[top:bottom] = _inside(size, *_centres(to_input, (0, top, width, bottom - top)))
    return torch.from_numpy(made)


def region_on(mask: Bool[Tensor, "h w"], to_input: Affine) -> Region:
    """A part's box, polygons and run length on the photograph; only the box around it is ever held."""
    source = mask.numpy()
    left, top, width, height = around = extent(source, to_input)
    if not (width and height):
        return region_of(np.zeros((0, 0), dtype=bool), to_input.source_size)
    return region_of(_mask_within(source, to_input, around), to_input.source_size, (left, top))


def extent(mask: NDArray[np.bool_], to_input: Affine) -> Box:
    """A box of whole pixels of the photograph around what is visible of a mask of the input; empty if nothing is."""
    rows, columns = (np.flatnonzero(mask.any(axis)).tolist() for axis in (1, 0))
    if not rows:
        return 0, 0, 0, 0
    corners = _back(to_input, (columns[0], columns[-1] + 1), (rows[0], rows[-1] + 1))
    height, width = to_input.source_size
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    first = max(0, int(np.floor(left))), max(0, int(np.floor(top)))
    last = min(width, ceil(right)), min(height, ceil(bottom))
    return *first, max(0, last[0] - first[0]), max(0, last[1] - first[1])


def window(size: tuple[int, int], to_input: Affine) -> list[float]:
    """[left, top, width, height] of what the model's input of (height, width) ``size`` shows of the photograph."""
    corners = _back(to_input, (0, size[1]), (0, size[0]))
    height, width = to_input.source_size
    (left, top), (right, bottom) = corners.min(0).clip(0), np.minimum(corners.max(0), (width, height))
    return [round(float(number), 3) for number in (left, top, right - left, bottom - top)]


def at_most(longest: int, to_input: Affine) -> Affine:
    """The geometry of the photograph scaled down to a longest side, or itself where it is no larger."""
    size = to_input.source_size
    if max(size) <= longest:
        return to_input
    small = tuple(max(1, round(side * longest / max(size))) for side in size)
    return Affine.scaling((small[0], small[1]), size).compose(to_input)


def _mask_within(source: NDArray[np.bool_], to_input: Affine, around: Box) -> NDArray[np.bool_]:
    _, top, width, height = around
    made = np.empty((height, width), dtype=bool)
    for first, last, samples in _strips(to_input, around):
        inside = [_nearest(source, x, y) for x, y in samples]
        made[first - top : last - top] = np.mean(inside, axis=0) >= 0.5 if len(inside) > 1 else inside[0]
    return made


def _back(to_input: Affine, ends_x: tuple[int, int], ends_y: tuple[int, int]) -> NDArray[np.float64]:
    """Where the corners of a box of the input lie on the photograph, shape (4, 2)."""
    return to_input.inverse().apply(np.array([[x, y] for x in ends_x for y in ends_y], dtype=np.float64))


Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def _strips(to_input: Affine, around: Box) -> Iterator[tuple[int, int, list[Points]]]:
    """Rows of the photograph from one to another, and where points of their pixels lie on the input."""
    left, top, width, height = around
    linear = np.array(to_input.matrix)[:, :2]
    across = max(1, ceil(float(np.linalg.norm(linear, 2)) - 1e-6))
    shifts = (np.arange(across) + 0.5) / across - 0.5
    rows = max(1, _AT_ONCE // max(1, width))
    for first in range(top, top + height, rows):
        last = min(first + rows, top + height)
        box = (left, first, width, last - first)
        yield first, last, [_centres(to_input, box, dx, dy) for dy in shifts for dx in shifts]


def _centres(to_input: Affine, around: Box, dx: float = 0, dy: float = 0) -> Points:
    """Where the centres of pixels lie on the input, each of shape (height, width), moved by a part of a pixel."""
    left, top, width, height = around
    x = np.arange(left, left + width) + (0.5 + dx)
    y = (np.arange(top, top + height) + (0.5 + dy))[:, None]
    (a, b, c), (d, e, f) = to_input.matrix
    return a * x + b * y + c, d * x + e * y + f


def _inside(size: Any, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray((x >= 0) & (x <= size[1]) & (y >= 0) & (y <= size[0]))


def _nearest(source: NDArray[np.bool_], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The value of the pixel that each point lies in; false outside."""
    height, width = source.shape
    rows, columns = np.floor(y).astype(np.int64).clip(0, height - 1), np.floor(x).astype(np.int64).clip(0, width - 1)
    return np.asarray(source[rows, columns] & _inside(source.shape, x, y))


def _between(source: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float32]:
    """The value at each point, bilinear between the centres of pixels; beyond the outermost ones theirs."""
    height, width = source.shape
    x, y = (x - 0.5).clip(0, width - 1), (y - 0.5).clip(0, height - 1)
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
    upper = source[top, left] * (1 - across) + source[top, right] * across
    lower = source[bottom, left] * (1 - across) + source[bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down)
