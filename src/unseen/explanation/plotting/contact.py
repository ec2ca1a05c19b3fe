"""A contact sheet: many photographs on one page, with map, outline of the part, and what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unseen.classifier.outputs.readings import percent
from unseen.explanation.plotting.flat import flat
from unseen.explanation.plotting.original import Canvas
from unseen.explanation.plotting.page import EDGE, FACT, GAP, HEAD_LETTER, HEAD_LINE, LINE, NOTE, TEXT, Page, wrapped
from unseen.inputs.geometry import Affine

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from unseen.explanation.explanation import Explanation

MOST = 100
"""Photographs on a sheet at most."""

_SIDE = 2.0
"""Inches: of the square in which a photograph is drawn."""
_LONGEST = 400
"""Pixels of its longest side."""
_ACROSS = 8
"""Photographs in a row at most."""


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A photograph on the sheet.

    Attributes:
        picture: bytes, shape (h, w, 3).
        name: of its file.
        said: what the model says, and how much of it suffices.
        doubted: whether there is no verified part.
    """

    picture: NDArray[np.uint8]
    name: str
    said: str
    doubted: bool

    @property
    def height(self) -> float:
        """Inches, on the sheet."""
        return _SIDE * float(self.picture.shape[0] / max(self.picture.shape[:2]))

    @property
    def width(self) -> float:
        """Inches, on the sheet."""
        return _SIDE * float(self.picture.shape[1] / max(self.picture.shape[:2]))


def thumbnail(name: str, explanation: Explanation) -> Thumbnail:
    """The map over the photograph and the outline of the first part, at most 400 pixels a side."""
    shown = flat(explanation)
    parts = shown.parts[:1]
    if explanation.geometry is not None:
        canvas = explanation.canvas(longest=_LONGEST)
    else:
        size = (int(shown.image.shape[1]), int(shown.image.shape[2]))
        canvas = Canvas(shown.image, None, Affine.scaling(size, size), _LONGEST)
    drawn = canvas.overlay(shown.saliency, tuple(part.mask for part in parts))
    found = f"part {percent(parts[0].fraction)}" if parts else "no part"
    doubted = not parts or not parts[0].verified
    said = f"{explanation.label} {explanation.told}, {found}"
    return Thumbnail(np.asarray(drawn), name, said + (", NOT verified" if parts and doubted else ""), doubted)


def contact_sheet(shown: Sequence[Thumbnail]) -> Figure:
    """The photographs in rows, in their order."""
    across = min(_ACROSS, ceil(sqrt(len(shown))))
    rows = [shown[start : start + across] for start in range(0, len(shown), across)]
    width = 2 * EDGE + across * _SIDE + (across - 1) * GAP
    captions = [[[*wrapped(one.name, _SIDE)[:1], *wrapped(one.said, _SIDE)[:3]] for one in row] for row in rows]
    feet = [0.1 + LINE * max(map(len, row)) + 0.15 for row in captions]
    tall = [max(one.height for one in row) for row in rows]
    head = wrapped(f"{len(shown)} photographs", width - 2 * EDGE, HEAD_LETTER)
    page = Page(width, 2 * EDGE + HEAD_LINE * len(head) + 0.1 + sum(tall) + sum(feet))
    y = page.height - EDGE
    page.headline(head, y)
    y -= HEAD_LINE * len(head) + 0.1
    for row, lines, deep in zip(rows, captions, map(sum, zip(tall, feet, strict=True)), strict=True):
        for place, (one, caption) in enumerate(zip(row, lines, strict=True)):
            x = EDGE + place * (_SIDE + GAP)
            axes = page.axes(x, y - one.height, one.width, one.height, bare=True)
            axes.imshow(one.picture, interpolation="antialiased", aspect="auto")
            page.write(x, y - one.height - 0.07, caption[:1], colour=FACT)
            page.write(x, y - one.height - 0.07 - LINE, caption[1:], colour=NOTE if one.doubted else TEXT)
        y -= deep
    return page.figure
