"""How photographs, signals, volumes and other data become the input of a network."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from unseen.classifier.prepared import Prepared
from unseen.errors import ParameterError, PhotoError, nearest
from unseen.inputs.bands import PHOTOGRAPH, Bands, Scale, ends_of, read_bands
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource, as_numbers, is_rounded, kind_of, open_upright, to_tensor
from unseen.inputs.reading import is_data
from unseen.inputs.space import KINDS, Space, check_axes
from unseen.system.arguments import conform, is_one
from unseen.system.options import check

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Fit = Literal["crop", "letterbox", "exact"]
Standardisation = Literal["image", "channel"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in [0, 1]; of the models of torchvision, among others."""

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_FLAT = 1e-6
"""The least standard deviation by which a photograph is divided, as a share of the range."""


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph, a signal, a volume or other data becomes the network's input.

    A network has as many channels as ``mean`` has numbers. Photographs are RGB in [0, 1]; other data declares the
    ``range`` of its numbers, and everything outside the network speaks of shares of it: 0 is its lower end, which
    black means, 1 its upper end (white), 0.5 the middle (grey).

    A signal extends along one axis and a volume along three; ``size`` says so. They are taken as they are: nothing is
    scaled, cropped or framed.

    Args:
        size: (height, width) of the network's input, in pixels; (length,) of a signal, in samples; (depth, height,
            width) of a volume, in voxels. A number that stands alone is the side of a square image.
        resize: length of the short side before the centre crop, in pixels; or (height, width) to which both sides
            are squashed before it; ``None`` squashes to ``size`` and crops nothing.
        interpolation: Pillow's resampling filter.
        mean: per channel, in the unit of the range: of photographs, of [0, 1].
        std: per channel, likewise.
        range: lower and upper end of the numbers, or one such pair per channel. Integers of photographs, [0, 1], are
            divided by the white of their type; with a range of its own numbers are taken as they are stored, and
            clipped to its ends.
        unit: of the range, such as ``"HU"``; for records and pictures.
        fit: ``"crop"`` is described by ``resize``; ``"letterbox"`` scales the whole to fit into ``size`` and frames it
            with ``border``; ``"exact"`` neither scales nor crops, and refuses what has another size.
        border: what letterbox frames with, one number or one per channel, in the unit of the range; the lower end by
            default.
        standardise: ``"image"`` takes the mean of all numbers of the full photograph away and divides by their standard
            deviation, ``"channel"`` each channel by its own; hiding a part changes neither. It stands for ``mean`` and
            ``std``, which must be 0 and 1 then.
        bands: what pictures show, counted from 1: one channel in grey, or three as red, green and blue; by default the
            first three, and of one or two channels the first. The network is fed all.

    Raises:
        ParameterError: a size or a standard deviation that is not positive, a crop larger than the resize, options
            that exclude each other, or a value of another type.

    Example:
        >>> import numpy as np
        >>> from PIL import Image
        >>> from unseen import Preprocessing
        >>> Preprocessing(size=(224, 224), resize=256).crop(Image.new("RGB", (640, 480))).size
        (224, 224)
        >>> scan = Preprocessing((96, 96), None, mean=(0,), std=(500,), range=(-1000, 1000), unit="HU")
        >>> scan.channels, scan.prepared(np.full((96, 96), 500, np.int16)).pixels[0, 0, 0].item()
        (1, 0.75)
    """

    size: Space = (224, 224)
    resize: int | tuple[int, int] | None = 256
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    range: tuple[float, float] | tuple[tuple[float, float], ...] = PHOTOGRAPH
    unit: str | None = None
    fit: Fit = "crop"
    border: float | tuple[float, ...] | None = None
    standardise: Standardisation | None = None
    bands: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if is_one(self.size):
            object.__setattr__(self, "size", (self.size,) * 2)
        conform(self)
        if len(self.size) not in KINDS:
            raise ParameterError(
                f"size {self.size} has {len(self.size)} numbers; give (length,) of a signal, (height, width) of an "
                "image or (depth, height, width) of a volume"
            )
        if min(self.size) < 1:
            raise ParameterError(f"input size {self.size} must be positive")
        if self.axes != 2:
            self._check_unscaled()
        self._check_channels()
        self._check_fit()
        if self.interpolation not in _RESAMPLING:
            hint = nearest(self.interpolation, _RESAMPLING)
            raise ParameterError(f"unknown interpolation {self.interpolation!r}: {hint}")

    def _check_channels(self) -> None:
        if not self.mean or len(self.std) != len(self.mean):
            raise ParameterError(
                f"mean {self.mean} has {len(self.mean)} numbers and std {self.std} has {len(self.std)}; give one of "
                "each per channel"
            )
        if not all(deviation > 0 and isfinite(deviation) for deviation in self.std):
            raise ParameterError(f"standard deviation {self.std} must be positive in every channel")
        if not all(map(isfinite, self.mean)):
            raise ParameterError(f"mean {self.mean} must be finite in every channel")
        if self.bands is not None and (
            len(self.bands) not in (1, 3) or not all(1 <= band <= self.channels for band in self.bands)
        ):
            raise ParameterError(f"bands {self.bands} must be one or three of 1 … {self.channels}, which pictures show")
        object.__setattr__(self, "range", ends_of(self.range, self.channels))
        check("standardise", self.standardise, Standardisation | None)
        if self.standardise is not None and (any(self.mean) or set(self.std) != {1.0}):
            zeros, ones = ((number,) * self.channels for number in (0, 1))
            raise ParameterError(
                f"standardise={self.standardise!r} stands for mean and std; give mean={zeros} and std={ones} with it"
            )

    def _check_unscaled(self) -> None:
        """A signal and a volume have neither a resize nor a frame, and no colours whose statistics were known."""
        kind = KINDS[self.axes]
        if (self.mean, self.std) == (IMAGENET_MEAN, IMAGENET_STD):
            raise ParameterError(
                f"size {self.size} is that of a {kind}, and mean and std are those of photographs; give mean and std, "
                "one number of each per channel, such as mean=(0,) and std=(1,), or size=(height, width) of an image"
            )
        for name, plain in (("resize", (None, 256)), ("fit", ("crop", "exact")), ("bands", (None,))):
            if getattr(self, name) not in plain:
                raise ParameterError(
                    f"{name}={getattr(self, name)!r} is of images, and size {self.size} is that of a {kind}, which is "
                    f"taken as it is; leave {name} out"
                )
        object.__setattr__(self, "resize", None)
        object.__setattr__(self, "fit", "exact")

    def _check_fit(self) -> None:
        if isinstance(self.resize, tuple) and len(self.resize) != 2:
            raise ParameterError(f"resize {self.resize} has {len(self.resize)} numbers; give one, or (height, width)")
        check("fit", self.fit, Fit)
        if self.fit != "crop" and self.resize is not None:
            if self.resize != 256:
                raise ParameterError(
                    f"fit={self.fit!r} does not go with resize {self.resize}; give resize=None with it"
                )
            object.__setattr__(self, "resize", None)
        border = self.border if isinstance(self.border, tuple | None) else (self.border,)
        if border is not None:
            if self.fit != "letterbox":
                raise ParameterError(f"border {self.border} is of fit='letterbox', and fit is {self.fit!r}")
            if len(border) not in (1, self.channels):
                raise ParameterError(f"border {self.border} has {len(border)} numbers; give 1 or {self.channels}")
        sides = (self.resize,) * self.axes if isinstance(self.resize, int) else self.resize or self.size
        if any(side < kept for side, kept in zip(sides, self.size, strict=True)):
            raise ParameterError(
                f"resize {self.resize} is smaller than the crop {self.size}; give a larger one, or none, which "
                "squashes to the size"
            )

    # ---- channels -------------------------------------------------------------------------------------------

    @property
    def axes(self) -> int:
        """How many axes the network's input has besides its channels; 1 of a signal, 2 of an image, 3 of a volume."""
        return len(self.size)

    @property
    def channels(self) -> int:
        """How many channels the network's input has."""
        return len(self.mean)

    @property
    def scale(self) -> Scale:
        """The ends of each channel's numbers, and their unit."""
        ends: Any = self.range
        return Scale(tuple(ends) if isinstance(ends[0], tuple) else (ends,) * self.channels, self.unit or "")

    @property
    def is_photograph(self) -> bool:
        """Whether the input is an RGB photograph: three channels in [0, 1]."""
        return self.channels == 3 and self.axes == 2 and self.scale.photographs

    @property
    def statistics(self) -> Float[Tensor, "2 C *ones"]:
        """Mean and standard deviation in shares of the range: (pixels − mean) / std is what the network gets."""
        return self._in_shares(self._spread(torch.tensor([self.mean, self.std], dtype=torch.float64))).float()

    def statistics_of(self, pixels: Float[Tensor, "N C *space"]) -> Float[Tensor, "2 N _ *ones"]:
        """The same for full photographs, each by its own numbers where ``standardise`` says so.

        A photograph of one value is divided by a millionth of the range.
        """
        if self.standardise is None:
            return self.statistics.to(pixels.device)[:, None]
        low, high = self._limits.to(pixels)
        span = high - low
        native = pixels.detach().float() * span + low
        axes = tuple(builtins.range(1 if self.standardise == "image" else 2, native.ndim))
        every = (-1, self.channels, *(-1,) * self.axes)
        mean = native.mean(axes, keepdim=True).expand(every)
        std = native.std(axes, keepdim=True, correction=0).expand(every)
        floor = _FLAT * (span.amax() if self.standardise == "image" else span)
        return torch.stack([(mean - low) / span, torch.maximum(std, floor) / span])

    @property
    def _limits(self) -> Float[Tensor, "2 C *ones"]:
        return self._spread(torch.tensor(self.scale.limits, dtype=torch.float64).T)

    def _spread(self, numbers: Float[Tensor, "2 C"]) -> Float[Tensor, "2 C *ones"]:
        """The same number everywhere along the axes."""
        return numbers.reshape(*numbers.shape, *(1,) * self.axes)

    def _in_shares(self, statistics: Float[Tensor, "2 C *ones"]) -> Float[Tensor, "2 C *ones"]:
        low, high = self._limits
        mean, std = statistics
        return torch.stack([(mean - low) / (high - low), std / (high - low)])

    # ---- photographs ----------------------------------------------------------------------------------------

    def prepared(self, photo: PhotoSource) -> Prepared:
        """See :meth:`unseen.Classifier.prepare`, with what was done.

        Raises:
            PhotoError: see :func:`unseen.inputs.photo.open_photo` and :func:`unseen.inputs.bands.read_bands`.
        """
        kind = kind_of(photo)
        if not self.is_photograph or is_data(photo):
            found = read_bands(photo, self.scale, self.axes)
            if self.axes != 2:
                return self._as_it_is(found, kind)
            assert found.geometry is not None
            if kind != "picture" and found.size == self.size:
                return Prepared(found.pixels, kind, self.size, geometry=found.geometry, remarks=found.notes)
            return self._placed(found.pixels, kind, found.geometry, remarks=found.notes)
        numbers = as_numbers(photo, self._sides)
        if numbers is not None:
            return Prepared(numbers, kind, self.size, geometry=Affine.scaling(self._sides, self._sides))
        opened = open_upright(photo)
        return self._placed(opened.image, kind, opened.geometry, rounded=is_rounded(photo))

    def _as_it_is(self, found: Bands, kind: str) -> Prepared:
        """A signal or a volume, of exactly the network's size."""
        if found.size != self.size:
            raise PhotoError(
                f"the {KINDS[self.axes]} has {' × '.join(map(str, found.size))} numbers along its axes and the model "
                f"takes exactly {' × '.join(map(str, self.size))}; cut or resample it to that size"
            )
        return Prepared(found.pixels, kind, found.size, remarks=found.notes, coordinates=found.coordinates)

    def _placed(
        self,
        given: Image.Image | Tensor,
        kind: str,
        geometry: Affine,
        *,
        rounded: bool = False,
        remarks: tuple[str, ...] = (),
    ) -> Prepared:
        """A picture, or bands ``(C, *space)`` in [0, 1], at the network's resolution."""
        size = (given.height, given.width) if isinstance(given, Image.Image) else (given.shape[1], given.shape[2])
        if self.fit == "exact" and size != self.size:
            raise PhotoError(
                f"the {kind} has {size[0]} × {size[1]} pixels (height × width) and the model takes exactly "
                f"{self.size[0]} × {self.size[1]}; scale it, or give a Preprocessing with another fit than 'exact'"
            )
        resized = self._resized(size)
        scaled = None if resized == size else resized
        top, left = corner = self._corner(resized)
        moved = geometry.compose(Affine.scaling(size, resized)).moved(-left, -top)
        pixels = to_tensor(self.crop(given)) if isinstance(given, Image.Image) else self._cropped(given)
        return Prepared(pixels, kind, size, scaled, corner, rounded=rounded, geometry=moved, remarks=remarks)

    @property
    def _sides(self) -> tuple[int, int]:
        """(height, width) of an image; whatever scales and crops knows no other inputs."""
        check_axes("a crop", (2,), self.size, "give an array of exactly that size")
        height, width = self.size
        return height, width

    def crop(self, photo: Image.Image) -> Image.Image:
        """The part of ``photo`` that the network sees, at the network's resolution; framed where letterbox does."""
        (height, width), resized = self._sides, self._resized((photo.height, photo.width))
        top, left = self._corner(resized)
        scaled = photo.resize((resized[1], resized[0]), _RESAMPLING[self.interpolation])
        if self.fit != "letterbox" or photo.mode != "RGB":
            return scaled.crop((left, top, left + width, top + height))
        framed = Image.new("RGB", (width, height), tuple(round(255 * float(share)) for share in self._border))
        framed.paste(scaled, (-left, -top))
        return framed

    def _cropped(self, bands: Float[Tensor, "C *space"]) -> Float[Tensor, "C h w"]:
        """The same of numbers, which are not rounded."""
        resized = self._resized((int(bands.shape[1]), int(bands.shape[2])))
        (top, left), (height, width) = self._corner(resized), self._sides
        planes = [
            np.array(Image.fromarray(band).resize((resized[1], resized[0]), _RESAMPLING[self.interpolation]))
            for band in np.ascontiguousarray(bands.numpy())
        ]
        scaled = torch.from_numpy(np.stack(planes)).clamp(0, 1)
        framed = self._border[:, None, None].repeat(1, height, width)
        inside = scaled[:, max(top, 0) : top + height, max(left, 0) : left + width]
        y, x = max(-top, 0), max(-left, 0)
        framed[:, y : y + inside.shape[1], x : x + inside.shape[2]] = inside
        return framed

    @property
    def _border(self) -> Float[Tensor, " C"]:
        """What letterbox frames with, as shares of the range."""
        low, high = self._limits.flatten(1)
        border = low if self.border is None else torch.tensor(self.border, dtype=torch.float64).expand(self.channels)
        shares: Tensor = (border - low) / (high - low)
        return shares.clamp(0, 1).float()

    def _resized(self, given: tuple[int, int]) -> tuple[int, int]:
        """(height, width) after the resize of a photograph of (height, width) ``given``."""
        if self.fit == "letterbox":
            factor = min(kept / side for kept, side in zip(self.size, given, strict=True))
            return max(1, round(given[0] * factor)), max(1, round(given[1] * factor))
        if not isinstance(self.resize, int):
            return self.resize or self._sides
        height, width = (max(self.resize, int(self.resize * side / min(given))) for side in given)
        return height, width

    def _corner(self, resized: tuple[int, int]) -> tuple[int, int]:
        """(top, left) of the window on what was scaled; negative where letterbox frames it."""
        top, left = (round((whole - kept) / 2) for whole, kept in zip(resized, self._sides, strict=True))
        return top, left

    # ---- records --------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Every option, ready for JSON; :meth:`of` reads it."""
        return {field.name: _listed(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Preprocessing:
        """A preprocessing from its record, or from a part of it: what is left out has its default.

        Raises:
            ParameterError: an unknown option, or a value that does not fit.

        Example:
            >>> Preprocessing.of(Preprocessing((96, 96), None, mean=(0.5,), std=(0.5,)).to_dict()).channels
            1
        """
        known = {field.name for field in fields(cls)}
        for name in record:
            if name not in known:
                raise ParameterError(f"a preprocessing has no option {name!r}: {nearest(str(name), known)}")
        return cls(**{name: _tupled(value) for name, value in record.items()})


def _listed(value: Any) -> Any:
    return [_listed(one) for one in value] if isinstance(value, tuple) else value


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def probe(preprocessing: Preprocessing, count: int) -> Float[Tensor, "N C *space"]:
    """Random inputs of the network's size in shares of the range, the same whenever they are asked for."""
    shape = (count, preprocessing.channels, *preprocessing.size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
