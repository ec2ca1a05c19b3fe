"""The slices of a volume, with maps and parts, for a report that scrolls through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from unseen.explanation import wording
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Layer, Overlay, Pane, Slices
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.flat import centre_of, coordinates_of
from unseen.explanation.plotting.upright import Upright

_MOST = 128
"""Voxels along an axis, at most; of a longer one every second is shown, every third, and so on."""

_SIDE = 360
"""Pixels of the longest side of a volume on the page."""

_AXES = (0, 1, 2)


def slices_of(found: Mapping[str, Drawn]) -> Slices:
    """Three panes at right angles, each of which shows any slice; they begin in the middle of the first part.

    Args:
        found: explanations of one volume by what their maps are called, at least one; each has colours of its own
            scale.
    """
    first = next(iter(found.values()))
    cut = _Cut.of(first)
    image = cut.thinned(first.image)
    bands = pixels.bands_of(first.provenance)
    grey = torch.from_numpy(np.stack([pixels.photograph(plane, bands) for plane in image.unbind(1)])).movedim(-1, 0)
    note = f"; of an axis longer than {_MOST} voxels not every slice is shown" if max(cut.strides) > 1 else ""
    return Slices(
        title="Slice by slice",
        panes=[_pane(axis, cut, grey, centre_of(first)) for axis in _AXES],
        layers=[_layer(title, explanation, cut) for title, explanation in found.items()],
        words=[f"Slices are numbered as the file stores them{note}."],
    )


@dataclass(frozen=True, eq=False)
class _Cut:
    """A volume as it is turned upright and thinned for the page; ``strides`` of its axes then."""

    view: Upright
    strides: tuple[int, ...]

    @classmethod
    def of(cls, explanation: Drawn) -> _Cut:
        view = Upright.of(coordinates_of(explanation), tuple(map(int, explanation.saliency.shape)))
        return cls(view, tuple(ceil(n / _MOST) for n in view.shape))

    def thinned(self, values: Tensor) -> Tensor:
        d, h, w = self.strides
        return self.view.laid(values.detach())[..., ::d, ::h, ::w]


def _pane(axis: int, cut: _Cut, grey: Float[Tensor, "3 D H W"], centre: Sequence[int]) -> Pane:
    view, stride = cut.view, cut.strides[axis]
    down, across = (n for n in _AXES if n != axis)
    count = int(grey.shape[1 + axis])
    longest = max(n * length for n, length in zip(view.shape, view.steps, strict=True))
    return Pane(
        title=view.names[axis],
        photo=encoding.photograph(_sheet(grey, axis).movedim(0, -1).numpy()),
        columns=_columns(count),
        shown=(
            max(1, round(_SIDE * view.shape[down] * view.steps[down] / longest)),
            max(1, round(_SIDE * view.shape[across] * view.steps[across] / longest)),
        ),
        size=(int(grey.shape[1 + down]), int(grey.shape[1 + across])),
        names=[view.slice_named(axis, place * stride) for place in range(count)],
        start=view.place(centre)[axis] // stride,
        ends=(*view.ends(down), *view.ends(across)),
    )


def _layer(title: str, explanation: Drawn, cut: _Cut) -> Layer:
    span = pixels.limits(explanation.saliency)
    saliency = cut.thinned(explanation.saliency)
    parts = []
    for part in explanation.parts:
        mask = cut.thinned(part.mask)
        name = f"{wording.title(part)}, γ = {part.confidence_threshold:g}"
        parts.append(Overlay(name, [encoding.marked(_sheet(mask, axis)) for axis in _AXES]))
    return Layer(Overlay(title, [encoding.tinted(_sheet(saliency, axis), *span) for axis in _AXES]), parts)


def _columns(count: int) -> int:
    return ceil(sqrt(count))


def _sheet(values: Shaped[Tensor, "... D H W"], axis: int) -> Shaped[Tensor, "... R S"]:
    """All slices across an axis on one sheet, row by row."""
    frames = values.movedim(axis - 3, -3)
    count, height, width = frames.shape[-3:]
    columns = _columns(count)
    rows = ceil(count / columns)
    sheet = torch.zeros(*frames.shape[:-3], rows * columns, height, width, dtype=frames.dtype)
    sheet[..., :count, :, :] = frames
    front = sheet.shape[:-3]
    return sheet.reshape(*front, rows, columns, height, width).transpose(-3, -2).reshape(*front, rows * height, -1)
