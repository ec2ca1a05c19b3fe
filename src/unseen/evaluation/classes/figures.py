"""A class on one sheet: its mean map, where its parts lie, and each kind of maps with its box and examples."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from unseen.evaluation.classes.places import Place
from unseen.evaluation.classes.summary import ClassSummary, Cluster, told_of
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.columns import colour_bar, outline
from unseen.explanation.plotting.page import EDGE, GAP, HEAD_LETTER, HEAD_LINE, LINE, NAME_LINE, TEXT, Page, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE, _BETWEEN, _FOOT = 1.9, 0.3, 0.4
"""Inches: of a picture, between rows, and of a colour bar with its ticks."""
EXAMPLES = 4
"""Photographs that stand for a kind."""


def sheet(one: ClassSummary) -> Figure:
    """The whole class above; below, a row for each kind of maps."""
    tall = _SIDE * one.mean.shape[0] / one.mean.shape[1]
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
    _whole(page, one, y, tall)
    y -= row + _FOOT
    for kind, (name, lines) in zip(one.clusters, captions, strict=True):
        page.name(EDGE, y, [name])
        page.write(EDGE, y - NAME_LINE, lines)
        _kind(page, kind, y - NAME_LINE - LINE * len(lines), tall)
        y -= row + LINE * len(lines)
    return page.figure


def _whole(page: Page, one: ClassSummary, y: float, tall: float) -> None:
    step = _SIDE + GAP
    for number, (name, values) in enumerate((("Mean map", one.mean), ("Where parts lie", one.part_share))):
        page.name(EDGE + number * step, y, [name])
        axes = page.axes(EDGE + number * step, y - NAME_LINE - tall, _SIDE, tall, bare=True)
        _map(axes, values)
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
    name = f"Kind {number}: {kind.photographs} photographs"
    own = f" Of the {kind.own_judged} judged ones of this kind {kind.own_changed} change." if kind.own_judged else ""
    return name, wrapped(f"{told_of(kind)}{own}", width - 2 * EDGE)


def _kind(page: Page, kind: Cluster, y: float, tall: float) -> None:
    step = _SIDE + GAP
    axes = page.axes(EDGE, y - tall, _SIDE, tall, bare=True)
    _map(axes, kind.mean)
    _box(axes, kind.place, kind.mean)
    for number, example in enumerate(kind.examples, 1):
        axes = page.axes(EDGE + number * step, y - tall, _SIDE, tall, bare=True)
        axes.imshow(pixels.photograph(example.image), interpolation="nearest")
        _box(axes, kind.place, kind.mean)


def _map(axes: Axes, values: Tensor) -> None:
    low, high = pixels.limits(values)
    paper = np.full((*values.shape, 3), 0.97, np.float32)
    axes.imshow(pixels.blended(paper, np.asarray(values), low, high), interpolation="nearest")


def _box(axes: Axes, place: Place | None, values: Tensor) -> None:
    if place is not None:
        outline(axes, place.box.mask((int(values.shape[0]), int(values.shape[1]))))
