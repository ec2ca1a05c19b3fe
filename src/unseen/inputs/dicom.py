"""DICOM: one image, or frames that are a model's channels; in the unit of its modality, or as it is displayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.errors import PhotoError, one_line
from unseen.inputs.opening import check_size
from unseen.inputs.stored import Stored, check_memory
from unseen.system.optional import require


def is_dicom(path: Path) -> bool:
    """Whether the file has DICOM's preamble."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def read(path: Path, channels: int, *, declared: bool) -> Stored:
    """The image of a DICOM file.

    Its numbers go through the modality's rescale slope and intercept (of CT, to Hounsfield units). A model that
    declares a range gets these; any other gets what is displayed: through the file's first window (PS3.3 C.11.2.1.2),
    where it has none from the least number to the largest, in [0, 1]. MONOCHROME1, where high numbers are dark, is
    inverted: in [0, 1], or within the model's range.

    Args:
        path: the file.
        channels: of the model; as many frames are its channels.
        declared: whether the model declares a range.

    Raises:
        ModelError: pydicom is not installed.
        PhotoError: the file is damaged, holds no pixels, is compressed in a way that needs
            another package, has frames of a film or a volume, or is too large.
    """
    pydicom = require("pydicom", "medical")
    try:
        data = pydicom.dcmread(path)
        if "PixelData" not in data:
            raise PhotoError(f"{path} is DICOM without pixels; give a file that holds an image")
        frames = int(data.get("NumberOfFrames", 1) or 1)
        size = (int(data.Rows), int(data.Columns))
        check_size((size[1], size[0]), str(path))
        if frames not in (1, channels):
            raise PhotoError(
                f"{path} holds {frames} frames and the model takes {channels} channel{'s' * (channels > 1)}; save the "
                "one frame that is to be explained"
            )
        check_memory((frames * int(data.SamplesPerPixel), *size), int(data.BitsAllocated) // 8, str(path))
        return _image(data, path, frames, declared, pydicom)
    except PhotoError:
        raise
    except Exception as error:  # damaged files, and decoders that are not installed, fail in any way they like
        reason = one_line(error, 160)
        raise PhotoError(f"{path} cannot be read as DICOM ({reason}); export it again, uncompressed") from None


def _image(data: Any, path: Path, frames: int, declared: bool, pydicom: Any) -> Stored:
    pixels: NDArray[Any] = data.pixel_array
    kind = str(data.PhotometricInterpretation)
    if int(data.SamplesPerPixel) > 1:
        if kind.startswith("YBR"):
            pixels = pydicom.pixels.convert_color_space(pixels, kind, "RGB")
        return Stored(pixels, str(path), "last", colour=True)
    values = pydicom.pixels.apply_modality_lut(pixels, data).astype(np.float32)
    inverted, order = kind == "MONOCHROME1", "first" if frames > 1 else "last"
    if declared:
        return Stored(values, str(path), order, inverted=inverted)
    shown, notes = windowed(values, data, path)
    return Stored(shown, str(path), order, inverted=inverted, notes=notes)


def windowed(values: NDArray[np.float32], data: Any, path: Path) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """What is displayed, in [0, 1]."""
    window = [_first(data.get(name)) for name in ("WindowCenter", "WindowWidth")]
    if window[0] is None or window[1] is None:
        low, high = float(values.min()), float(values.max())
        note = f"{path} has no window, and is shown from its least number, {low:g}, to its largest, {high:g}"
    else:
        exact = str(data.get("VOILUTFunction", "LINEAR")) == "LINEAR_EXACT"
        centre, width = window[0] - 0.5 * (not exact), window[1] - (not exact)
        low, high = centre - width / 2, centre + width / 2
        note = f"{path} is shown through its window, {low:g} … {high:g}"
    remedy = "; a model that declares a range gets the numbers themselves: Preprocessing(range=(low, high), …)"
    shares = np.clip((values - low) / max(high - low, 1e-6), 0, 1)
    return np.asarray(shares, dtype=np.float32), (note + remedy,)


def _first(value: Any) -> float | None:
    """The first of one or several windows."""
    if value is None or value == "":
        return None
    return float(value) if isinstance(value, str | int | float) else float(value[0])
