"""A part of a photograph as a person points at it: a box, an ellipse or a polygon in its pixels, or a painted mask."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from unseen.errors import ParameterError
from unseen.inputs.opening import open_turned
from unseen.inputs.photo import open_upright

KINDS = {
    "box": "box:X,Y,WIDTH,HEIGHT",
    "ellipse": "ellipse:X,Y,WIDTH,HEIGHT",
    "polygon": "polygon:X,Y,X,Y,X,Y",
}
"""How each is written; lengths are in pixels of the photograph as it is displayed, from its upper left corner."""

_GREY = 0.2
"""A picture of which a larger share is neither dark nor bright is no mask."""


@dataclass(frozen=True)
class Shape:
    """A box, the ellipse that fills a box, or a polygon.

    Attributes:
        kind: one of :data:`KINDS`.
        numbers: left, top, width and height; of a polygon x and y of each corner. In pixels of the photograph.

    Raises:
        ParameterError: another kind, or numbers that make no area.

    Example:
        >>> from unseen.inputs.shapes import Shape
        >>> Shape.of("box:1,0,2,1").mask((2, 4)).int().tolist()
        [[0, 1, 1, 0], [0, 0, 0, 0]]
    """

    kind: str
    numbers: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"a part is no {self.kind!r}; write {', '.join(KINDS.values())}")
        count = len(self.numbers)
        fits = count >= 6 and count % 2 == 0 if self.kind == "polygon" else count == 4
        if not fits or not all(isfinite(number) for number in self.numbers):
            raise ParameterError(f"{self.name} has {count} numbers that make no {self.kind}; write {KINDS[self.kind]}")
        if self.kind != "polygon" and min(self.numbers[2:]) <= 0:
            raise ParameterError(
                f"{self.name} is empty; its width and height must be above 0, as in {KINDS[self.kind]}"
            )

    @classmethod
    def of(cls, spec: str) -> Shape:
        """What a spec says, such as ``"ellipse:10,20,100,50"``.

        Raises:
            ParameterError: as of the class.
        """
        kind, _, listed = spec.partition(":")
        try:
            numbers = tuple(float(number) for number in listed.split(","))
        except ValueError:
            raise ParameterError(f"part {spec!r:.80} holds what is no number; write {KINDS.get(kind, kind)}") from None
        return cls(kind, numbers)

    @property
    def name(self) -> str:
        """The spec."""
        return f"{self.kind}:{','.join(f'{number:.15g}' for number in self.numbers)}"

    @property
    def corners(self) -> NDArray[np.float64]:
        """(x, y) of each corner of the polygon, or of the box around an ellipse, shape (N, 2)."""
        if self.kind == "polygon":
            return np.array(self.numbers, dtype=np.float64).reshape(-1, 2)
        x, y, width, height = self.numbers
        return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], dtype=np.float64)

    def mask(self, size: tuple[int, int]) -> Bool[Tensor, "H W"]:
        """The pixels whose centres lie inside, of a photograph of (height, width) ``size``; it may reach beyond it."""
        height, width = size
        x, y = np.arange(width) + 0.5, (np.arange(height) + 0.5)[:, None]
        if self.kind == "polygon":
            return torch.from_numpy(polygon_mask(self.corners, size))
        left, top, wide, tall = self.numbers
        if self.kind == "box":
            inside = (x >= left) & (x < left + wide) & (y >= top) & (y < top + tall)
        else:
            inside = ((x - left) / wide * 2 - 1) ** 2 + ((y - top) / tall * 2 - 1) ** 2 <= 1
        return torch.from_numpy(inside)


@dataclass(frozen=True, eq=False)
class Painted:
    """A part that was painted on a picture of the photograph's size.

    Attributes:
        name: where it comes from, for messages.
        mask: the part, bool, shape (H, W).
        size: (height, width) of the file; of a very large one ``mask`` is a smaller copy.
    """

    name: str
    mask: Bool[Tensor, "H W"]
    size: tuple[int, int]

    @classmethod
    def of(cls, source: str | PathLike[str] | Image.Image) -> Painted:
        """What is white on a picture, or what is opaque on one that is transparent elsewhere.

        Raises:
            PhotoError: it cannot be read.
            ParameterError: nothing is painted, or it is a photograph and no mask.
        """
        name = "the mask" if isinstance(source, Image.Image) else str(source)
        given = source if isinstance(source, Image.Image) else Path(source)
        turned = open_turned(given)
        levels = _opacity(turned.image)
        if levels is None:
            levels = np.asarray(open_upright(given).image.convert("L"))
        if float(((levels >= 64) & (levels < 192)).mean()) > _GREY:
            raise ParameterError(f"{name} is a picture, not a mask; paint the part white and all else black")
        mask = torch.from_numpy(levels >= 128)
        if not bool(mask.any()):
            raise ParameterError(f"{name} is empty: all of it is black; paint the part white")
        return cls(name, mask, turned.source_size)


def _opacity(image: Image.Image) -> NDArray[np.uint8] | None:
    """How opaque each pixel is, or ``None`` where all are alike."""
    if not image.has_transparency_data:
        return None
    alpha = np.asarray(image.convert("RGBA").getchannel("A"))
    return alpha if alpha.min() < alpha.max() else None


def polygon_mask(corners: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels whose centre lies in a polygon, by the even-odd rule.

    Every edge flips what lies to the right of it in the rows that it crosses. A centre on an edge belongs to one side
    only, so that polygons that touch share no pixel; scikit-image's ``polygon2mask`` gives it to both.

    Args:
        corners: (x, y) of each, shape (N, 2); the last is joined to the first.
        shape: (height, width).
    """
    height, width = shape
    flips = np.zeros((height, width + 1), dtype=np.uint8)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        rows = np.arange(max(0, int(np.ceil(low - 0.5))), min(height, int(np.ceil(high - 0.5))))
        if len(rows):
            crossing = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            flips[rows, np.clip(np.ceil(crossing - 0.5), 0, width).astype(int)] ^= 1
    return np.bitwise_xor.accumulate(flips, axis=1)[:, :width].astype(bool)
