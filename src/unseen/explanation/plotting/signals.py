"""A signal's columns: the curve, the map as a band beneath it, the part in the curve's own colour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unseen.classifier.outputs.readings import told
from unseen.explanation.findings import Part
from unseen.explanation.plotting import columns, pixels
from unseen.explanation.plotting.columns import Column
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.flat import coordinates_of
from unseen.explanation.plotting.page import SMALL
from unseen.inputs.coordinates import Axis, Coordinates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _FOOT = 0.6, 0.5
"""Inches: for the ticks."""

_BAND = 0.16
"""Height of the map's band, as a share of the curve's."""

FAINT, _PART, _NECESSARY = "#BBBBBB", "#FFE9A8", "#F6C9AE"


@dataclass(frozen=True, eq=False)
class Curves:
    """A signal's channels in the unit of its model's range, and where its samples lie.

    Attributes:
        values: shape (C, L).
        unit: of the values; may be empty.
        axis: of the samples; by their numbers where that is not known.
    """

    values: NDArray[np.float64]
    unit: str
    axis: Axis

    @classmethod
    def of(cls, image: Tensor, preprocessing: Mapping[str, Any], known: Coordinates | None) -> Curves:
        """Of a signal as its model saw it.

        Args:
            image: in shares of the range, shape (C, L).
            preprocessing: as a record has it, with ``range`` and ``unit``.
            known: where samples lie.
        """
        ends = np.asarray(preprocessing.get("range") or (0.0, 1.0), dtype=np.float64).reshape(-1, 2)
        low, high = ends[:, :1], ends[:, 1:]
        values = np.asarray(image, dtype=np.float64) * (high - low) + low
        axis = known.axes[0] if known and known.axes else Axis("sample")
        return cls(values, str(preprocessing.get("unit") or ""), axis)

    def draw(self, axes: Axes, colour: str = "black", where: Tensor | None = None) -> tuple[float, float]:
        """Every channel, or a part of it; gives the lowest and the highest value of all."""
        places = self.axis.at(range(self.values.shape[1]))
        for number, channel in enumerate(self.values):
            shown = channel if where is None else np.where(np.asarray(where), channel, np.nan)
            alpha = 1 - 0.6 * number / max(1, len(self.values) - 1) if len(self.values) > 1 else 1.0
            axes.plot(places, shown, color=colour, lw=1.0 if where is None else 1.6, alpha=alpha)
        axes.set_xlim(places[0], places[-1])  # as its file has it: an infrared spectrum falls from left to right
        axes.set_xlabel(self.axis.title, size=SMALL, labelpad=2)
        axes.set_ylabel(self.unit, size=SMALL, labelpad=2)
        axes.tick_params(labelsize=SMALL)
        axes.spines[["top", "right"]].set_visible(False)
        return float(self.values.min()), float(self.values.max())

    def behind(self, axes: Axes, mask: Tensor, colour: str = _PART) -> None:
        """A part's stretches in colour, over the whole height."""
        edges = self.edges
        for start, stop in stretches(mask):
            axes.axvspan(edges[start], edges[stop], color=colour, lw=0)

    @property
    def edges(self) -> NDArray[np.float64]:
        """Between the samples, and half a step before the first and after the last."""
        places = self.axis.at(range(self.values.shape[1]))
        middle = (places[1:] + places[:-1]) / 2
        if not len(middle):
            return np.array([places[0] - 0.5, places[0] + 0.5])
        return np.concatenate([[2 * places[0] - middle[0]], middle, [2 * places[-1] - middle[-1]]])


def signal(explanation: Drawn, top: Sequence[Mapping[str, Any]]) -> Column:
    """The signal as the model saw it, in its own unit, and what the model said."""
    said = ", ".join(f"{guess['label']} {told(guess['probability'], explanation.unit)}" for guess in top[:3])
    channels, length = explanation.image.shape
    many = f", {channels} channels" if channels > 1 else ""

    def draw(axes: Axes) -> None:
        curves_of(explanation).draw(axes)

    return Column("Signal", f"as the model sees it, {length} samples{many}\n{said}", draw, left=_LEFT, foot=_FOOT)


def saliency(explanation: Drawn, outlined: tuple[Part, ...]) -> Column:
    """The curve, and beneath it the map as a band of colours; the parts behind it."""
    span, curves = pixels.limits(explanation.saliency), curves_of(explanation)

    def draw(axes: Axes) -> None:
        from matplotlib.colors import ListedColormap

        for part in outlined:
            _behind(axes, explanation, part)
        low, high = curves.draw(axes)
        room = max(high - low, 1e-12)
        floor = low - (_BAND + 0.06) * room
        colours = ListedColormap(pixels.ramp(*span)[0].tolist())
        axes.pcolormesh(
            curves.edges,
            [floor, floor + _BAND * room],
            np.asarray(explanation.saliency)[None],
            cmap=colours,
            vmin=span[0],
            vmax=span[1],
            rasterized=True,
        )
        axes.set_ylim(floor, high + 0.06 * room)

    found = columns.told_apart(outlined, "behind the curve", "yellow")
    ends = f"{span[0]:.2g} … {span[1]:.2g}"
    caption = f"band beneath: {columns.reading_of(span)}, {ends} (values unscaled){found}"
    return Column("Saliency map", caption, draw, left=_LEFT, foot=_FOOT)


def part(explanation: Drawn, found: Part) -> Column:
    """The part in black on the faint curve, of a necessary one what is left; what it does in words and numbers."""
    made = columns.part(explanation, found)
    kept = ~found.mask if found.role == "necessary" else found.mask

    def draw(axes: Axes) -> None:
        _behind(axes, explanation, found)
        curves_of(explanation).draw(axes, FAINT)
        curves_of(explanation).draw(axes, "black", kept)

    return replace(made, draw=draw, left=_LEFT, foot=_FOOT)


def no_part(explanation: Drawn) -> Column:
    """Says plainly that there is nothing to show."""
    made = columns.no_part(explanation)

    def draw(axes: Axes) -> None:
        curves_of(explanation).draw(axes, FAINT)

    return Column(made.title, made.caption, draw, left=_LEFT, foot=_FOOT)


def curves_of(explanation: Drawn) -> Curves:
    """The signal of an explanation."""
    fed = explanation.provenance.get("classifier", {}).get("preprocessing", {})
    return Curves.of(explanation.image, fed, coordinates_of(explanation))


def _behind(axes: Axes, explanation: Drawn, found: Part) -> None:
    curves_of(explanation).behind(axes, found.mask, _NECESSARY if found.role == "necessary" else _PART)


def stretches(mask: Tensor) -> Iterator[tuple[int, int]]:
    """From where to where a mask is on, in samples.

    Example:
        >>> import torch
        >>> from unseen.explanation.plotting.signals import stretches
        >>> list(stretches(torch.tensor([True, True, False, True])))
        [(0, 2), (3, 4)]
    """
    turns = np.flatnonzero(np.diff(np.pad(np.asarray(mask, dtype=np.int8), 1)))
    yield from zip(turns[::2].tolist(), turns[1::2].tolist(), strict=True)
