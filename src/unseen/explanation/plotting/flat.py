"""Signals and volumes as pictures, so that whatever draws images draws them: a curve, or slices side by side.

A volume is cut through the middle of its first part, or where its map is largest: three slices at right angles, and
beside them the largest value along the first axis. Where the file says how the patient lies, up is up, front is up, and
left is on the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from numpy.typing import NDArray
from torch import Tensor

from unseen.explanation.findings import Part
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.upright import Upright
from unseen.inputs.coordinates import Coordinates
from unseen.inputs.space import described

_SIDE = 160
"""Pixels of the longest side of a slice, at least."""

_GAP = 4
"""Pixels between slices."""

_WIDE, _TALL = 400, 160
"""Pixels of a curve, at most and exactly."""

BLANK = (_TALL, _WIDE)
"""(height, width) of a picture where there is nothing to show."""


@dataclass(frozen=True, eq=False, repr=False)
class _FlatPart(Part):
    """A part of a volume as it is seen on slices; its share is that of the whole."""

    share: float = 0.0

    @property
    def fraction(self) -> float:
        return self.share


@dataclass(frozen=True, eq=False)
class Flat:
    """An explanation of a signal or a volume as one of an image; see :class:`~unseen.explanation.plotting.drawn.Drawn`.

    Attributes:
        caption: what is seen, in words.
    """

    image: Tensor
    saliency: Tensor
    parts: tuple[Part, ...]
    of: Drawn
    caption: str

    def __getattr__(self, name: str) -> Any:
        """All else is that of the explanation."""
        return getattr(self.of, name)


def flat(explanation: Drawn) -> Drawn:
    """The explanation as one of an image; itself where it is one."""
    axes = explanation.saliency.ndim
    if axes == 2:
        return explanation
    return _slices(explanation) if axes == 3 else _curve(explanation)


def axes_of(explanation: Drawn) -> int:
    """Along how many axes the input extends; of a flat explanation, that which it is of."""
    return (explanation.of if isinstance(explanation, Flat) else explanation).saliency.ndim


def coordinates_of(explanation: Drawn) -> Coordinates:
    """Where the input's samples or voxels lie, as far as it is recorded."""
    prepared = explanation.provenance.get("prepared") or {}
    return Coordinates.of(prepared["coordinates"]) if prepared.get("coordinates") else Coordinates()


def centre_of(explanation: Drawn) -> tuple[int, ...]:
    """The voxel of the first part that is nearest to its middle; without one, where the map is largest."""
    chosen = explanation.parts[0].mask if explanation.parts else torch.zeros_like(explanation.saliency).bool()
    if not bool(chosen.any()):
        place = int(explanation.saliency.flatten().argmax())
        return tuple(int(n) for n in np.unravel_index(place, explanation.saliency.shape))
    places = chosen.nonzero()
    middle = places.double().mean(0)
    return tuple(places[int((places - middle).square().sum(1).argmin())].tolist())


# ---- volumes --------------------------------------------------------------------------------------------------------


def _slices(explanation: Drawn) -> Flat:
    space = tuple(map(int, explanation.saliency.shape))
    view = Upright.of(coordinates_of(explanation), space)
    at = view.place(centre_of(explanation))

    def laid(values: Tensor, empty: float) -> Tensor:
        return _montage(view.laid(values), at, view.steps, empty)

    parts = tuple(
        _FlatPart(**{**vars(part), "mask": laid(part.mask, 0).bool()}, share=part.fraction)
        for part in explanation.parts
    )
    cuts = ", ".join(view.slice_named(axis, place) for axis, place in enumerate(at))
    caption = f"a {described(space)}; slices {cuts}; lower right: the largest value along the first"
    return Flat(laid(explanation.image, 1), laid(explanation.saliency, 0), parts, explanation, caption)


def _montage(values: Shaped[Tensor, "... D H W"], at: Sequence[int], sizes: Sequence[float], empty: float) -> Tensor:
    d, h, w = at
    along = (
        values.abs().argmax(-3, keepdim=True) if values.is_floating_point() else values.int().argmax(-3, keepdim=True)
    )
    panes = [
        (values[..., d, :, :], sizes[1:]),
        (values[..., :, h, :], (sizes[0], sizes[2])),
        (values[..., :, :, w], sizes[:2]),
        (values.gather(-3, along).squeeze(-3), sizes[1:]),
    ]
    longest = max(n * size for n, size in zip(values.shape[-3:], sizes, strict=True))
    side = max(_SIDE, *values.shape[-3:])
    cells = [_pane(pane, steps, side / longest, side, empty) for pane, steps in panes]
    gap = torch.full((*cells[0].shape[:-1], _GAP), empty).to(values)
    rows = [torch.cat([cells[n], gap, cells[n + 1]], -1) for n in (0, 2)]
    between = torch.full((*rows[0].shape[:-2], _GAP, rows[0].shape[-1]), empty).to(values)
    return torch.cat([rows[0], between, rows[1]], -2)


def _pane(plane: Tensor, steps: Any, scale: float, side: int, empty: float) -> Tensor:
    """A slice with its proportions in the middle of a square, by the nearest voxel."""
    sizes = [min(side, max(1, round(n * step * scale))) for n, step in zip(plane.shape[-2:], steps, strict=True)]
    rows, columns = (torch.arange(size) * n // size for n, size in zip(plane.shape[-2:], sizes, strict=True))
    square = torch.full((*plane.shape[:-2], side, side), empty).to(plane)
    top, left = ((side - size) // 2 for size in sizes)
    square[..., top : top + sizes[0], left : left + sizes[1]] = plane[..., rows, :][..., columns]
    return square


# ---- signals --------------------------------------------------------------------------------------------------------


def _curve(explanation: Drawn) -> Flat:
    """The channels as curves in grey on white; each column of pixels shows the samples that fall into it."""
    length = int(explanation.saliency.shape[0])
    wide = min(_WIDE, max(length, _WIDE // 2))
    bins = torch.arange(length) * wide // length if length >= wide else None
    picture = torch.ones(1, _TALL, wide)
    low, high = float(explanation.image.min()), float(explanation.image.max())
    places = (np.arange(wide) * (length - 1) / max(1, wide - 1)).astype(np.float64)
    for channel in explanation.image.numpy():
        _draw(picture[0].numpy(), np.interp(places, np.arange(length), channel), low, high)
    nearest = torch.from_numpy(np.rint(places).astype(np.int64))
    saliency = explanation.saliency[nearest] if bins is None else _largest(explanation.saliency, bins, wide)
    parts = []
    for part in explanation.parts:
        mask = part.mask[nearest] if bins is None else _largest(part.mask.float(), bins, wide) > 0
        wider = {**vars(part), "mask": mask.expand(_TALL, wide).clone()}
        parts.append(_FlatPart(**wider, share=part.fraction))
    caption = f"a {described(explanation.saliency.shape)}"
    return Flat(picture, saliency.expand(_TALL, wide).clone(), tuple(parts), explanation, caption)


def _draw(picture: NDArray[np.float32], values: NDArray[np.float64], low: float, high: float) -> None:
    """A line through values, one a column, in place."""
    rows = np.rint((high - values) / max(high - low, 1e-12) * (_TALL - 9) + 4).astype(int)
    before = np.concatenate([rows[:1], rows[:-1]])
    for column, (one, other) in enumerate(zip(np.minimum(rows, before), np.maximum(rows, before), strict=True)):
        picture[one : other + 2, column] = 0.15


def _largest(values: Tensor, bins: Tensor, count: int) -> Tensor:
    """Of the values in each bin the one that is farthest from 0."""
    high, low = (torch.full((count,), 0.0).scatter_reduce(0, bins, values, how) for how in ("amax", "amin"))
    return torch.where(high >= -low, high, low)
