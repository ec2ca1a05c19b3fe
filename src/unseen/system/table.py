"""Tables of text: for a terminal, where columns stand one below the other, and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from unseen.system.names import lines_of

Row = Sequence[str]


def aligned(rows: Sequence[Row], left: Collection[int] = (0,)) -> list[str]:
    """One line a row: columns whose numbers are in ``left`` begin at the same place, the others end there.

    Args:
        rows: of equally many cells.
        left: counted from 0; negative ones from the end.

    Example:
        >>> from unseen.system.table import aligned
        >>> print(*aligned([["method", "size"], ["rise", "12.5"], ["lime", "9"]]), sep=chr(10))
        method  size
        rise    12.5
        lime       9
    """
    room = [max(map(len, column)) for column in zip(*rows, strict=True)]
    begin = {column % len(room) for column in left}
    return [
        "  ".join(text.ljust(room[n]) if n in begin else text.rjust(room[n]) for n, text in enumerate(row)).rstrip()
        for row in rows
    ]


def markdown(rows: Sequence[Row], *, centred: bool = False) -> str:
    """The rows as Markdown, the first as the header; with the columns after the first in the middle, if wanted."""
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    rule = f"| --- |{(' :-: |' if centred else ' --- |') * (len(rows[0]) - 1)}"
    return lines_of([head, rule, *others])


@dataclass(frozen=True)
class Table:
    """Cells as text; the first row is the header."""

    title: str
    rows: list[list[str]]
    note: str = ""

    def as_text(self, width: int = 110) -> str:
        """Aligned columns; those that do not fit into ``width`` characters follow below."""
        blocks = self._fitted(width, 2)
        lines = [f"  {line}".rstrip() for block in blocks for line in aligned(_columns(self.rows, block))]
        note = textwrap.wrap(self.note, width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
        return lines_of([self.title, *lines, *note])

    def as_markdown(self, width: int = 160) -> str:
        """A Markdown table under a heading; several, each with the first column, where one had very long lines."""
        parts = [markdown(_columns(self.rows, block)) for block in self._fitted(width, 3)]
        return "\n\n".join([f"### {self.title}", *parts, *([self.note] if self.note else [])])

    def _fitted(self, width: int, gap: int) -> list[list[int]]:
        """The columns after the first, in blocks that fit beside it."""
        widths = [max(len(row[i]) for row in self.rows) for i in range(len(self.rows[0]))]
        blocks: list[list[int]] = []
        room = 0
        for column, needed in list(enumerate(widths))[1:]:
            if not blocks or needed + gap > room:
                blocks.append([])
                room = width - widths[0] - gap
            blocks[-1].append(column)
            room -= needed + gap
        return blocks or [[]]


def _columns(rows: Sequence[Row], block: Sequence[int]) -> list[list[str]]:
    """The first column, and those of a block."""
    return [[row[0], *(row[i] for i in block)] for row in rows]
