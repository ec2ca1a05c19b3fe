"""Numbers as they lie in a file, an array or a tensor, before anybody says what they mean for a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.errors import PhotoError
from unseen.inputs.coordinates import Coordinates
from unseen.inputs.geometry import Affine
from unseen.inputs.opening import MAX_BYTES

_SHAPES = {
    1: "(L,), (L, channels) or (channels, L)",
    2: "(H, W), (H, W, bands) or (bands, H, W)",
    3: "(D, H, W), (D, H, W, channels) or (channels, D, H, W)",
}


@dataclass(frozen=True, eq=False)
class Stored:
    """What was given, as numbers.

    Attributes:
        values: of any type of numbers, shape ``space``, ``(*space, B)`` or ``(B, *space)``; of images (H, W),
            (H, W, B) or (B, H, W).
        where: what it is called in messages.
        order: where the bands are: ``"last"``, ``"first"``, or ``"either"`` where nobody said.
        colour: whether three or four bands are the red, green and blue, and the alpha, of a photograph.
        inverted: whether high numbers mean dark, as in DICOM's MONOCHROME1.
        geometry: from pixels of the file as it is displayed to pixels of the values; ``None`` if they are the same.
        notes: what the reader of an explanation must know of how it was read.
        coordinates: where samples or voxels lie, if that is known.
    """

    values: NDArray[Any]
    where: str
    order: str = "last"
    colour: bool = False
    inverted: bool = False
    geometry: Affine | None = None
    notes: tuple[str, ...] = ()
    coordinates: Coordinates | None = None

    def bands(self, channels: int, axes: int = 2) -> NDArray[Any]:
        """The values with the bands first, shape ``(B, *space)``; which axis they are is told by a model's channels.

        Args:
            channels: of the model.
            axes: of its input besides the channels.

        Raises:
            PhotoError: another number of axes, with bands or without.
        """
        values = self.values[None] if self.values.ndim == axes else self.values
        if values.ndim != axes + 1:
            raise PhotoError(f"{self.where} has shape {self.values.shape}; expected {_SHAPES[axes]}")
        if self.values.ndim == axes + 1 and self._bands_last(channels):
            values = np.moveaxis(values, -1, 0)
        return values

    def _bands_last(self, channels: int) -> bool:
        if self.order != "either":
            return self.order == "last"
        first, last = int(self.values.shape[0]), int(self.values.shape[-1])
        if channels in (first, last):
            return last == channels
        return last <= first  # there are fewer bands than rows


def check_memory(shape: tuple[int, ...], itemsize: int, where: str) -> None:
    """Refuse, before anything is decoded, what would take more memory than :data:`MAX_BYTES`.

    Args:
        shape: of the values.
        itemsize: bytes a value; four are needed once it is read.
        where: what it is called.

    Raises:
        PhotoError: too large.
    """
    numbers = int(np.prod(shape, dtype=np.int64))
    needed = numbers * (itemsize + 8)
    if needed > MAX_BYTES:
        form = " × ".join(map(str, shape))
        raise PhotoError(
            f"{where} holds {form} numbers and takes about {needed / 1e9:.1f} GB to read (at most "
            f"{MAX_BYTES / 1e9:.1f}); cut it, or scale it down first"
        )
