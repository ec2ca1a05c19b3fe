"""Pictures of an explanation on the photograph itself: pixel by pixel, at a bounded size, each part named below it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from unseen.errors import PhotoError
from unseen.explanation import original
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.pixels import Pixels
from unseen.inputs.contents import digest
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource, open_photo

LONGEST = 2048
"""Pixels of the longest side of a picture; a larger photograph is drawn scaled down to it."""

_GAP = 0.02
"""Between parts side by side, as a share of the picture's width."""
_LINE = 1 / 500
"""Width of an outline, as a share of the longest side."""
_STRIPE = 1 / 60
"""Period of the stripes over what the model never saw, likewise."""
_LETTER = 1 / 24, 10
"""Height of the letters below a part: a share of the picture's width, and pixels at least."""


class Canvas:
    """A photograph at the size at which it is drawn, and how its pixels lie on the model's input.

    Args:
        image: the model's input, shape (C, H, W); it stands for the photograph where that is not at hand.
        photo: the photograph, upright and of any size, or ``None``.
        geometry: from the photograph to the input.
        longest: of the sides that are drawn, in pixels.
    """

    def __init__(self, image: Tensor, photo: Image.Image | None, geometry: Affine, longest: int = LONGEST) -> None:
        self.to_input = original.at_most(longest, geometry)
        height, width = self.to_input.source_size
        self.seen = original.seen_on((int(image.shape[1]), int(image.shape[2])), self.to_input).numpy()
        if photo is None:
            shown = pixels.photograph(image)
            bands = [original.saliency_on(torch.from_numpy(shown[..., c].copy()), self.to_input) for c in range(3)]
            self.photo: Pixels = torch.stack(bands, 2).nan_to_num(1.0).numpy()
        else:
            scaled = photo.resize((width, height), Image.Resampling.LANCZOS) if photo.size != (width, height) else photo
            self.photo = np.asarray(scaled.convert("RGB"), dtype=np.float32) / np.float32(255)

    def overlay(self, saliency: Tensor, parts: tuple[Tensor, ...]) -> Image.Image:
        """The map over the faded photograph, with the outlines of the parts."""
        values = np.nan_to_num(original.saliency_on(saliency, self.to_input).numpy())
        drawn = pixels.blended(pixels.faded(self.photo, 0.55), values, *pixels.limits(saliency))
        for part in parts:
            drawn = self._outlined(drawn, original.mask_on(part, self.to_input).numpy())
        return picture_of(self._striped(drawn))

    def parts(self, parts: Sequence[Tensor], titles: Sequence[str] = ()) -> Image.Image:
        """Each part in its own colours on the faded photograph, side by side; without one, the faded photograph.

        Args:
            parts: bool, of the model's input.
            titles: what each part is, written below it; none by default.
        """
        masks = [original.mask_on(part, self.to_input) for part in parts] or [torch.zeros(self.seen.shape).bool()]
        tiles = [self._striped(self._outlined(pixels.cut_out(self.photo, mask), mask.numpy())) for mask in masks]
        gap = np.ones((len(self.photo), max(1, round(_GAP * self.photo.shape[1])), 3), dtype=np.float32)
        row = [piece for tile in tiles for piece in (gap, tile)][1:]
        drawn = picture_of(np.concatenate(row, axis=1))
        return _titled(drawn, titles, tiles[0].shape[1], gap.shape[1]) if titles else drawn

    def _outlined(self, drawn: Pixels, mask: NDArray[np.bool_]) -> Pixels:
        """With a black line along the inside of a part's border, and a white one along its outside."""
        from scipy.ndimage import binary_dilation, binary_erosion

        width = max(1, round(_LINE * max(mask.shape)))
        inner = mask & ~binary_erosion(mask, iterations=width, border_value=1)
        outer = binary_dilation(mask, iterations=width) & ~mask
        drawn = np.where(outer[..., None], np.float32(1), drawn)
        return np.where(inner[..., None], np.float32(0), drawn)

    def _striped(self, drawn: Pixels) -> Pixels:
        """With stripes over what the model never saw."""
        height, width = self.seen.shape
        period = max(4, round(_STRIPE * max(height, width)))
        stripes = (np.arange(height)[:, None] + np.arange(width)) % period < max(1, period // 4)
        faint = pixels.faded(self.photo, 0.6)
        unseen = np.where(stripes[..., None], faint * np.float32(0.55), faint)
        return np.where(self.seen[..., None], drawn, unseen)


def _titled(drawn: Image.Image, titles: Sequence[str], width: int, gap: int) -> Image.Image:
    """With a title below each tile of this width, smaller where it is too long for it."""
    share, least = _LETTER
    letter = max(least, round(share * width))
    font = ImageFont.load_default(letter)
    longest = max(font.getlength(title) for title in titles)
    if longest > width:
        font = ImageFont.load_default(max(1, int(letter * width / longest)))
    made = Image.new("RGB", (drawn.width, drawn.height + 2 * letter), "white")
    made.paste(drawn, (0, 0))
    for number, title in enumerate(titles):
        middle = number * (width + gap) + width // 2
        ImageDraw.Draw(made).text((middle, drawn.height + letter), title, "black", font, anchor="mm")
    return made


def photograph_of(photo: PhotoSource | None, provenance: Mapping[str, Any]) -> Image.Image | None:
    """The photograph of an explanation, upright, if it is at hand: as it was given, or its file if that is the same.

    Args:
        photo: as it was given, or ``None``.
        provenance: of the explanation, with source and checksum of the file.
    """
    about = provenance.get("photo", {})
    given = about.get("source", "") if photo is None else photo
    try:
        if isinstance(given, (str, PathLike)) and digest(Path(given)) != about.get("file_sha256"):
            return None
        return open_photo(given)
    except (OSError, ValueError, PhotoError):  # it is gone, or data that is no picture
        return None


def png_of(picture: Image.Image) -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=4)
    return buffer.getvalue()


def picture_of(drawn: Pixels) -> Image.Image:
    """RGB pixels, shape (H, W, 3), as a picture of 8 bits; what is beyond [0, 1] is cut."""
    return Image.fromarray(np.rint(255 * drawn.clip(0, 1)).astype(np.uint8))
