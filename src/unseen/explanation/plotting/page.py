"""A white page measured in inches, on which text and pictures are placed; and the sizes that all figures share."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMALL = 8.5
"""Points: ticks and captions."""
TEXT, FACT, NOTE = "#222222", "#555555", "#A33B00"
"""Colours: of captions, of what was asked and spent, and of what must be known."""
EDGE, GAP = 0.25, 0.3
"""Inches: margin, between columns."""
LINE, LETTER = 0.17, 0.0615
"""Inches: height of a line of small text, and width of a letter of it."""
HEAD_LINE, HEAD_LETTER = 0.27, 0.105
"""The same of the headline."""

NAME_LINE, NAME_LETTER = 0.2, 0.09
"""The same of a name in bold."""

_ASCENT, _PITCH = 0.78, 1.44
"""Height of a tall letter, and from line to line, as shares of the size."""


class Page:
    """A figure of ``width`` × ``height`` inches; places are measured from its lower left corner."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.figure: Figure = Figure(figsize=(width, height))

    def write(
        self, x: float, y: float, lines: list[str], size: float = SMALL, colour: str = TEXT, weight: str = "normal"
    ) -> None:
        """Lines of text whose upper left corner is at (x, y), as far apart whatever letters are in them."""
        for number, line in enumerate(lines):
            baseline = y - (_ASCENT + _PITCH * number) * size / 72
            self.figure.text(
                x / self.width, baseline / self.height, line, size=size, color=colour, weight=weight, va="baseline",
                parse_math=False,
            )  # fmt: skip

    def headline(self, lines: list[str], y: float, x: float = EDGE) -> None:
        """What the page says, in bold; its upper edge is at ``y``."""
        self.write(x, y, lines, 13, "black", "bold")

    def name(self, x: float, y: float, lines: list[str]) -> None:
        """What stands below or beside, in bold."""
        self.write(x, y, lines, 10, "black", "bold")

    def axes(self, x: float, y: float, width: float, height: float, *, bare: bool) -> Axes:
        """A picture whose lower left corner is at (x, y); ``bare`` without ticks and frame."""
        axes = self.figure.add_axes((x / self.width, y / self.height, width / self.width, height / self.height))
        if bare:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        return axes


def wrapped(text: str, room: float, letter: float = LETTER) -> list[str]:
    """The text as lines that fit into ``room`` inches."""
    return [piece for line in text.splitlines() for piece in textwrap.wrap(line, max(16, int(room / letter)))]


def facts_line(facts: list[str | None]) -> str:
    """Facts in one line, which breaks only between them; ``None`` is left out."""
    unbroken = [fact.replace(" ", "\u00a0") for fact in facts if fact]
    return "\u00a0\u00a0·  ".join(unbroken)
