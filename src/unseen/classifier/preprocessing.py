"""How photographs, and other data of rows and columns, become the input of a network."""

from __future__ import annotations

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
from unseen.inputs.bands import PHOTOGRAPH, Scale, read_bands
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource, as_numbers, is_rounded, kind_of, open_upright, to_tensor
from unseen.inputs.reading import is_data
from unseen.system.arguments import conform
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
    """How a photograph, or other data of rows and columns, becomes the network's input.

    A network has as many channels as ``mean`` has numbers. Photographs are RGB in [0, 1]; other data declares the
    ``range`` of its numbers, and everything outside the network speaks of shares of it: 0 is its lower end, which
    black means, 1 its upper end (white), 0.5 the middle (grey).

    Args:
        size: (height, width) of the network's input, in pixels; one number stands for a square.
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

    size: tuple[int, int] = (224, 224)
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
        conform(self)
        sides: tuple[int, ...] = self.size
        if len(sides) == 1:
            object.__setattr__(self, "size", sides * 2)
        if len(self.size) != 2:
            raise ParameterError(f"size {self.size} has {len(self.size)} numbers; give 2")
        if min(self.size) < 1:
            raise ParameterError(f"input size {self.size} must be positive")
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
        object.__setattr__(self, "range", _ends(self.range, self.channels))
        check("standardise", self.standardise, Standardisation | None)
        if self.standardise is not None and (any(self.mean) or set(self.std) != {1.0}):
            zeros, ones = ((number,) * self.channels for number in (0, 1))
            raise ParameterError(
                f"standardise={self.standardise!r} stands for mean and std; give mean={zeros} and std={ones} with it"
            )

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
        sides = (self.resize,) * 2 if isinstance(self.resize, int) else self.resize or self.size
        if sides[0] < self.size[0] or sides[1] < self.size[1]:
            raise ParameterError(f"resize {self.resize} is smaller than the crop {self.size}")

    # ---- channels -------------------------------------------------------------------------------------------

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
        return self.channels == 3 and self.scale.photographs

    @property
    def statistics(self) -> Float[Tensor, "2 C 1 1"]:
        """Mean and standard deviation in shares of the range: (pixels − mean) / std is what the network gets."""
        return self._in_shares(torch.tensor([self.mean, self.std], dtype=torch.float64)[..., None, None]).float()

    def statistics_of(self, pixels: Float[Tensor, "N C H W"]) -> Float[Tensor, "2 N _ 1 1"]:
        """The same for full photographs, each by its own numbers where ``standardise`` says so.

        A photograph of one value is divided by a millionth of the range.
        """
        if self.standardise is None:
            return self.statistics.to(pixels.device)[:, None]
        low, high = self._limits.to(pixels)
        span = high - low
        native = pixels.detach().float() * span + low
        axes = (1, 2, 3) if self.standardise == "image" else (2, 3)
        mean = native.mean(axes, keepdim=True).expand(-1, self.channels, -1, -1)
        std = native.std(axes, keepdim=True, correction=0).expand(-1, self.channels, -1, -1)
        floor = _FLAT * (span.amax() if self.standardise == "image" else span)
        return torch.stack([(mean - low) / span, torch.maximum(std, floor) / span])

    @property
    def _limits(self) -> Float[Tensor, "2 C 1 1"]:
        return torch.tensor(self.scale.limits, dtype=torch.float64).T[..., None, None]

    def _in_shares(self, statistics: Float[Tensor, "2 C 1 1"]) -> Float[Tensor, "2 C 1 1"]:
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
            found = read_bands(photo, self.scale)
            if kind != "picture" and found.size == self.size:
                return Prepared(found.pixels, kind, self.size, geometry=found.geometry, remarks=found.notes)
            return self._placed(found.pixels, kind, found.geometry, remarks=found.notes)
        numbers = as_numbers(photo, self.size)
        if numbers is not None:
            return Prepared(numbers, kind, self.size, geometry=Affine.scaling(self.size, self.size))
        opened = open_upright(photo)
        return self._placed(opened.image, kind, opened.geometry, rounded=is_rounded(photo))

    def _placed(
        self,
        given: Image.Image | Tensor,
        kind: str,
        geometry: Affine,
        *,
        rounded: bool = False,
        remarks: tuple[str, ...] = (),
    ) -> Prepared:
        """A picture, or bands (C, H, W) in [0, 1], at the network's resolution."""
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

    def crop(self, photo: Image.Image) -> Image.Image:
        """The part of ``photo`` that the network sees, at the network's resolution; framed where letterbox does."""
        (height, width), resized = self.size, self._resized((photo.height, photo.width))
        top, left = self._corner(resized)
        scaled = photo.resize((resized[1], resized[0]), _RESAMPLING[self.interpolation])
        if self.fit != "letterbox" or photo.mode != "RGB":
            return scaled.crop((left, top, left + width, top + height))
        framed = Image.new("RGB", (width, height), tuple(round(255 * float(share)) for share in self._border))
        framed.paste(scaled, (-left, -top))
        return framed

    def _cropped(self, bands: Float[Tensor, "C H W"]) -> Float[Tensor, "C h w"]:
        """The same of numbers, which are not rounded."""
        resized = self._resized((int(bands.shape[1]), int(bands.shape[2])))
        (top, left), (height, width) = self._corner(resized), self.size
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
        low, high = self._limits[..., 0, 0]
        border = low if self.border is None else torch.tensor(self.border, dtype=torch.float64).expand(self.channels)
        shares: Tensor = (border - low) / (high - low)
        return shares.clamp(0, 1).float()

    def _resized(self, given: tuple[int, int]) -> tuple[int, int]:
        """(height, width) after the resize of a photograph of (height, width) ``given``."""
        if self.fit == "letterbox":
            factor = min(self.size[0] / given[0], self.size[1] / given[1])
            return max(1, round(given[0] * factor)), max(1, round(given[1] * factor))
        if not isinstance(self.resize, int):
            return self.resize or self.size
        height, width = (max(self.resize, int(self.resize * side / min(given))) for side in given)
        return height, width

    def _corner(self, resized: tuple[int, int]) -> tuple[int, int]:
        """(top, left) of the window on what was scaled; negative where letterbox frames it."""
        top, left = (round((whole - kept) / 2) for whole, kept in zip(resized, self.size, strict=True))
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


def _ends(given: Any, channels: int) -> tuple[float, float] | tuple[tuple[float, float], ...]:
    """One pair of ends, or one per channel.

    Raises:
        ParameterError: anything else.
    """
    try:
        ends = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        ends = np.zeros(0)
    ends = ends.reshape(-1, 2) if ends.shape == (2 * channels,) and channels > 1 else ends  # in a row, as in a spec
    if ends.shape not in ((2,), (channels, 2)):
        raise ParameterError(
            f"range {given!r:.80} is not (lower end, upper end), nor one such pair for each of {channels} channels"
        )
    pairs = ends.reshape(-1, 2)
    if not np.isfinite(pairs).all() or not (pairs[:, 0] < pairs[:, 1]).all():
        raise ParameterError(f"range {given!r:.80} must be finite, and its lower end below its upper end")
    if ends.ndim == 1:
        return float(ends[0]), float(ends[1])
    return tuple((float(low), float(high)) for low, high in pairs)


def probe(preprocessing: Preprocessing, count: int) -> Float[Tensor, "N C H W"]:
    """Random images of the network's size in shares of the range, the same whenever they are asked for."""
    shape = (count, preprocessing.channels, *preprocessing.size)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
