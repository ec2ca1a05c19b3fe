"""TIFF with any number of bands, of any depth, over one page or several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.errors import PhotoError, one_line
from unseen.inputs.geometry import Affine
from unseen.inputs.opening import check_size, open_turned
from unseen.inputs.stored import Stored, check_memory

_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COLOURS = ("PALETTE", "SEPARATED", "YCBCR", "CIELAB", "ICCLAB", "ITULAB", "LOGLUV")
"""Photometric interpretations whose samples are no light by themselves: indices, inks, or colours of other spaces."""


def is_tiff(path: Path) -> bool:
    """Whether the file begins as TIFF or BigTIFF does."""
    with path.open("rb") as file:
        return file.read(4) in _MAGIC


def holds_numbers(path: Path) -> bool:
    """Whether a TIFF file's samples mean what they are, and need not be converted to red, green and blue first."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            first: Any = file.pages[0]
            return getattr(first.photometric, "name", "") not in _COLOURS
    except Exception:  # whoever reads it says why it cannot be read
        return True


def read(path: Path, channels: int, *, declared: bool) -> Stored:
    """The bands of a TIFF file: the samples of its page, or its pages where they are as many as the model's channels.

    Of several pages that each have the model's channels the first is taken. No sample is taken for transparency where
    the model has a channel for it. A file with an orientation is turned upright, and one
    in which 0 is white is inverted unless the model declares a range. It is one that :func:`holds_numbers`.

    Raises:
        PhotoError: damaged, pages of different sizes, a compression that needs another package, or too large.
    """
    import tifffile  # scikit-image's own reader

    try:
        with tifffile.TiffFile(path) as file:
            return _pages(file, path, channels, declared)
    except PhotoError:
        raise
    except Exception as error:  # damaged files fail in any way they like
        if "imagecodecs" in str(error):  # what is compressed otherwise, Pillow may know
            return _by_pillow(path, channels, str(error))
        reason = one_line(error, 120)
        raise PhotoError(f"{path} cannot be decoded ({reason}); it is damaged or truncated: export it again") from None


def _pages(file: Any, path: Path, channels: int, declared: bool) -> Stored:
    pages = [page for page in file.pages if not page.is_reduced]
    if not pages:
        raise PhotoError(f"{path} holds no page; export it again")
    first = pages[0]
    samples = int(first.samplesperpixel)
    size = (int(first.imagelength), int(first.imagewidth))
    check_size((size[1], size[0]), str(path))
    stacked = len(pages) > 1 and samples == 1 and len(pages) == channels
    taken = pages if stacked else pages[:1]
    check_memory((len(taken) * samples, *size), first.dtype.itemsize if first.dtype else 1, str(path))
    if stacked and any((page.imagelength, page.imagewidth) != size for page in pages):
        raise PhotoError(f"the pages of {path} differ in size; save bands of one size")
    single = len(pages) == 1 or stacked
    notes = () if single else (f"{path} has {len(pages)} pages, of which the first is shown",)
    values = np.concatenate([_samples(page) for page in taken])
    orientation = int(first.tags.valueof("Orientation", 1) or 1)
    values = np.ascontiguousarray(turned(values, orientation))
    height, width = values.shape[1:]
    alpha = samples == 4 and [int(kind) for kind in first.extrasamples] in ([1], [2])
    colour = getattr(first.photometric, "name", "") == "RGB" and (samples == 3 or alpha)
    inverted = getattr(first.photometric, "name", "") == "MINISWHITE" and not declared
    geometry = Affine(((1, 0, 0), (0, 1, 0)), (height, width), orientation if orientation in range(1, 9) else 1)
    return Stored(values, str(path), "first", colour, inverted, geometry, notes)


def _samples(page: Any) -> NDArray[Any]:
    """The samples of one page, shape (S, H, W)."""
    values: NDArray[Any] = page.asarray()
    axes = page.axes
    values = np.squeeze(values) if values.ndim > 3 else values
    if values.ndim == 2:
        return values[None]
    return values if axes.startswith("S") else np.moveaxis(values, -1, 0)


def turned(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Bands (B, H, W) of a file with an EXIF orientation as they are displayed."""
    values = values.swapaxes(1, 2) if orientation in (5, 6, 7, 8) else values
    values = values[:, :, ::-1] if orientation in (2, 3, 6, 7) else values
    return values[:, ::-1] if orientation in (3, 4, 7, 8) else values


def _by_pillow(path: Path, channels: int, reason: str) -> Stored:
    """A file whose compression tifffile leaves to another package: the page, or the pages, that Pillow decodes."""
    from PIL import Image, ImageSequence

    try:
        with Image.open(path, formats=["TIFF"]) as image:
            frames = getattr(image, "n_frames", 1)
            check_memory((frames if frames == channels else 1, image.height, image.width), 8, str(path))
            if frames > 1 and frames == channels and len(image.getbands()) == 1:
                values = np.stack([np.array(frame) for frame in ImageSequence.Iterator(image)])
                return Stored(values, str(path), "first")
        opened = open_turned(path)
    except PhotoError:
        raise
    except Exception:
        raise PhotoError(
            f"{path} is compressed in a way that needs another package ({reason}): pip install imagecodecs, or save "
            "it without compression"
        ) from None
    return Stored(np.asarray(opened.image), str(path), "last", opened.image.mode in ("RGB", "RGBA"), False,
                  opened.geometry)  # fmt: skip
