"""What a model gets of an input, drawn: a photograph, the slices of a volume, the curve of a signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool
from torch import Tensor

from unseen.classifier.decision import Decision
from unseen.explanation.plotting import columns, pixels
from unseen.explanation.plotting.flat import Cuts, middle_of
from unseen.explanation.plotting.original import picture_of, png_of
from unseen.explanation.plotting.page import Page
from unseen.explanation.plotting.pixels import Pixels
from unseen.explanation.plotting.signals import FAINT, Curves
from unseen.inputs.coordinates import Coordinates
from unseen.system.pictures import png
from unseen.trials.trial import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STRIPE = 14
"""Stripes across a picture where nothing is painted."""

_SIGNAL = 0.7
"""Height of a signal over its width."""
_LEFT, _FOOT = 0.45, 0.4
"""Inches beside and below a curve, for its ticks."""


def pictures_of(decision: Decision, part: Bool[Tensor, "*space"]) -> Flats | Signals:
    """How the input of a decision is drawn, and what the model gets of it.

    Args:
        decision: about it.
        part: that was chosen; a volume is cut through its middle.
    """
    prepared, space = decision.prepared, tuple(map(int, part.shape))
    known = (prepared.coordinates if prepared else None) or Coordinates()
    if len(space) == 1:
        return Signals(decision.image, part, decision.classifier.preprocessing.to_dict(), known)
    bands = decision.classifier.preprocessing.bands
    return Flats(decision.image, part, bands, Cuts(middle_of(part), space, known) if len(space) == 3 else None)


@dataclass(frozen=True, eq=False)
class Flats:
    """Of a photograph, or of a volume by three slices and the largest values.

    Attributes:
        image: as the model sees it, shape ``(C, *space)``.
        part: bool, shape ``space``.
        bands: of the image that are shown.
        cuts: of a volume.
    """

    image: Tensor
    part: Tensor
    bands: Sequence[int] | None
    cuts: Cuts | None = None

    def height(self, width: float) -> float:
        """Of a picture that wide."""
        tall, wide = self._laid(self.part, 0).shape
        return width * tall / wide

    def whole(self, page: Page, x: float, y: float, width: float) -> None:
        """The whole input, with the part outlined, and how the patient lies; the upper left corner is at (x, y)."""
        axes = self._imshow(page, x, y, width, self._pixels(self.image))
        columns.outline(axes, self._laid(self.part, 0).bool())
        for across, down, letter in self.cuts.letters if self.cuts else ():
            columns.letter(axes, across, down, letter)

    def view(self, page: Page, x: float, y: float, width: float, view: View, visible: Tensor) -> None:
        """What the model gets where ``visible`` is; see :meth:`seen`."""
        self._imshow(page, x, y, width, self.seen(view, visible))

    def seen(self, view: View, visible: Bool[Tensor, "*space"]) -> Pixels:
        """What the model gets; where nothing is painted, what is visible, with stripes where it is switched off."""
        if view.picture is not None:
            return self._pixels(view.picture)
        shown, mask = self._pixels(self.image), np.asarray(self._laid(visible, 1))
        height, width = mask.shape
        period = max(4, max(height, width) // _STRIPE)
        stripes = (np.arange(height)[:, None] + np.arange(width)) % period < max(1, period // 4)
        empty = np.where(stripes[..., None], np.float32(0.75), np.float32(0.95))
        return np.where(mask[..., None], shown, empty)

    def marked(self) -> Pixels:
        """The part in its own colours, all else faint."""
        shown = self._pixels(self.image)
        return np.where(np.asarray(self._laid(self.part, 0))[..., None], shown, 0.35 * shown + 0.55)

    def png(self, view: View, visible: Bool[Tensor, "*space"]) -> bytes:
        """The same as a file."""
        return png_of(picture_of(self.seen(view, visible)))

    def _pixels(self, image: Tensor) -> Pixels:
        return pixels.photograph(self._laid(image, 1), self.bands)

    def _laid(self, values: Tensor, empty: float) -> Tensor:
        return values if self.cuts is None else self.cuts.laid(values, empty)

    def _imshow(self, page: Page, x: float, y: float, width: float, shown: Pixels) -> Axes:
        height = self.height(width)
        axes = page.axes(x, y - height, width, height, bare=True)
        axes.imshow(shown, interpolation="nearest")
        return axes


@dataclass(frozen=True, eq=False)
class Signals:
    """Of a signal: its channels in their own unit, with the part behind them.

    Attributes:
        image: as the model sees it, shape (C, L).
        part: bool, shape (L,).
        preprocessing: of the model, with the range and the unit.
        known: where samples lie.
    """

    image: Tensor
    part: Tensor
    preprocessing: dict[str, object]
    known: Coordinates

    def height(self, width: float) -> float:
        """Of a picture that wide."""
        return width * _SIGNAL

    def whole(self, page: Page, x: float, y: float, width: float) -> None:
        """The whole signal; the upper left corner is at (x, y)."""
        self._curves(self.image).draw(self._axes(page, x, y, width))

    def view(self, page: Page, x: float, y: float, width: float, view: View, visible: Tensor) -> None:
        """What the model gets where ``visible`` is, in black on the faint signal."""
        self._drawn(self._axes(page, x, y, width), view, visible)

    def png(self, view: View, visible: Bool[Tensor, " L"]) -> bytes:
        """The same as a file."""
        page = Page(6.0, 6.0 * _SIGNAL)
        self._drawn(self._axes(page, 0.1, page.height - 0.1, page.width - 0.2), view, visible)
        return png(page.figure)

    def _drawn(self, axes: Axes, view: View, visible: Tensor) -> None:
        """What is painted as a curve; where nothing is painted, only what is visible."""
        self._curves(self.image).draw(axes, FAINT)
        if view.picture is None:
            self._curves(self.image).draw(axes, "black", visible)
        else:
            self._curves(view.picture).draw(axes)

    def _axes(self, page: Page, x: float, y: float, width: float) -> Axes:
        height = self.height(width)
        axes = page.axes(x + _LEFT, y - height + _FOOT, width - _LEFT, height - _FOOT, bare=False)
        self._curves(self.image).behind(axes, self.part)
        return axes

    def _curves(self, image: Tensor) -> Curves:
        return Curves.of(image, self.preprocessing, self.known)
