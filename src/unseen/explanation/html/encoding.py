"""Photographs, maps and rankings as ``data:`` addresses, small enough that hundreds of them fit into one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.pixels import Pixels
from unseen.explanation.plotting.sparse import widened
from unseen.explanation.regions import polygons

_LEVELS = 255
"""Colours of a map; one more is left for what is transparent."""

_MARK = (240, 120, 0)
"""Red, green and blue of a part's border in a volume."""


def address(content: bytes, kind: str = "image/png") -> str:
    """A file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def photograph(shown: Pixels) -> str:
    """RGB pixels, shape (H, W, 3), as a JPEG file, or as PNG where a small picture's pixels matter."""
    picture = Image.fromarray(np.rint(255 * shown.clip(0, 1)).astype(np.uint8))
    if min(picture.size) < 100:
        return _png(picture)
    return _jpeg(picture, 88)


def picture(path: Path, longest: int = 1400) -> str | None:
    """A picture that was drawn, smaller and as JPEG where it is large; ``None`` if it is not at hand."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as drawn:
            drawn.load()
            if max(drawn.size) <= longest:
                return address(content)
            drawn.thumbnail((longest, longest))
            return _jpeg(drawn.convert("RGB"), 88)
    except (OSError, ValueError):
        return None


def colours(saliency: Float[Tensor, "H W"]) -> str:
    """A map in the colours of :func:`unseen.explanation.plotting.pixels.overlay`, transparent where it is near 0.

    Single dots are drawn larger; see :func:`unseen.explanation.plotting.sparse.widened`.
    """
    return tinted(widened(saliency)[0].detach(), *pixels.limits(saliency))


def tinted(saliency: Float[Tensor, "H W"], low: float, high: float) -> str:
    """The same for a map as it is, in the colours of a range."""
    share = np.clip((saliency.numpy() - low) / (high - low), 0, 1)
    level = np.rint(share * _LEVELS).astype(np.uint8)
    values = low + (high - low) * np.arange(_LEVELS + 1)[None] / _LEVELS
    black, white = (
        pixels.blended(np.full((1, _LEVELS + 1, 3), ground, np.float32), values, low, high) for ground in (0, 1)
    )
    opacity = (1 - (white - black).mean(2)).clip(0, 1)[0]
    over = black[0] / np.maximum(opacity[:, None], 1e-3)
    drawn = Image.fromarray(level, mode="P")
    drawn.putpalette(np.rint(255 * over.clip(0, 1)).astype(np.uint8).tobytes(), "RGB")
    return _png(drawn, transparency=np.rint(255 * opacity).astype(np.uint8).tobytes())


def steps(order: NDArray[np.int64], size: tuple[int, int], fractions: Sequence[float]) -> str:
    """For each pixel the first of at most 255 steps that shows it, as a grey picture.

    Args:
        order: flat indices of pixels, the first ones first; those that are missing are never shown.
        size: (height, width).
        fractions: share of all pixels that each step shows, ascending.
    """
    place = np.full(size[0] * size[1], len(fractions), dtype=np.int64)
    ends = np.rint(np.array(fractions) * len(place)).astype(np.int64)
    place[order] = np.searchsorted(ends, np.arange(len(order)), side="right")
    return _png(Image.fromarray(place.reshape(size).clip(0, 255).astype(np.uint8)))


def marked(mask: Bool[Tensor, "H W"]) -> str:
    """A mask in orange, transparent elsewhere."""
    drawn = Image.fromarray(mask.numpy().astype(np.uint8), mode="P")
    drawn.putpalette([0, 0, 0, *_MARK], "RGB")
    return _png(drawn, transparency=0)


def border(mask: Tensor) -> str:
    """The borders of a mask as SVG writes a path."""
    pieces = []
    for corners in polygons(np.asarray(mask)):
        points = [f"{x:g} {y:g}" for x, y in zip(corners[::2], corners[1::2], strict=True)]
        pieces.append(f"M{' L'.join(points)}Z")
    return "".join(pieces)


def _jpeg(image: Image.Image, quality: int) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=quality)
    return address(buffer.getvalue(), "image/jpeg")


def _png(image: Image.Image, **transparency: int | bytes) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, **transparency)
    return address(buffer.getvalue())
