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
from jaxtyping import Bool, Shaped
from numpy.typing import NDArray
from torch import Tensor

from unseen.explanation.findings import Part
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.upright import Upright
from unseen.inputs.coordinates import Coordinates
from unseen.inputs.space import Space, described
from unseen.system.names import with_article

_SIDE = 160
"""Pixels of the longest side of a slice, at least."""

_GAP = 4
"""Pixels between slices."""

_WIDE, _TALL = 400, 160
"""Pixels of a curve."""

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
        letters: of a volume whose file says how the patient lies, the ends of each slice: (x, y, letter).
    """

    image: Tensor
    saliency: Tensor
    parts: tuple[Part, ...]
    of: Drawn
    caption: str
    letters: tuple[tuple[float, float, str], ...] = ()

    def __getattr__(self, name: str) -> Any:
        """All else is that of the explanation."""
        return getattr(self.of, name)


def flat(explanation: Drawn, centre: Sequence[int] | None = None) -> Drawn:
    """The explanation as one of an image; itself where it is one.

    Args:
        explanation: of an input of any number of axes.
        centre: the voxel through which a volume is cut, so that several maps of one show the same slices; see
            :func:`centre_of`, which is the default.
    """
    axes = explanation.saliency.ndim
    if axes == 2:
        return explanation
    return _slices(explanation, centre or centre_of(explanation)) if axes == 3 else _curve(explanation)


def axes_of(explanation: Drawn) -> int:
    """Along how many axes the input extends; of a flat explanation, that which it is of."""
    return (explanation.of if isinstance(explanation, Flat) else explanation).saliency.ndim


def coordinates_of(explanation: Drawn) -> Coordinates:
    """Where the input's samples or voxels lie, as far as it is recorded."""
    prepared = explanation.provenance.get("prepared") or {}
    return Coordinates.of(prepared["coordinates"]) if prepared.get("coordinates") else Coordinates()


def centre_of(explanation: Drawn) -> tuple[int, ...]:
    """The voxel of the first part that is nearest to its middle; without one, where the map is largest."""
    if not explanation.parts or not bool(explanation.parts[0].mask.any()):
        place = int(explanation.saliency.flatten().argmax())
        return tuple(int(n) for n in np.unravel_index(place, explanation.saliency.shape))
    return middle_of(explanation.parts[0].mask)


def middle_of(mask: Bool[Tensor, "*space"]) -> tuple[int, ...]:
    """The sample, pixel or voxel of a part that is nearest to its middle."""
    places = mask.nonzero()
    middle = places.double().mean(0)
    return tuple(places[int((places - middle).square().sum(1).argmin())].tolist())


# ---- volumes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cuts:
    """Three slices of a volume at right angles, and the largest values, as one picture.

    Attributes:
        centre: the voxel through which it is cut.
        space: lengths of its axes.
        known: where its voxels lie.
    """

    centre: tuple[int, ...]
    space: Space
    known: Coordinates

    def laid(self, values: Shaped[Tensor, "... D H W"], empty: float) -> Shaped[Tensor, "... h w"]:
        """Values of the voxels on the picture, and ``empty`` between the slices."""
        return _montage(self._view.laid(values), self._view.place(self.centre), self._view, empty)

    @property
    def caption(self) -> str:
        """What is seen, in words, with how large a voxel is in the file's order of axes."""
        axes, places = self.known.axes, enumerate(self._view.place(self.centre))
        sizes = " × ".join(f"{abs(axis.step):.3g}" for axis in axes)
        large = f" of {sizes} {axes[0].unit}" if axes and axes[0].unit else ""
        cuts = ", ".join(self._view.slice_named(axis, place) for axis, place in places)
        named = f"{with_article(described(self.space))}{large}"
        return f"{named}; slices {cuts}; lower right: the largest value along the first"

    @property
    def letters(self) -> tuple[tuple[float, float, str], ...]:
        """Where the file says how the patient lies, the ends of each slice: (x, y, letter)."""
        return _letters(self._view)

    @property
    def _view(self) -> Upright:
        return Upright.of(self.known, self.space)


def _slices(explanation: Drawn, centre: Sequence[int]) -> Flat:
    cuts = Cuts(tuple(centre), tuple(map(int, explanation.saliency.shape)), coordinates_of(explanation))
    parts = tuple(
        _FlatPart(**{**vars(part), "mask": cuts.laid(part.mask, 0).bool()}, share=part.fraction)
        for part in explanation.parts
    )
    pictures = cuts.laid(explanation.image, 1), cuts.laid(explanation.saliency, 0)
    return Flat(*pictures, parts, explanation, cuts.caption, cuts.letters)


_PANES = ((1, 2), (0, 2), (0, 1), (1, 2))
"""The axes that run down and across each pane, row by row; the last one shows the largest values."""


def _letters(view: Upright) -> tuple[tuple[float, float, str], ...]:
    """Letters a few pixels inside each slice's edges."""
    if not view.oriented:
        return ()
    side = _side(view.shape)
    found = []
    for number, (down, across) in enumerate(_PANES):
        tall, wide = _extents(view, (down, across), side)
        middle_y, middle_x = ((n * (side + _GAP) + side / 2) for n in divmod(number, 2))
        inside = 0.05 * side
        for axis, half, step in ((down, tall / 2, (0, 1)), (across, wide / 2, (1, 0))):
            for letter, sign in zip(view.ends(axis), (-1, 1), strict=True):
                away = sign * (half - inside)
                found.append((middle_x + step[0] * away, middle_y + step[1] * away, letter))
    return tuple(found)


def _side(shape: Sequence[int]) -> int:
    """Pixels of a pane, which is a square."""
    return max(_SIDE, *shape)


def _extents(view: Upright, axes: tuple[int, int], side: int) -> list[int]:
    """Height and width of a slice in its pane, with the proportions of the body."""
    longest = max(n * step for n, step in zip(view.shape, view.steps, strict=True))
    return [min(side, max(1, round(view.shape[axis] * view.steps[axis] * side / longest))) for axis in axes]


def _montage(values: Shaped[Tensor, "... D H W"], at: Sequence[int], view: Upright, empty: float) -> Tensor:
    d, h, w = at
    along = (
        values.abs().argmax(-3, keepdim=True) if values.is_floating_point() else values.int().argmax(-3, keepdim=True)
    )
    planes = [values[..., d, :, :], values[..., :, h, :], values[..., :, :, w], values.gather(-3, along).squeeze(-3)]
    side = _side(view.shape)
    cells = [_pane(plane, _extents(view, axes, side), side, empty) for plane, axes in zip(planes, _PANES, strict=True)]
    gap = torch.full((*cells[0].shape[:-1], _GAP), empty).to(values)
    rows = [torch.cat([cells[n], gap, cells[n + 1]], -1) for n in (0, 2)]
    between = torch.full((*rows[0].shape[:-2], _GAP, rows[0].shape[-1]), empty).to(values)
    return torch.cat([rows[0], between, rows[1]], -2)


def _pane(plane: Tensor, sizes: Sequence[int], side: int, empty: float) -> Tensor:
    """A slice of these sizes in the middle of a square, by the nearest voxel."""
    rows, columns = (torch.arange(size) * n // size for n, size in zip(plane.shape[-2:], sizes, strict=True))
    square = torch.full((*plane.shape[:-2], side, side), empty).to(plane)
    top, left = ((side - size) // 2 for size in sizes)
    square[..., top : top + sizes[0], left : left + sizes[1]] = plane[..., rows, :][..., columns]
    return square


# ---- signals --------------------------------------------------------------------------------------------------------


def _curve(explanation: Drawn) -> Flat:
    """The channels as curves in grey on white; each column of pixels shows the samples that fall into it."""
    length, wide = int(explanation.saliency.shape[0]), _WIDE
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
    caption = f"{with_article(described(explanation.saliency.shape))}{_span(explanation)}"
    return Flat(picture, saliency.expand(_TALL, wide).clone(), tuple(parts), explanation, caption)


def _span(explanation: Drawn) -> str:
    """From where to where it goes, where its file says so."""
    axes = coordinates_of(explanation).axes
    if not axes or not axes[0].name:
        return ""
    first, last = axes[0].at([0, int(explanation.saliency.shape[0]) - 1]).tolist()
    return f", {axes[0].name} {first:g} … {last:g} {axes[0].unit}".rstrip()


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
