"""Bands in: any number of them, from any source, as shares of the range that a model declares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from unseen.errors import ParameterError, PhotoError
from unseen.inputs.coordinates import Coordinates
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource
from unseen.inputs.reading import stored
from unseen.inputs.space import Space, described
from unseen.inputs.stored import Stored
from unseen.system.names import with_article

PHOTOGRAPH = (0.0, 1.0)
"""The range of photographs; numbers of a type with a known white are divided by it."""

LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue; ITU-R BT.601, as Pillow converts."""

_AXES = {1: "L", 2: "H, W", 3: "D, H, W"}
_WHITE = {"bool": 1, "uint8": 255, "uint16": 65535}
_NARROW = 1 / 200


@dataclass(frozen=True)
class Scale:
    """What a model's numbers mean.

    Attributes:
        limits: the lower and the upper end of each channel.
        unit: of the numbers; empty for photographs.
    """

    limits: tuple[tuple[float, float], ...]
    unit: str = ""

    @property
    def photographs(self) -> bool:
        """Whether all channels lie in [0, 1], as photographs do."""
        return all(ends == PHOTOGRAPH for ends in self.limits)

    def __str__(self) -> str:
        ends = sorted(set(self.limits))
        return ", ".join(f"{low:g} … {high:g}" for low, high in ends) + (f" {self.unit}" if self.unit else "")


def ends_of(given: Any, channels: int) -> tuple[float, float] | tuple[tuple[float, float], ...]:
    """The range of a model's numbers: one pair of ends, or one per channel.

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


@dataclass(frozen=True, eq=False)
class Bands:
    """What a model with these channels takes a file, an array or a tensor for.

    Attributes:
        pixels: shares of the range, 0 its lower and 1 its upper end; float32, shape ``(C, *space)``.
        geometry: of an image, from pixels of the file as it is displayed to these.
        notes: what was done that a reader must know.
        coordinates: where samples or voxels lie, if that is known.
    """

    pixels: Float[Tensor, "C *space"]
    geometry: Affine | None
    notes: tuple[str, ...] = ()
    coordinates: Coordinates | None = None

    @property
    def size(self) -> Space:
        """The lengths of the axes: of an image (height, width), in pixels."""
        return tuple(self.pixels.shape[1:])


def read_bands(source: PhotoSource, scale: Scale, axes: int = 2) -> Bands:
    """Whatever holds numbers, as the channels of a model.

    As many bands as there are channels are those channels, and none is taken for transparency. One band stands for all
    three of a model of photographs; a photograph in colour is shown to a model of one channel by its luminance, 0.299 R
    + 0.587 G + 0.114 B, on white where it is transparent. Of a model of photographs integers are divided by the white
    of their type, and floats lie in [0, 1]; of a model with a range of its own numbers are taken as they are stored,
    and those outside are clipped to its ends.

    Args:
        source: a path (pictures, TIFF of any bands, ``.npy``, ``.npz``, DICOM; of signals also CSV and WAV, of volumes
            NIfTI and a folder of slices), a Pillow image, an array of shape
            ``space``, ``(*space, B)`` or ``(B, *space)``, or a tensor of shape ``space`` or ``(B, *space)``.
        scale: of the model, one pair of ends a channel.
        axes: of the model's input besides the channels: 1 of a signal, 2 of an image, 3 of a volume.

    Raises:
        PhotoError: what cannot be read, has other bands than the model, numbers that are not finite, or numbers
            outside [0, 1] for a model of photographs.

    Example:
        >>> import numpy as np
        >>> from unseen.inputs.bands import Scale, read_bands
        >>> read_bands(np.array([[0.0, 50.0], [100.0, 25.0]]), Scale(((0.0, 100.0),), "m")).pixels.tolist()
        [[[0.0, 0.5], [1.0, 0.25]]]
    """
    channels = len(scale.limits)
    found = stored(source, channels, declared=not scale.photographs, axes=axes)
    values, said = _channels(found, channels, scale, axes)
    pixels, clipped = _shares(values, found, scale)
    geometry = found.geometry
    if geometry is None and axes == 2:
        size = (int(pixels.shape[1]), int(pixels.shape[2]))
        geometry = Affine.scaling(size, size)
    return Bands(pixels, geometry, (*found.notes, *said, *clipped), found.coordinates)


def _channels(found: Stored, channels: int, scale: Scale, axes: int) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The bands that are the model's channels, float32 in units of the file, of photographs in shares of white."""
    values = found.bands(channels, axes)
    count = len(values)
    if count == channels:
        return _numbers(values, found, scale), ()
    if count == 1 and channels == 3 and axes == 2:
        return _numbers(values, found, scale).repeat(3, axis=0), ()
    photograph = found.colour or count == 3 or (count == 4 and channels == 3)  # as arrays of photographs are read
    if axes == 2 and photograph and scale.photographs and channels in (1, 3) and count in (2, 3, 4):
        numbers = _numbers(values, found, scale)
        if count in (2, 4):  # what is transparent is shown on white
            numbers = numbers[:-1] * numbers[-1:] + (1 - numbers[-1:])
        if len(numbers) == 1 or channels == 3:
            return np.broadcast_to(numbers, (channels, *numbers.shape[1:])), ()
        grey = np.tensordot(np.asarray(LUMINANCE, np.float32), numbers, 1)[None]
        return grey, (f"{found.where} is in colour and the model takes one channel: its luminance is shown, "
                      "0.299 R + 0.587 G + 0.114 B",)  # fmt: skip
    wanted = "1 channel" if channels == 1 else f"{channels} channels"
    if axes == 2 and found.coordinates is not None and len(found.coordinates.axes) == 3:
        raise PhotoError(
            f"{found.where} is {with_article(described(values.shape[1:] + values.shape[:1]))}, and the model takes "
            f"images of {wanted}; give a slice of it, saved by numpy.save, or a model of volumes"
        )
    has = "1 band" if count == 1 else f"{count} bands"
    raise PhotoError(
        f"{found.where} has {has} and the model takes {wanted}; give an array of shape ({channels}, {_AXES[axes]}) "
        "with the bands in the order of its training data"
    )


def _numbers(values: NDArray[np.generic], found: Stored, scale: Scale) -> NDArray[np.float32]:
    kind, white = values.dtype, _WHITE.get(str(values.dtype))
    if kind.kind not in "biuf":
        raise PhotoError(f"{found.where} has type {kind}; give integers or floats")
    numbers = values.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise PhotoError(f"{found.where} contains NaN or infinite numbers; replace them by a value within {scale}")
    if not scale.photographs:
        return numbers
    if kind.kind != "f":
        if white is None:
            raise PhotoError(
                f"{found.where} has type {kind}, whose white is not known; declare the range of its numbers: "
                f"Preprocessing(range=({numbers.min():g}, {numbers.max():g}), …) with mean and std in their unit"
            )
        return numbers / np.float32(white)
    low, high = float(numbers.min()), float(numbers.max())
    if low < 0 or high > 1:
        raise PhotoError(
            f"{found.where} has values from {low:g} to {high:g}, outside [0, 1]; scale them, without the "
            f"normalisation, which is the classifier's work, or declare their range: Preprocessing(range=({low:g}, "
            f"{high:g}), …) with mean and std in their unit"
        )
    return numbers


def _shares(
    values: NDArray[np.float32], found: Stored, scale: Scale
) -> tuple[Float[Tensor, "C *space"], tuple[str, ...]]:
    ends = np.asarray(scale.limits, np.float32).reshape(-1, 2, *(1,) * (values.ndim - 1))
    shares = values if scale.photographs else (values - ends[:, 0]) / (ends[:, 1] - ends[:, 0])
    outside, notes = float(((shares < 0) | (shares > 1)).mean()), []
    if outside:
        notes.append(
            f"{100 * outside:.2g} % of the numbers of {found.where} lie outside the model's range {scale} and were "
            "clipped to its ends"
        )
    elif not scale.photographs and 0 < float(shares.max() - shares.min()) < _NARROW:
        notes.append(
            f"the numbers of {found.where}, {values.min():g} … {values.max():g}, fill less than {100 * _NARROW:g} % of "
            f"the model's range {scale}; see whether they have its unit"
        )
    shares = np.clip(shares, 0, 1)
    shares = 1 - shares if found.inverted else shares
    return torch.from_numpy(np.ascontiguousarray(shares, np.float32)).clone(), tuple(notes)
