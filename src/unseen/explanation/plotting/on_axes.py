"""A map over its photograph on axes that somebody else laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import numpy as np

from unseen.errors import ParameterError
from unseen.explanation.plotting import columns, pixels, signals
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.flat import flat
from unseen.explanation.plotting.sparse import widened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap


class Style(TypedDict, total=False):
    """How a map is drawn.

    Attributes:
        cmap: the colours, by name or as an object; by default those of every picture here.
        alpha: the map's opacity in [0, 1], the same everywhere; by default the larger the further from 0.
        vmin: the value of the first colour.
        vmax: the value of the last colour.
        parts: whether parts are outlined.
    """

    cmap: str | Colormap | None
    alpha: float | None
    vmin: float | None
    vmax: float | None
    parts: bool


def drawn(explanation: Drawn, axes: Axes, **style: Unpack[Style]) -> Axes:
    """Draw the map over the faded photograph; the map is the last of ``axes.images``.

    Raises:
        ParameterError: a style that there is not, or one for a signal.
    """
    _check(style)
    if explanation.saliency.ndim == 1:
        if set(style) - {"parts"}:
            raise ParameterError("the map of a signal is a band in colours of its own; only parts can be chosen")
        signals.saliency(explanation, explanation.parts if style.get("parts", True) else ()).draw(axes)
        return axes
    shown = flat(explanation)
    low, high = pixels.limits(shown.saliency)
    low = low if style.get("vmin") is None else float(style["vmin"] or 0)
    high = high if style.get("vmax") is None else float(style["vmax"] or 0)
    if not low < high:
        raise ParameterError(f"vmin {low:g} must be below vmax {high:g}")
    values = np.asarray(widened(shown.saliency)[0])
    ground = pixels.faded(pixels.photograph(shown.image, pixels.bands_of(shown.provenance)), 0.55)
    axes.imshow(ground, interpolation="nearest")
    cmap, alpha = style.get("cmap"), style.get("alpha")
    axes.imshow(
        values,
        cmap=pixels.colours(low) if cmap is None else cmap,
        alpha=pixels.opacity(values, low, high) if alpha is None else alpha,
        vmin=low,
        vmax=high,
        interpolation="nearest",
    )
    for part in shown.parts if style.get("parts", True) else ():
        columns.outline(axes, part.mask, columns.line_of(part))
    axes.set_axis_off()
    return axes


def _check(style: Style) -> None:
    from matplotlib import colormaps

    known = Style.__annotations__
    strange = sorted(set(style) - set(known))
    if strange:
        raise ParameterError(f"no style {', '.join(strange)}; there are {', '.join(known)}")
    cmap, alpha = style.get("cmap"), style.get("alpha")
    if isinstance(cmap, str) and cmap not in colormaps:
        raise ParameterError(f"matplotlib has no colours named {cmap!r}; give one of its colormaps, such as 'viridis'")
    if alpha is not None and not 0 <= alpha <= 1:
        raise ParameterError(f"alpha {alpha:g} is outside [0, 1]")
