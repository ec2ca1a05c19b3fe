"""Figures: columns side by side under one headline that says what was asked, answered and spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any

from unseen.classifier.outputs.readings import told
from unseen.explanation.plotting import columns, pixels, signals
from unseen.explanation.plotting.columns import Column
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.flat import Flat, flat
from unseen.explanation.plotting.mixture import facts_of, mixture_of
from unseen.explanation.plotting.page import (
    EDGE,
    FACT,
    GAP,
    HEAD_LETTER,
    HEAD_LINE,
    LINE,
    NOTE,
    Page,
    facts_line,
    wrapped,
)
from unseen.explanation.plotting.pairs import pairs, pairs_of
from unseen.explanation.plotting.weights import weights
from unseen.inputs.space import CALLED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACROSS = 3
"""Pictures side by side, so that their words can be read on a page or a screen."""
PARTS_SHOWN = 3
"""Parts that a picture shows at most; the record holds all."""

_CURVE = (5, 8)
"""Proportions of a curve."""

_TITLE = 0.5
"""Inches: for a column's title."""
_BREAK = 0.07
"""Inches: between words and figures."""


def panel(explanation: Drawn, across: int = ACROSS) -> Figure:
    """Photograph, map, weights or pairs, parts with what they are worth, and the curve: what there is of them.

    Args:
        explanation: what is drawn.
        across: how many pictures stand side by side at most; more are spread evenly over rows.
    """
    top = explanation.provenance.get("decision", {}).get("top", [])
    shown = _flat(explanation)
    row = [_input(explanation, shown, top), _saliency(explanation, shown), *_parts(explanation, shown)]
    mixture = mixture_of(explanation)
    if mixture is not None:
        row.insert(2, weights(mixture))
    record = pairs_of(explanation)
    if record is not None:
        row.insert(2, pairs(explanation.image, record, pixels.bands_of(explanation.provenance)))
    judged = [part for part in explanation.parts[:PARTS_SHOWN] if part.by_chance or part.robustness]
    if judged:
        row.append(columns.worth(judged))
    if explanation.curve is not None:
        row.append(columns.curve(explanation, explanation.curve))
    return _sheet(explanation, shown, _rows_of(row, 3.2, across))


def overlay(explanation: Drawn) -> Figure:
    """The saliency map over the photograph, with the outlines of the parts and a colour bar."""
    shown = _flat(explanation)
    return _sheet(explanation, shown, _rows_of([_saliency(explanation, shown)], 5.0))


def parts(explanation: Drawn) -> Figure:
    """The parts in colour on the faded photograph, with what the model says when it sees each alone."""
    shown = _flat(explanation)
    return _sheet(explanation, shown, _rows_of(_parts(explanation, shown), 5.0))


def _flat(explanation: Drawn) -> Drawn:
    """The explanation as one of an image; a signal's is drawn as it is."""
    return explanation if explanation.saliency.ndim == 1 else flat(explanation)


def _input(explanation: Drawn, shown: Drawn, top: Sequence[Mapping[str, Any]]) -> Column:
    if explanation.saliency.ndim == 1:
        return signals.signal(explanation, top)
    column = columns.photograph(shown.image, top, pixels.bands_of(explanation.provenance), explanation.unit)
    if not isinstance(shown, Flat):
        return column
    said, letters = column.caption.partition("\n")[2], shown.letters

    def draw(axes: Axes) -> None:
        column.draw(axes)
        for x, y, letter in letters:
            columns.letter(axes, x, y, letter)

    return replace(column, title="Volume", caption=f"{shown.caption}\n{said}", draw=draw)


def _saliency(explanation: Drawn, shown: Drawn) -> Column:
    if explanation.saliency.ndim == 1:
        return signals.saliency(explanation, explanation.parts[:PARTS_SHOWN])
    return columns.saliency(shown, shown.parts[:PARTS_SHOWN])


def _parts(explanation: Drawn, shown: Drawn) -> list[Column]:
    if explanation.saliency.ndim == 1:
        return [signals.part(explanation, part) for part in explanation.parts[:PARTS_SHOWN]] or [
            signals.no_part(explanation)
        ]
    return [columns.part(shown, part) for part in shown.parts[:PARTS_SHOWN]] or [columns.no_part(shown)]


@dataclass(frozen=True)
class _Row:
    """Columns side by side, with their words wrapped."""

    columns: Sequence[Column]
    side: float

    @property
    def width(self) -> float:
        """Inches, without the page's edges."""
        return GAP * (len(self.columns) - 1) + sum(self.side + column.left for column in self.columns)

    def words(self, column: Column) -> tuple[list[str], list[str]]:
        """What stands below a column: the caption, and the numbers."""
        return wrapped(column.caption, self.side), wrapped(column.numbers, self.side)

    @property
    def foot(self) -> float:
        """Inches below the pictures."""
        feet = []
        for column in self.columns:
            words, figures = self.words(column)
            feet.append(column.foot + 0.1 + LINE * (len(words) + len(figures)) + (_BREAK if figures else 0))
        return max(feet) + 0.1

    def draw(self, page: Page, floor: float, tall: float) -> None:
        """Fill a page; the pictures' lower edge is at ``floor``."""
        left = EDGE
        for column in self.columns:
            words, figures = self.words(column)
            left += column.left
            axes = page.axes(left, floor, self.side, tall, bare=not column.left)
            column.draw(axes)
            axes.set_title(column.title, loc="left", size=10, weight="bold", pad=5)
            page.write(left, floor - column.foot - 0.08, words)
            page.write(left, floor - column.foot - 0.08 - LINE * len(words) - _BREAK, figures, colour=FACT)
            left += self.side + GAP


def _rows_of(columns: Sequence[Column], side: float, across: int = ACROSS) -> list[_Row]:
    step = ceil(len(columns) / ceil(len(columns) / across))
    return [_Row(columns[start : start + step], side) for start in range(0, len(columns), step)]


def _sheet(explanation: Drawn, shown: Drawn, rows: Sequence[_Row]) -> Figure:
    high, wide = _CURVE if explanation.saliency.ndim == 1 else shown.saliency.shape
    talls = [row.side * high / wide for row in rows]
    width = 2 * EDGE + max(row.width for row in rows)
    room = width - 2 * EDGE
    kind = CALLED[explanation.saliency.ndim]
    said = headline_of(explanation.label, explanation.probability, explanation.unit, kind)
    headline = wrapped(said, room, HEAD_LETTER)
    facts = [(line, colour) for text, colour in _facts(explanation) for line in wrapped(text, room)]
    pictures = sum(row.foot + tall + _TITLE for row, tall in zip(rows, talls, strict=True))
    below_headline = pictures + LINE * (len(facts) - 1)
    page = Page(width, below_headline + HEAD_LINE * len(headline) + EDGE)

    page.headline(headline, page.height - EDGE)
    for number, (text, colour) in enumerate(facts):
        page.write(EDGE, below_headline - LINE * number, [text], colour=colour)
    top = pictures
    for row, tall in zip(rows, talls, strict=True):
        row.draw(page, top - _TITLE - tall, tall)
        top -= _TITLE + tall + row.foot
    return page.figure


def headline_of(label: str, probability: float, unit: str | None = None, kind: str = "photograph") -> str:
    """What a figure is about: the class, and how sure the model is of it; or the value."""
    return f"{label}: {told(probability, unit)} on the full {kind}"


def _facts(explanation: Drawn) -> list[tuple[str, str]]:
    about = explanation.provenance
    facts = [
        about.get("classifier", {}).get("name"),
        f"method {explanation.method}",
        f"hidden by {explanation.removal}",
        f"{about['evaluations']:,} model evaluations" if "evaluations" in about else None,
        f"{about['seconds']:.1f} s" if "seconds" in about else None,
        f"seed {about['request']['seed']}" if "request" in about else None,
    ]
    known = facts_of(explanation)
    evidence = [(f"map: {facts_line([*known])}", FACT)] if known else []
    notes = [*explanation.notes]
    if len(explanation.parts) > PARTS_SHOWN:
        notes.append(f"{len(explanation.parts) - PARTS_SHOWN} further parts are in the record")
    return [(facts_line(facts), FACT), *evidence, *((f"Note: {note}", NOTE) for note in notes)]
