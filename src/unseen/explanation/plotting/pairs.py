"""Which segments act together: the strongest pairs as lines between them, over the faded photograph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.columns import DELETION, INSERTION, Column
from unseen.explanation.plotting.drawn import Drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 12
"""Pairs that are drawn at most; the record holds all."""

_THIN, _THICK, _LARGE = 0.6, 5.0, 180.0
"""Widths of the weakest and the strongest line, and area of the largest dot, in points."""

_FAINT, _ROUNDED = 0.02, 1e-4
"""Shares of the strongest pair, and of what a segment adds alone, below which a pair is not drawn."""


def pairs_of(explanation: Drawn) -> Mapping[str, Any] | None:
    """The record of an explanation by pairs of an image's segments; ``None`` if it is another."""
    record: Mapping[str, Any] = explanation.provenance.get("search", {}).get("map", {})
    return record if explanation.saliency.ndim == 2 and {"pairs", "alone", "centres"} <= record.keys() else None


def strongest(record: Mapping[str, Any], most: int = MOST) -> list[tuple[int, int, float]]:
    """(segment, other segment, what the two add together), the largest magnitude first; none that is as good as 0."""
    values = np.triu(np.array(record["pairs"]), 1)
    least = max(_FAINT * np.abs(values).max(), _ROUNDED * np.abs(record["alone"]).max())
    order = np.argsort(-np.abs(values), axis=None, kind="stable")[:most]
    found = [(int(i), int(j), float(values[i, j])) for i, j in zip(*np.unravel_index(order, values.shape), strict=True)]
    return [one for one in found if abs(one[2]) > least]


def pairs(image: Tensor, record: Mapping[str, Any], bands: Sequence[int] | None = None) -> Column:
    """Segments as dots, as large as what each adds alone, and pairs as lines, as thick as what the two add together."""
    found = strongest(record)

    def draw(axes: Axes) -> None:
        axes.imshow(pixels.faded(pixels.photograph(image, bands), 0.5), interpolation="nearest")
        centres = np.array(record["centres"])
        alone = np.array(record["alone"])
        scale = max((abs(value) for _, _, value in found), default=1.0)
        for first, second, value in found:
            (y0, x0), (y1, x1) = centres[first], centres[second]
            width, style = max(_THIN, _THICK * abs(value) / scale), "-" if value > 0 else "--"
            axes.plot([x0 - 0.5, x1 - 0.5], [y0 - 0.5, y1 - 0.5], color=_colour(value), lw=width, ls=style)
        sizes = _LARGE * np.abs(alone) / (np.abs(alone).max() or 1.0)
        colours = [_colour(value) for value in alone]
        axes.scatter(centres[:, 1] - 0.5, centres[:, 0] - 0.5, s=sizes, c=colours, edgecolors="white", zorder=3)

    drawn = f"the {len(found)} strongest pairs of {record['segments']} segments" if found else "no pair adds anything"
    told = "\nsolid: the two need each other; dashed: one does for both; dots: alone" if found else ""
    return Column("Pairs of segments", drawn + told, draw)


def _colour(value: float) -> str:
    return INSERTION if value > 0 else DELETION
