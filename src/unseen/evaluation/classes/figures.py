"""A class on one sheet: its mean map, where its parts lie, and each kind of maps with its box and examples."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from unseen.evaluation.classes.places import Place
from unseen.evaluation.classes.summary import ClassSummary, Cluster, Example, told_of
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.columns import colour_bar, outline
from unseen.explanation.plotting.flat import Cuts, middle_of
from unseen.explanation.plotting.page import EDGE, GAP, HEAD_LETTER, HEAD_LINE, LINE, NAME_LINE, TEXT, Page, wrapped
from unseen.explanation.plotting.signals import Curves
from unseen.inputs.coordinates import Axis, Coordinates
from unseen.inputs.space import CALLED, Space

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE, _BETWEEN, _FOOT = 1.9, 0.3, 0.4
"""Inches: of a picture, between rows, and of a colour bar with its ticks."""
_SIGNAL, _TICKS = 0.7, 0.35
"""Height of a curve over its width, and inches beside and below it for its ticks."""
EXAMPLES = 4
"""Photographs that stand for a kind."""


def sheet(one: ClassSummary) -> Figure:
    """The whole class above; below, a row for each kind of maps."""
    drawing = _Drawing.of(one)
    tall = drawing.height
    width = 2 * EDGE + (1 + EXAMPLES) * _SIDE + EXAMPLES * GAP
    head = wrapped(one.words[0], width - 2 * EDGE, HEAD_LETTER)
    said = [] if one.named else [line for text in one.words[1:] for line in wrapped(text, width - 2 * EDGE)]
    top = HEAD_LINE * len(head) + LINE * len(said) + _BETWEEN
    row = NAME_LINE + tall + _BETWEEN
    captions = [_caption(kind, number, width) for number, kind in enumerate(one.clusters, 1)]
    rows = sum(row + LINE * len(lines) for _, lines in captions)
    page = Page(width, 2 * EDGE + top + row + _FOOT + rows)
    y = page.height - EDGE
    page.headline(head, y)
    page.write(EDGE, y - HEAD_LINE * len(head), said)
    y -= top
    _whole(page, one, y, drawing)
    y -= row + _FOOT
    for kind, (name, lines) in zip(one.clusters, captions, strict=True):
        page.name(EDGE, y, [name])
        page.write(EDGE, y - NAME_LINE, lines)
        _kind(page, kind, y - NAME_LINE - LINE * len(lines), drawing)
        y -= row + LINE * len(lines)
    return page.figure


def _whole(page: Page, one: ClassSummary, y: float, drawing: _Drawing) -> None:
    step, tall = _SIDE + GAP, drawing.height
    for number, (name, values) in enumerate((("Mean map", one.mean), ("Where parts lie", one.part_share))):
        page.name(EDGE + number * step, y, [name])
        drawing.map(drawing.axes(page, EDGE + number * step, y - NAME_LINE), values, None)
        if values.ndim > 1:
            bar = page.axes(EDGE + number * step, y - NAME_LINE - tall - 0.17, _SIDE, 0.1, bare=False)
            colour_bar(bar, pixels.limits(values))
    if one.eigenvalues:
        from matplotlib.ticker import MaxNLocator

        page.name(EDGE + 2 * step, y, ["Eigenvalues"])
        axes = page.axes(EDGE + 2 * step + 0.35, y - NAME_LINE - tall + 0.1, 1.6 * _SIDE, tall - 0.2, bare=False)
        axes.plot(np.arange(1, len(one.eigenvalues) + 1), one.eigenvalues, "o-", color="black", markersize=4)
        axes.axvline(len(one.clusters) + 0.5, color="0.7", linestyle=":")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        lines = textwrap.wrap(
            "Of the Laplacian of the maps; the largest gap, dotted, says how many kinds there are.", 30
        )
        page.write(EDGE + 2 * step + 0.55 + 1.6 * _SIDE, y - NAME_LINE, lines, colour=TEXT)


def _caption(kind: Cluster, number: int, width: float) -> tuple[str, list[str]]:
    name = f"Kind {number}: {kind.photographs} {CALLED[kind.mean.ndim]}s"
    own = f" Of the {kind.own_judged} judged ones of this kind {kind.own_changed} change." if kind.own_judged else ""
    return name, wrapped(f"{told_of(kind)}{own}", width - 2 * EDGE)


def _kind(page: Page, kind: Cluster, y: float, drawing: _Drawing) -> None:
    drawing.map(drawing.axes(page, EDGE, y), kind.mean, kind.place)
    for number, example in enumerate(kind.examples, 1):
        drawing.example(drawing.axes(page, EDGE + number * (_SIDE + GAP), y), example, kind)


@dataclass(frozen=True, eq=False)
class _Drawing:
    """How maps and inputs of a class are drawn: as pictures, as slices through what matters, or as curves.

    Attributes:
        space: lengths of their axes.
        preprocessing: of the model, as a record has it.
        known: where samples or voxels lie, of the first example.
    """

    space: Space
    preprocessing: Mapping[str, Any]
    known: Coordinates

    @classmethod
    def of(cls, one: ClassSummary) -> _Drawing:
        examples = [example for kind in one.clusters for example in kind.examples]
        known = next((example.known for example in examples if example.known), Coordinates())
        return cls(tuple(map(int, one.mean.shape)), one.preprocessing, known)

    @property
    def height(self) -> float:
        """Inches of a picture."""
        if len(self.space) == 1:
            return _SIDE * _SIGNAL
        tall, wide = self._laid(torch.zeros(self.space), (0, 0, 0), 0).shape
        return _SIDE * tall / wide

    def axes(self, page: Page, x: float, y: float) -> Axes:
        """Of a picture whose upper left corner is at (x, y); a curve has room for its ticks."""
        if len(self.space) == 1:
            return page.axes(x + _TICKS, y - self.height + _TICKS, _SIDE - _TICKS, self.height - _TICKS, bare=False)
        return page.axes(x, y - self.height, _SIDE, self.height, bare=True)

    def map(self, axes: Axes, values: Tensor, place: Place | None) -> None:
        """A map, with the box of a place."""
        if values.ndim == 1:
            axis = self.known.axes[0] if self.known.axes else Axis("sample")
            self._curves(axes, Curves(np.asarray(values, dtype=np.float64)[None], "", axis), place)
            return
        low, high = pixels.limits(values)
        centre = self._centre(values, place)
        laid = self._laid(values, centre, 0)
        paper = np.full((*laid.shape, 3), 0.97, np.float32)
        axes.imshow(pixels.blended(paper, np.asarray(laid), low, high), interpolation="nearest")
        self._outline(axes, place, centre)

    def example(self, axes: Axes, example: Example, kind: Cluster) -> None:
        """An input, with the box that is hidden in it."""
        if len(self.space) == 1:
            self._curves(axes, Curves.of(example.image, self.preprocessing, example.known), kind.place)
            return
        centre = self._centre(kind.mean, kind.place)
        shown = pixels.photograph(self._laid(example.image, centre, 1), self.preprocessing.get("bands"))
        axes.imshow(shown, interpolation="nearest")
        self._outline(axes, kind.place, centre)

    def _curves(self, axes: Axes, curves: Curves, place: Place | None) -> None:
        if place is not None:
            curves.behind(axes, place.box.mask(self.space))
        curves.draw(axes)

    def _outline(self, axes: Axes, place: Place | None, centre: Space) -> None:
        if place is not None:
            outline(axes, self._laid(place.box.mask(self.space), centre, 0).bool())

    def _centre(self, values: Tensor, place: Place | None) -> Space:
        """Through what a volume is cut: the middle of the box, or where the map is largest."""
        if place is not None:
            return middle_of(place.box.mask(self.space))
        return tuple(int(n) for n in np.unravel_index(int(values.argmax()), self.space))

    def _laid(self, values: Tensor, centre: Space, empty: float) -> Tensor:
        return values if len(self.space) == 2 else Cuts(centre, self.space, self.known).laid(values, empty)
