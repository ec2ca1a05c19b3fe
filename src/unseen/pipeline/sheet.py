"""A sheet that compares: columns are methods, rows are removals, every cell a map over the faded photograph.

The maps of a column share a scale, so that they compare; a map that the shared scale would hide is drawn on its own,
and the cell says by how much it is fainter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from unseen.classifier.decision import Decision
from unseen.classifier.outputs.readings import told
from unseen.errors import UnseenError
from unseen.explanation import Explanation
from unseen.explanation.plotting import columns, pixels
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.figures import headline_of
from unseen.explanation.plotting.flat import BLANK, Flat, centre_of, flat
from unseen.explanation.plotting.page import (
    EDGE,
    FACT,
    GAP,
    HEAD_LETTER,
    HEAD_LINE,
    LINE,
    NAME_LETTER,
    NAME_LINE,
    NOTE,
    TEXT,
    Page,
    facts_line,
    wrapped,
)
from unseen.explanation.plotting.sparse import widened
from unseen.inputs.space import KINDS, Space, described
from unseen.system.names import with_article

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE, _LEFT = 2.5, 1.5
"""Inches: width of a map; of the photograph and of what is said at the left of a row."""
_BAR, _TICKS = 0.13, 0.24
"""Inches: height of a colour bar, and of its ticks."""
_BETWEEN, _INSIDE = 0.16, 0.12
"""Inches: between rows, and from the edge of a cell without map to its text."""
_FAINT = 0.4
"""A map below this share of its column's scale hardly shows there, and is drawn on its own."""


@runtime_checkable
class SheetCell(Protocol):
    """A cell as the sheet sees it: the map, or why there is none; see :class:`unseen.pipeline.comparison.Cell`."""

    @property
    def explanation(self) -> Explanation | None:
        """What was found, or ``None``."""

    @property
    def error(self) -> UnseenError | None:
        """Why it failed, or ``None``."""


@runtime_checkable
class Compared(Protocol):
    """A comparison as the sheet sees it; see :class:`unseen.pipeline.comparison.Comparison`."""

    @property
    def decision(self) -> Decision:
        """What the model says of the photograph."""

    @property
    def methods(self) -> Sequence[str]:
        """The columns."""

    @property
    def removals(self) -> Sequence[str]:
        """The rows."""

    @property
    def removal_independent(self) -> Collection[str]:
        """Methods whose map does not depend on the removal."""

    @property
    def cells(self) -> Sequence[SheetCell]:
        """Row by row."""

    @property
    def rows(self) -> Mapping[str, Sequence[SheetCell | None]]:
        """Removal → its cells, a place for every method; ``None`` where there is none yet."""

    @property
    def failures(self) -> Sequence[SheetCell]:
        """The cells without explanation."""


def sheet(compared: Compared) -> Figure:
    """Photograph and decision above; below, a column per method with its own colour scale, and a row per removal."""
    first = next((cell.explanation for cell in compared.cells if cell.explanation is not None), None)
    centre = None if first is None else centre_of(first)
    drawn = None if first is None else flat(first)
    image = _pictured(compared, drawn)
    bands = None if first is None else pixels.bands_of(first.provenance)
    across = range(len(compared.methods))
    small, tall = (side * image.shape[1] / image.shape[2] for side in (_LEFT, _SIDE))
    left = [EDGE + _LEFT + GAP + number * (_SIDE + GAP) for number in across]
    width = left[-1] + _SIDE + EDGE
    room = width - left[0] - EDGE

    unit, axes = compared.decision.classifier.outputs.unit, compared.decision.image.ndim - 1
    kind = "photograph" if axes == 2 else KINDS[axes]
    headline = wrapped(
        headline_of(compared.decision.label, compared.decision.probability, unit, kind), room, HEAD_LETTER
    )
    said = [(line, colour) for text, colour in _said(compared, drawn) for line in wrapped(text, room)]
    spans = [_span(compared, number) for number in across]
    captions = [[_caption(cell, span) for cell, span in zip(row, spans, strict=True)] for row in compared.rows.values()]
    feet = [0.07 + LINE * max(map(len, row)) + _BETWEEN for row in captions]
    names = [_spec(method, _SIDE) for method in compared.methods]
    keys = [wrapped(_key(compared, number), _SIDE) for number in across]
    scales = NAME_LINE * max(map(len, names))
    heads = scales + _BAR + _TICKS + LINE * max(map(len, keys)) + 0.08
    above = max(small + _BETWEEN, HEAD_LINE * len(headline) + LINE * len(said) + 0.2 + heads)
    page = Page(width, 2 * EDGE + above + sum(tall + foot for foot in feet) - _BETWEEN)

    top = page.height - EDGE
    columns.photograph(image, (), bands).draw(page.axes(EDGE, top - small, _LEFT, small, bare=True))
    page.headline(headline, top, left[0])
    for number, (line, colour) in enumerate(said):
        page.write(left[0], top - HEAD_LINE * len(headline) - LINE * number, [line], colour=colour)
    y = top - above + heads
    for x, name, span, key in zip(left, names, spans, keys, strict=True):
        page.name(x, y - scales + NAME_LINE * len(name), name)
        if span is not None:
            columns.colour_bar(page.axes(x, y - scales - _BAR, _SIDE, _BAR, bare=False), span)
        page.write(x, y - scales - _BAR - _TICKS, key, colour=FACT)
    y = top - above
    for (removal, row), lines, foot in zip(compared.rows.items(), captions, feet, strict=True):
        page.write(EDGE, y, ["hidden by"], colour=FACT)
        page.name(EDGE, y - LINE - 0.02, _spec(removal, _LEFT))
        for x, cell, span, caption in zip(left, row, spans, lines, strict=True):
            if cell is not None:
                _draw(page, cell, span, (x, y, tall), centre)
            for number, (line, colour) in enumerate(caption):
                page.write(x, y - tall - 0.07 - LINE * number, [line], colour=colour)
        y -= tall + foot
    return page.figure


def _pictured(compared: Compared, drawn: Drawn | None) -> Tensor:
    """What the model saw as a picture: a signal's curve, and a volume's slices as of the first explanation."""
    image = compared.decision.image
    if image.ndim == 3:
        return image
    return torch.ones(1, *BLANK) if drawn is None else drawn.image


def _said(compared: Compared, drawn: Drawn | None) -> list[tuple[str, str]]:
    """What stands under the headline, each with its colour."""
    decision = compared.decision
    space = decision.image.shape[1:]
    sees = f"{space[1]} × {space[0]} pixels" if len(space) == 2 else with_article(described(space))
    done = [cell.explanation.provenance for cell in compared.cells if cell.explanation is not None]
    repeated = decision.evaluations * max(0, len(done) - 1)  # every cell counts the decision, which was made once
    unit = decision.classifier.outputs.unit
    guesses = ", ".join(f"{guess['label']} {told(guess['probability'], unit)}" for guess in decision.top[:3])
    facts = facts_line([
        decision.classifier.name,
        f"{len(done)} explanation{'' if len(done) == 1 else 's'}",
        f"{sum(about['evaluations'] for about in done) - repeated:,} model evaluations",
        f"{sum(about['seconds'] for about in done):.0f} s",
    ])  # fmt: skip
    lost = len(compared.failures)
    return [
        (facts, FACT),
        (f"The model sees {sees} and says: {guesses}", FACT),
        *([(f"Every picture shows {drawn.caption}", FACT)] if isinstance(drawn, Flat) else []),
        *((f"Note: {note}", NOTE) for note in decision.notes),
        *([(f"Note: {lost} of {len(compared.cells)} failed; the reason stands in its place", NOTE)] if lost else []),
    ]


def _span(compared: Compared, column: int) -> tuple[float, float] | None:
    """The range that the colours of a column span, over all its rows; ``None`` without any map."""
    cells = [row[column] for row in compared.rows.values()]
    found = [cell.explanation.saliency for cell in cells if cell is not None and cell.explanation is not None]
    return pixels.limits(*found) if found else None


def _spec(spec: str, room: float) -> list[str]:
    """A spec as lines that break behind what separates its parts, or within one that is too long for a line."""
    parts = [
        part if len(part) <= room / NAME_LETTER else re.sub("([:=])", r"\1 ", part)
        for part in re.split("(?<=[,;/])", spec)
    ]
    return [re.sub("([,;/:=]) ", r"\1", line) for line in wrapped(" ".join(parts), room, NAME_LETTER)]


def _key(compared: Compared, column: int) -> str:
    span = _span(compared, column)
    if span is None:
        return "no map"
    alike = "; the same map in every row" if compared.methods[column] in compared.removal_independent else ""
    return columns.reading_of(span) + alike


def _scale(cell: SheetCell, span: tuple[float, float] | None) -> tuple[tuple[float, float] | None, float]:
    """The range of a cell's colours, and by how much its map is fainter than its column's: 1 on the common scale."""
    if cell.explanation is None or span is None:
        return span, 1.0
    own = pixels.limits(cell.explanation.saliency)
    if own[1] >= _FAINT * span[1] or not bool(cell.explanation.saliency.any()):
        return span, 1.0
    return (-own[1] if span[0] < 0 else 0.0, own[1]), span[1] / own[1]


def _caption(cell: SheetCell | None, span: tuple[float, float] | None) -> list[tuple[str, str]]:
    """Lines under a cell, each with its colour: how good the ranking is, what it cost, and how it is drawn."""
    if cell is None or cell.explanation is None or span is None:
        return []
    about, curve = cell.explanation.provenance, cell.explanation.curve
    lines = [(f"{about['evaluations']:,} evaluations, {about['seconds']:.1f} s", TEXT)]
    if curve is not None:
        lines.insert(0, (f"insertion {curve.insertion_area:.3f}, deletion {curve.deletion_area:.3f}", TEXT))
    if not bool(cell.explanation.saliency.any()):
        return [*lines, ("the map is 0 everywhere", NOTE)]
    fainter, width = _scale(cell, span)[1], widened(flat(cell.explanation).saliency)[1]
    if fainter > 1:
        times = f"{fainter:,.0f}" if fainter < 1e6 else f"{fainter:.0e}"
        lines.append((f"own scale: {times} × fainter than the bar", NOTE))
    if width > 1:
        lines.append((f"dots and thin lines, drawn {width} pixels wide", NOTE))
    return lines


def _draw(
    page: Page,
    cell: SheetCell,
    span: tuple[float, float] | None,
    place: tuple[float, float, float],
    centre: Space | None,
) -> None:
    """One cell, its upper left corner and height given: the map, or why there is none."""
    x, y, tall = place
    axes = page.axes(x, y - tall, _SIDE, tall, bare=True)
    if cell.explanation is not None:
        drawn = flat(cell.explanation, centre)
        shown, _ = widened(drawn.saliency)
        bands = pixels.bands_of(cell.explanation.provenance)
        axes.imshow(pixels.overlay(drawn.image, shown, _scale(cell, span)[0], bands), interpolation="nearest")
        return
    axes.set_facecolor("#F4F1EE")
    lines = wrapped(str(cell.error), _SIDE - 2 * _INSIDE)
    fit = max(1, int((tall - 2 * _INSIDE) / LINE) - 1)
    if len(lines) > fit:
        lines = [*lines[: fit - 1], f"{lines[fit - 1][:-1]}…"]
    page.write(x + _INSIDE, y - _INSIDE, ["failed"], colour=NOTE, weight="bold")
    page.write(x + _INSIDE, y - _INSIDE - LINE, lines)
