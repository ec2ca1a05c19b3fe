"""Figures: columns side by side under one headline that says what was asked, answered and spent."""

from __future__ import annotations

import io
import textwrap
import warnings
from typing import TYPE_CHECKING

from unseen.explanation import Explanation
from unseen.plotting import columns
from unseen.plotting.columns import SMALL, Column

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 160
PARTS_SHOWN = 3
"""Parts that a picture shows at most; the record holds all."""

_EDGE, _GAP, _TITLE = 0.25, 0.3, 0.5
"""Inches: margin, between columns, for a column's title."""
_LINE, _LETTER = 0.17, 0.0615
"""Inches: height of a line of small text, and width of a letter of it."""
_HEAD_LINE, _HEAD_LETTER = 0.27, 0.105
"""The same of the headline."""


def panel(explanation: Explanation) -> Figure:
    """Photograph, saliency map, parts and (where there is one) deletion and insertion curve, side by side."""
    row = [columns.photograph(explanation), _saliency(explanation), *_parts(explanation)]
    if explanation.curve is not None:
        row.append(columns.curve(explanation, explanation.curve))
    return _sheet(explanation, row, side=3.2)


def overlay(explanation: Explanation) -> Figure:
    """The saliency map over the photograph, with the outlines of the parts and a colour bar."""
    return _sheet(explanation, [_saliency(explanation)], side=5.0)


def parts(explanation: Explanation) -> Figure:
    """The parts in colour on the faded photograph, with what the model says when it sees each alone."""
    return _sheet(explanation, _parts(explanation), side=5.0)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; needs neither a display nor pyplot."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def _saliency(explanation: Explanation) -> Column:
    return columns.saliency(explanation, explanation.parts[:PARTS_SHOWN])


def _parts(explanation: Explanation) -> list[Column]:
    shown = [columns.part(explanation, part) for part in explanation.parts[:PARTS_SHOWN]]
    return shown or [columns.no_part(explanation)]


def _sheet(explanation: Explanation, row: list[Column], side: float) -> Figure:
    from matplotlib.figure import Figure

    rows, cols = explanation.saliency.shape
    tall = side * rows / cols
    width = 2 * _EDGE + _GAP * (len(row) - 1) + sum(side + column.left for column in row)
    room = width - 2 * _EDGE
    headline = _wrapped(_headline(explanation), room, _HEAD_LETTER)
    facts = [(line, colour) for text, colour in _facts(explanation) for line in _wrapped(text, room)]
    captions = [_wrapped(column.caption, side) for column in row]
    feet = [column.foot + 0.1 + _LINE * len(lines) for column, lines in zip(row, captions, strict=True)]
    floor = max(feet) + 0.1
    below_headline = floor + tall + _TITLE + _LINE * (len(facts) - 1)
    height = below_headline + _HEAD_LINE * len(headline) + _EDGE

    figure = Figure(figsize=(width, height))

    def write(x: float, y: float, text: str, size: float, colour: str, weight: str = "normal") -> None:
        figure.text(
            x / width, y / height, text, size=size, color=colour, weight=weight, va="top", linespacing=1.3,
            parse_math=False,
        )  # fmt: skip

    write(_EDGE, height - _EDGE, "\n".join(headline), 13, "black", "bold")
    for number, (text, colour) in enumerate(facts):
        write(_EDGE, below_headline - _LINE * number, text, SMALL, colour)
    left = _EDGE
    for column, lines in zip(row, captions, strict=True):
        left += column.left
        axes = figure.add_axes((left / width, floor / height, side / width, tall / height))
        column.draw(axes)
        axes.set_title(column.title, loc="left", size=10, weight="bold", pad=5)
        if not column.left:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        write(left, floor - column.foot - 0.08, "\n".join(lines), SMALL, "#222222")
        left += side + _GAP
    return figure


def _headline(explanation: Explanation) -> str:
    return f"{explanation.label}: {columns.percent(explanation.probability)} on the full photograph"


def _facts(explanation: Explanation) -> list[tuple[str, str]]:
    about = explanation.provenance
    facts = [
        about.get("classifier", {}).get("name"),
        f"method {explanation.method}",
        f"hidden by {explanation.removal}",
        f"{about['evaluations']:,} model evaluations" if "evaluations" in about else None,
        f"{about['seconds']:.1f} s" if "seconds" in about else None,
        f"seed {about['request']['seed']}" if "request" in about else None,
    ]
    notes = [*explanation.notes]
    if len(explanation.parts) > PARTS_SHOWN:
        notes.append(f"{len(explanation.parts) - PARTS_SHOWN} further parts are in the record")
    unbroken = [fact.replace(" ", "\u00a0") for fact in facts if fact]
    return [("\u00a0\u00a0·  ".join(unbroken), "#555555"), *((f"Note: {note}", "#A33B00") for note in notes)]


def _wrapped(text: str, room: float, letter: float = _LETTER) -> list[str]:
    return [piece for line in text.splitlines() for piece in textwrap.wrap(line, max(20, int(room / letter)))]
