"""A part of an input as a person points at it: a box, an ellipse or a polygon in its pixels, or a mask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
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
from unseen.inputs.coordinates import Affine3
from unseen.inputs.opening import open_turned
from unseen.inputs.photo import open_upright
from unseen.inputs.space import Space

KINDS = {
    "box": "box:X,Y,WIDTH,HEIGHT",
    "ellipse": "ellipse:X,Y,WIDTH,HEIGHT",
    "polygon": "polygon:X,Y,X,Y,X,Y",
}
"""How each is written; lengths are in pixels of the photograph as it is displayed, from its upper left corner."""

FORMS = {
    1: ("box:START,LENGTH",),
    2: tuple(KINDS.values()),
    3: ("box:D,H,W,DEPTH,HEIGHT,WIDTH", "ellipse:D,H,W,DEPTH,HEIGHT,WIDTH"),
}
"""The same by how many axes an input has; of signals and volumes in samples and voxels, or in the unit of the file."""

_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")

_GREY = 0.2
"""A picture of which a larger share is neither dark nor bright is no mask."""


@dataclass(frozen=True)
class Shape:
    """A box, the ellipse that fills a box, or a polygon; an interval of a signal, a box or an ellipsoid of a volume.

    Attributes:
        kind: one of :data:`KINDS`.
        numbers: of an image left, top, width and height; of a signal and of a volume where it starts along each axis,
            in their order, then its length along each; of a polygon x and y of each corner.
        unit: in which they are, of signals and volumes; empty for pixels, samples and voxels.

    Raises:
        ParameterError: another kind, or numbers that make no area.

    Example:
        >>> from unseen.inputs.shapes import Shape
        >>> Shape.of("box:1,0,2,1").mask((2, 4)).int().tolist()
        [[0, 1, 1, 0], [0, 0, 0, 0]]
        >>> Shape.of("box:0.25s,0.5s").mask((5,), places=[[0.0, 0.25, 0.5, 0.75, 1.0]]).int().tolist()
        [0, 1, 1, 0, 0]
    """

    kind: str
    numbers: tuple[float, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"a part is no {self.kind!r}; write {', '.join(KINDS.values())}")
        count = len(self.numbers)
        fits = count % 2 == 0 and (count >= 6 if self.kind == "polygon" else count // 2 in self._forms)
        if not fits or not all(isfinite(number) for number in self.numbers):
            forms = " or ".join(self._forms.values())
            raise ParameterError(f"{self.name} has {count} numbers that make no {self.kind}; write {forms}")
        if self.kind != "polygon" and min(self.numbers[count // 2 :]) <= 0:
            raise ParameterError(f"{self.name} is empty; {_ABOVE[self.axes]}, as in {self._forms[self.axes]}")
        if self.unit and self.axes == 2:
            raise ParameterError(f"{self.name} has a unit, and images are measured in pixels; leave {self.unit!r} out")

    @classmethod
    def of(cls, spec: str) -> Shape:
        """What a spec says, such as ``"ellipse:10,20,100,50"`` or ``"box:0.4s,0.2s"``.

        Raises:
            ParameterError: as of the class.
        """
        kind, _, listed = spec.partition(":")
        found = [_NUMBER.fullmatch(number) for number in listed.split(",")]
        units = {one[2] for one in found if one is not None}
        if None in found or kind not in KINDS:
            raise ParameterError(f"part {spec!r:.80} holds what is no number; write {KINDS.get(kind, kind)}")
        if len(units) > 1:
            raise ParameterError(f"part {spec!r:.80} mixes units; write the same one behind every number, or none")
        return cls(kind, tuple(float(one[1]) for one in found if one is not None), units.pop())

    @property
    def axes(self) -> int:
        """Of the inputs on which it lies: 1 of a signal, 2 of an image, 3 of a volume."""
        return 2 if self.kind == "polygon" else len(self.numbers) // 2

    @property
    def name(self) -> str:
        """The spec."""
        return f"{self.kind}:{','.join(f'{number:.15g}{self.unit}' for number in self.numbers)}"

    @property
    def _forms(self) -> dict[int, str]:
        """How this kind is written, by axes."""
        starting = f"{self.kind}:"
        return {axes: form for axes, forms in FORMS.items() for form in forms if form.startswith(starting)}

    @property
    def corners(self) -> NDArray[np.float64]:
        """(x, y) of each corner of the polygon, or of the box around an ellipse, on an image; shape (N, 2)."""
        if self.kind == "polygon":
            return np.array(self.numbers, dtype=np.float64).reshape(-1, 2)
        x, y, width, height = self.numbers
        return np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], dtype=np.float64)

    @property
    def spans(self) -> tuple[tuple[float, float], ...]:
        """(start, length) along each axis of the input, in the order of its shape; of a box or an ellipse."""
        starts, lengths = self.numbers[: self.axes], self.numbers[self.axes :]
        along = tuple(zip(starts, lengths, strict=True))
        return along[::-1] if self.axes == 2 else along

    def mask(self, size: Space, places: Sequence[Sequence[float] | NDArray[np.float64]] | None = None) -> Tensor:
        """The pixels whose centres lie inside, of an input of this size, beyond which it may reach; bool.

        Args:
            size: lengths of the axes.
            places: of the samples along each axis, where the numbers have a unit; by default the centres of pixels.
        """
        if self.kind == "polygon":
            return torch.from_numpy(polygon_mask(self.corners, (size[0], size[1])))
        centres = [np.arange(length) + 0.5 for length in size] if places is None else places
        grids = np.ix_(*(np.asarray(at, dtype=np.float64) for at in centres))
        along = list(zip(grids, self.spans, strict=True))
        if self.kind == "box":
            return torch.from_numpy(
                reduce(np.logical_and, [(at >= start) & (at < start + length) for at, (start, length) in along])
            )
        squares = [((at - start) / length * 2 - 1) ** 2 for at, (start, length) in along]
        return torch.from_numpy(reduce(np.add, squares) <= 1)


_ABOVE = {1: "its length must be above 0", 2: "its width and height must be above 0", 3: "its lengths must be above 0"}


@dataclass(frozen=True, eq=False)
class Painted:
    """A part that was painted on a picture of the photograph's size, or a mask as numbers.

    Attributes:
        name: where it comes from, for messages.
        mask: the part, bool, shape ``space``.
        size: lengths of the file's axes; of a very large picture ``mask`` is a smaller copy.
        affine: of a volume, where its file says that its voxels lie.
    """

    name: str
    mask: Bool[Tensor, "*space"]
    size: Space
    affine: Affine3 | None = None

    @property
    def axes(self) -> int:
        """Of the inputs on which it lies."""
        return len(self.size)

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
