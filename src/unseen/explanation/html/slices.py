"""The slices of a volume, with map and parts, for a report that scrolls through them."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from unseen.explanation import wording
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Pane, Slices
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.flat import centre_of, coordinates_of
from unseen.explanation.plotting.upright import Upright

_MOST = 128
"""Voxels along an axis, at most; of a longer one every second is shown, every third, and so on."""

_SIDE = 360
"""Pixels of the longest side of a volume on the page."""


def slices_of(explanation: Drawn) -> Slices:
    """Three panes at right angles, each of which shows any slice; they begin in the middle of the first part."""
    view = Upright.of(coordinates_of(explanation), tuple(map(int, explanation.saliency.shape)))
    strides = [ceil(n / _MOST) for n in view.shape]
    d, h, w = strides

    def thinned(values: Tensor) -> Tensor:
        return view.laid(values.detach())[..., ::d, ::h, ::w]

    image, saliency = thinned(explanation.image), thinned(explanation.saliency)
    parts = [thinned(part.mask) for part in explanation.parts]
    span = pixels.limits(explanation.saliency)
    grey = torch.from_numpy(
        np.stack([pixels.photograph(plane, pixels.bands_of(explanation.provenance)) for plane in image.unbind(1)])
    ).movedim(-1, 0)
    at = [place // stride for place, stride in zip(view.place(centre_of(explanation)), strides, strict=True)]
    longest = max(n * length for n, length in zip(view.shape, view.steps, strict=True))

    def pane(axis: int) -> Pane:
        down, across = (n for n in range(3) if n != axis)
        count = int(saliency.shape[axis])
        return Pane(
            title=view.names[axis],
            photo=encoding.photograph(_sheet(grey, axis).movedim(0, -1).numpy()),
            colours=encoding.tinted(_sheet(saliency, axis), *span),
            masks=[encoding.marked(_sheet(mask, axis)) for mask in parts],
            columns=_columns(count),
            shown=(
                max(1, round(_SIDE * view.shape[down] * view.steps[down] / longest)),
                max(1, round(_SIDE * view.shape[across] * view.steps[across] / longest)),
            ),
            size=(int(saliency.shape[down]), int(saliency.shape[across])),
            names=[view.slice_named(axis, place * strides[axis]) for place in range(count)],
            start=at[axis],
        )

    note = f"; of an axis longer than {_MOST} voxels not every slice is shown" if max(strides) > 1 else ""
    return Slices(
        title="Slice by slice",
        panes=[pane(axis) for axis in range(3)],
        parts=[f"{wording.title(part)}, γ = {part.confidence_threshold:g}" for part in explanation.parts],
        words=[f"Slices are numbered as the file stores them{note}."],
    )


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
