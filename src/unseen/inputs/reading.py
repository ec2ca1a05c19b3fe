"""Which reader takes what: by its type, and of a file by its first bytes."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from unseen.errors import PhotoError
from unseen.inputs import arrays, dicom, sound, tables, tiff, volumes
from unseen.inputs.contents import DATA_SUFFIXES, Location
from unseen.inputs.opening import located, open_turned
from unseen.inputs.photo import PhotoSource
from unseen.inputs.stored import Stored
from unseen.system.arguments import type_of

TABLES = (".csv", ".tsv")
"""How the names of tables end."""

SOUND = ".wav"


def is_data(source: PhotoSource) -> bool:
    """Whether it is a file of numbers that no picture reader opens."""
    if not isinstance(source, str | PathLike):
        return False
    path = Path(source)
    return path.name.lower().endswith(DATA_SUFFIXES) or (path.is_file() and dicom.is_dicom(path))


def stored(source: PhotoSource, channels: int, *, declared: bool, axes: int = 2) -> Stored:
    """The numbers of anything that holds some.

    Args:
        source: see :func:`unseen.inputs.bands.read_bands`.
        channels: of the model, which tell pages from bands and the first axis from the last.
        declared: whether the model declares a range, so that numbers are wanted in their own unit.
        axes: of the model's input besides its channels.

    Raises:
        PhotoError: it cannot be read.
    """
    if isinstance(source, Tensor):
        numbers = source.detach().cpu()
        wide = numbers.dtype in (torch.bfloat16, torch.float16)
        return Stored((numbers.float() if wide else numbers).numpy(), "the tensor", "first")
    if isinstance(source, np.ndarray):
        return Stored(source, "the array", "either")
    if isinstance(source, Image.Image):
        return _picture(source)
    if not isinstance(source, str | PathLike):
        raise PhotoError(f"{type_of(source)} is not an input; give a path, a Pillow image, an array or a tensor")
    path = Path(source)
    if axes == 3 and path.is_dir():
        return volumes.read_stack(path, declared=declared)
    place = located(path)
    if place.collection is not None:
        return _picture(place)
    suffix = path.suffix.lower()
    if suffix in TABLES:
        return tables.read(path, channels, axes)
    if suffix == SOUND:
        return sound.read(path)
    if path.name.lower().endswith(volumes.NIFTI):
        return volumes.read_nifti(path)
    if suffix in (".npy", ".npz"):
        return arrays.read(path)
    if dicom.is_dicom(path) or suffix in DATA_SUFFIXES:
        return dicom.read(path, channels, declared=declared)
    if tiff.is_tiff(path) and tiff.holds_numbers(path):
        return tiff.read(path, channels, declared=declared)
    return _picture(place)


def _picture(source: Location | Image.Image) -> Stored:
    turned = open_turned(source)
    image, where = turned.image, str(source.path) if isinstance(source, Location) else "the image"
    if image.mode not in _PLAIN:  # indices of a palette, inks, colours of another space
        try:
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        except ValueError:
            raise PhotoError(
                f"{where} holds {image.mode} colours, which are not converted here; save it as RGB"
            ) from None
    values: NDArray[np.generic] = np.asarray(image)
    if image.mode == "I" and values.min() >= 0 and values.max() <= 65535:
        values = values.astype(np.uint16)  # Pillow's 32-bit integer images hold 16-bit data
    elif image.mode.startswith("I;16"):
        values = values.astype(np.uint16)
    return Stored(values, where, "last", image.mode in ("LA", "RGB", "RGBA"), geometry=turned.geometry)


_PLAIN = ("1", "L", "LA", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
