"""Photographs, maps and masks as RGB(A) arrays; no axes, no text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

Pixels = NDArray[np.float32]
Segments = NDArray[np.float64]

SEQUENTIAL, DIVERGING = "magma_r", "PuOr_r"
"""Light at 0 and ever darker away from it, also in grey print and with any colour-vision deficiency."""

_SHOWN = 0.995
"""Share of a map's values within the range of the colours."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def photograph(image: Tensor, bands: Sequence[int] | None = None) -> Pixels:
    """The image, shape (C, H, W), as rows of RGB pixels, shape (H, W, 3).

    Args:
        image: in shares of its range, which is black at its lower and white at its upper end.
        bands: those that are shown, counted from 1: one in grey, or three as red, green and blue; see
            :func:`shown_bands`.
    """
    shown = image.detach()[[band - 1 for band in shown_bands(len(image), bands)]]
    return np.asarray(shown.expand(3, -1, -1).permute(1, 2, 0), dtype=np.float32)


def shown_bands(channels: int, asked: Sequence[int] | None = None) -> tuple[int, ...]:
    """The bands of a picture, counted from 1: those asked for, else the first three, or of one or two the first."""
    return tuple(asked) if asked else (1, 2, 3) if channels >= 3 else (1,)


def bands_of(provenance: Mapping[str, Any]) -> tuple[int, ...] | None:
    """The bands that the preprocessing of an explanation's classifier asks for, if any."""
    fed = provenance.get("classifier", {}).get("preprocessing", {})
    return tuple(fed.get("bands") or ()) or None


def faded(pixels: Pixels, strength: float) -> Pixels:
    """The photograph without colour and drawn towards white; ``strength`` 0 keeps the luminance, 1 is white."""
    grey = np.repeat((pixels @ _LUMA)[..., None], 3, axis=2)
    return np.asarray(grey + (1 - grey) * strength, dtype=np.float32)


def cut_out(pixels: Pixels, mask: Tensor) -> Pixels:
    """The part in its own colours on the faded photograph."""
    return np.where(np.asarray(mask)[..., None], pixels, faded(pixels, 0.72))


def limits(*maps: Tensor) -> tuple[float, float]:
    """The range that the colours of all maps span: from 0 where no value is negative, else symmetric about 0.

    It ends at the 99.5th percentile of the absolute values of the map with the largest one: a few extreme pixels, as
    gradients have them, would make all others invisible.
    """
    sizes = [values.detach().abs().flatten() for values in maps]
    peak = max(float(size.kthvalue(1 + ceil(_SHOWN * (len(size) - 1))).values) for size in sizes)
    peak = peak or max(float(size.max()) for size in sizes) or 1.0
    return (-peak if any(bool((values < 0).any()) for values in maps) else 0.0), peak


def outline(mask: Tensor) -> Segments:
    """The exact border of a mask along pixel edges: segments ((x0, y0), (x1, y1)), shape (S, 2, 2).

    Pixel (row, column) covers the square from (column − ½, row − ½) to (column + ½, row + ½), as in ``imshow``.
    """
    framed = np.pad(np.asarray(mask, dtype=bool), 1)
    y, x = np.nonzero(framed[1:, 1:-1] != framed[:-1, 1:-1])
    flat = np.stack([np.stack([x, y], 1), np.stack([x + 1, y], 1)], 1)
    y, x = np.nonzero(framed[1:-1, 1:] != framed[1:-1, :-1])
    upright = np.stack([np.stack([x, y], 1), np.stack([x, y + 1], 1)], 1)
    return np.concatenate([flat, upright]) - 0.5


def overlay(
    image: Tensor,
    saliency: Tensor,
    span: tuple[float, float] | None = None,
    bands: Sequence[int] | None = None,
) -> Pixels:
    """The map over the faded photograph, shape (H, W, 3): the further from 0, the darker and the more opaque.

    Args:
        image: the photograph, shape (C, H, W).
        saliency: the map, shape (H, W).
        span: the range that the colours span, one of :func:`limits`; by default that of this map alone.
        bands: see :func:`photograph`.
    """
    return blended(faded(photograph(image, bands), 0.55), np.asarray(saliency.detach()), *(span or limits(saliency)))


def ramp(low: float, high: float) -> Pixels:
    """The colours of :func:`overlay` from ``low`` to ``high`` over near-white, shape (1, 256, 3): its colour bar."""
    return blended(np.full((1, 256, 3), 0.97, np.float32), np.linspace(low, high, 256)[None], low, high)


def blended(below: Pixels, values: NDArray[Any], low: float, high: float) -> Pixels:
    """Values, shape (H, W), in the colours of the range from ``low`` to ``high`` over RGB pixels (H, W, 3)."""
    share = np.clip((values - low) / (high - low), 0, 1)
    over = opacity(values, low, high)[..., None]
    return np.asarray(below * (1 - over) + colours(low)(share)[..., :3] * over, dtype=np.float32)


def opacity(values: NDArray[Any], low: float, high: float) -> NDArray[Any]:
    """How much values hide of what is below them: nothing at 0, and at the ends of the range four fifths."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(0.8 * (np.abs(2 * share - 1) if low < 0 else share) ** 0.8)


def colours(low: float) -> Colormap:
    """Of a range that begins at ``low``: two colours where that is negative, else one."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    if low < 0:
        return colormaps[DIVERGING]
    return ListedColormap(colormaps[SEQUENTIAL](np.linspace(0.1, 0.9, 256)))
