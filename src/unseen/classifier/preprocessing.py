"""How photographs become the input of a network, and where on a photograph that input lies."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from unseen.errors import ParameterError, nearest
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource, as_numbers, is_rounded, kind_of, open_upright, to_tensor
from unseen.system.arguments import conform

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A photograph as the network sees it, before normalisation, and what was done to it.

    Attributes:
        pixels: float32 RGB in [0, 1], shape (C, H, W).
        kind: what was given, in words.
        given: (height, width) of it, upright.
        resized: (height, width) to which it was scaled, or ``None`` if it was not.
        corner: (top, left) of the network's window on what was scaled, in pixels.
        rounded: whether numbers were rounded to 8 bits.
        geometry: from pixels of the photograph's file, as it is displayed, to pixels of the network's input.
    """

    pixels: Float[Tensor, "C H W"]
    kind: str
    given: tuple[int, int]
    resized: tuple[int, int] | None = None
    corner: tuple[int, int] = (0, 0)
    rounded: bool = False
    geometry: Affine | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the network's input."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[2])

    def to_dict(self) -> dict[str, Any]:
        """Where the network's input lies on the photograph, ready for JSON; all lengths are in pixels."""
        geometry = {
            "given": list(self.given),
            "resized": list(self.resized) if self.resized else None,
            "crop": [*self.corner, *self.size],
            "photograph_to_input": self.geometry.to_dict() if self.geometry else None,
        }
        return {"geometry": geometry, "rounded_to_8_bits": self.rounded}

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence on what was done, where a reader would take the map for one of what was given."""
        cut = (self.resized or self.given) != self.size
        scaled = self.resized is not None
        done = [
            *(["rounded to 8 bits"] if self.rounded else []),
            *([f"scaled to {_sides(self.resized)}"] if self.resized else []),
            *([f"cropped to the middle {_sides(self.size)}"] if cut else []),
        ]
        numbers = self.kind in ("tensor", "array")
        if not done or not (numbers or (scaled and self.given == self.size)):
            return ()
        remedy = f"a tensor, or an array of floats, of {_sides(self.size)} passes as it is"
        return (f"the {self.kind} of {_sides(self.given)} pixels (height × width) was {_listed(done)}; {remedy}",)


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes the network's input.

    Args:
        size: (height, width) of the network's input, in pixels; one number stands for a square.
        resize: length of the short side before the centre crop, in pixels; or (height, width) to which both sides
            are squashed before it; ``None`` squashes to ``size`` and crops nothing.
        interpolation: Pillow's resampling filter.
        mean: per channel, in pixel units of [0, 1].
        std: per channel, in pixel units of [0, 1].

    Raises:
        ParameterError: a size or a standard deviation that is not positive, a crop larger than the resize, or a value
            of another type.

    Example:
        >>> from PIL import Image
        >>> from unseen import Preprocessing
        >>> Preprocessing(size=(224, 224), resize=256).crop(Image.new("RGB", (640, 480))).size
        (224, 224)
    """

    size: tuple[int, int] = (224, 224)
    resize: int | tuple[int, int] | None = 256
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        conform(self)
        sides: tuple[int, ...] = self.size
        if len(sides) == 1:
            object.__setattr__(self, "size", sides * 2)
        for name, count in (("size", 2), ("mean", 3), ("std", 3)):
            given = getattr(self, name)
            if len(given) != count:
                raise ParameterError(f"{name} {given} has {len(given)} numbers; give {count}")
        if isinstance(self.resize, tuple) and len(self.resize) != 2:
            raise ParameterError(f"resize {self.resize} has {len(self.resize)} numbers; give one, or (height, width)")
        if min(self.size) < 1:
            raise ParameterError(f"input size {self.size} must be positive")
        if not all(deviation > 0 and isfinite(deviation) for deviation in self.std):
            raise ParameterError(f"standard deviation {self.std} must be positive in every channel")
        if not all(map(isfinite, self.mean)):
            raise ParameterError(f"mean {self.mean} must be finite in every channel")
        sides = (self.resize,) * 2 if isinstance(self.resize, int) else self.resize or self.size
        if sides[0] < self.size[0] or sides[1] < self.size[1]:
            raise ParameterError(f"resize {self.resize} is smaller than the crop {self.size}")
        if self.interpolation not in _RESAMPLING:
            hint = nearest(self.interpolation, _RESAMPLING)
            raise ParameterError(f"unknown interpolation {self.interpolation!r}: {hint}")

    def prepared(self, photo: PhotoSource) -> Prepared:
        """See :meth:`unseen.Classifier.prepare`, with what was done.

        Raises:
            PhotoError: see :func:`unseen.inputs.photo.open_photo`.
        """
        kind, numbers = kind_of(photo), as_numbers(photo, self.size)
        if numbers is not None:
            return Prepared(numbers, kind, self.size, geometry=Affine.scaling(self.size, self.size))
        opened = open_upright(photo)
        picture = opened.image
        given = (picture.height, picture.width)
        resized = self._resized(given)
        scaled = None if resized == given else resized
        top, left = corner = self._corner(resized)
        geometry = opened.geometry.compose(Affine.scaling(given, resized)).moved(-left, -top)
        pixels = to_tensor(self.crop(picture))
        return Prepared(pixels, kind, given, scaled, corner, rounded=is_rounded(photo), geometry=geometry)

    def crop(self, photo: Image.Image) -> Image.Image:
        """The part of ``photo`` that the network sees, at the network's resolution."""
        (height, width), resized = self.size, self._resized((photo.height, photo.width))
        top, left = self._corner(resized)
        scaled = photo.resize((resized[1], resized[0]), _RESAMPLING[self.interpolation])
        return scaled.crop((left, top, left + width, top + height))

    def _resized(self, given: tuple[int, int]) -> tuple[int, int]:
        """(height, width) after the resize of a photograph of (height, width) ``given``."""
        if not isinstance(self.resize, int):
            return self.resize or self.size
        height, width = (max(self.resize, int(self.resize * side / min(given))) for side in given)
        return height, width

    def _corner(self, resized: tuple[int, int]) -> tuple[int, int]:
        """(top, left) of the centre crop."""
        top, left = (round((whole - kept) / 2) for whole, kept in zip(resized, self.size, strict=True))
        return top, left


def _sides(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def _listed(done: list[str]) -> str:
    return " and ".join([", ".join(done[:-1]), done[-1]] if len(done) > 1 else done)
