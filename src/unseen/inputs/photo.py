"""Photographs in: whatever a user has becomes an upright 8-bit RGB image, or a clear refusal.

Three decisions. Transparent pixels are shown on white, as browsers show them; dropping the alpha channel would
reveal colours that nobody sees. Colour profiles are ignored, as in the pipelines that train classifiers. Only
raster formats of photographs are opened, none that starts another program (EPS) or mixes media.
"""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from unseen.errors import PhotoError
from unseen.inputs.opening import Turned, check_size, damaged, open_turned
from unseen.system.arguments import type_of
from unseen.system.quiet import quiet

PhotoSource = str | PathLike[str] | Image.Image | NDArray[Any] | Tensor
"""What a photograph may be given as: a path, or pixels."""

_STRIP = 10_000_000  # pixels brought to 8 bits at a time


def stem_of(path: Path) -> str:
    """A file's name without its ending, which is double in ``scan.nii.gz``; results are named after it.

    Example:
        >>> from pathlib import Path
        >>> from unseen.inputs.photo import stem_of
        >>> stem_of(Path("head.nii.gz")), stem_of(Path("IMG.0815.jpg"))
        ('head', 'IMG.0815')
    """
    return path.name[: -len(".nii.gz")] if path.name.lower().endswith(".nii.gz") else path.stem


def open_photo(source: PhotoSource) -> Image.Image:
    """The photograph as an upright 8-bit RGB image.

    EXIF orientation is applied; grey, palette, CMYK and 16-bit images are converted; transparency is shown on
    white; of an animation the first frame is taken. A file of more than 25 million pixels is decoded at a half, a
    quarter or an eighth of its size, as long as 2,048 pixels are left of its shorter side.

    Args:
        source: a path, a Pillow image, an array of shape (H, W) or (H, W, 1|3|4), or a tensor of shape (H, W) or
            (1|3|4, H, W). Numbers are uint8, uint16 or floats in [0, 1], and are rounded to 8 bits.

    Raises:
        PhotoError: missing, empty, truncated or not an image; a side below 16 pixels, more than 100 million pixels or
            more memory to decode than 1.2 GB, or a strip longer than 32 times its width; numbers that are not finite,
            out of range or of another type.

    Example:
        >>> import numpy as np
        >>> from unseen import open_photo
        >>> open_photo(np.full((20, 30), 0.5)).getpixel((0, 0))
        (128, 128, 128)
    """
    return open_upright(source).image


def open_upright(source: PhotoSource) -> Turned:
    """The same, with the size and the orientation of what was given.

    Raises:
        PhotoError: as of :func:`open_photo`.
    """
    if isinstance(source, str | PathLike | Image.Image):
        given = source if isinstance(source, Image.Image) else Path(source)
        turned = open_turned(given)
        return replace(turned, image=_rgb(turned.image, "the image" if given is source else str(given)))
    if isinstance(source, Tensor):
        image = _from_tensor(source)
    elif isinstance(source, np.ndarray):
        image = _from_array(source, "the array")
    else:
        raise PhotoError(f"{type_of(source)} is not a photograph; give a path, a Pillow image, an array or a tensor")
    return Turned(image, (image.height, image.width))


def to_tensor(image: Image.Image) -> Float[Tensor, "3 H W"]:
    """An 8-bit RGB image as float32 in [0, 1], shape (3, H, W).

    Raises:
        PhotoError: the image is not RGB; :func:`open_photo` makes it so.

    Example:
        >>> from PIL import Image
        >>> from unseen.inputs import to_tensor
        >>> to_tensor(Image.new("RGB", (64, 48), "red")).shape
        torch.Size([3, 48, 64])
    """
    if image.mode != "RGB":
        raise PhotoError(f"the image has mode {image.mode}, not RGB; pass it through open_photo first")
    pixels = torch.from_numpy(np.array(image, dtype=np.uint8))
    return pixels.permute(2, 0, 1).contiguous().to(torch.float32).div(255)


def as_numbers(source: PhotoSource, size: tuple[int, int]) -> Float[Tensor, "3 H W"] | None:
    """A tensor, or an array of floats, of exactly this size, as it is: float32 in [0, 1], not rounded.

    Args:
        source: as of :func:`open_photo`.
        size: (height, width).

    Returns:
        A tensor of its own, or ``None`` for any other source: it is a picture then.

    Raises:
        PhotoError: as of :func:`open_photo`.
    """
    if isinstance(source, np.ndarray):
        if source.dtype.kind != "f":
            return None
        numbers = torch.from_numpy(np.ascontiguousarray(source, dtype=np.float32))
        numbers = numbers.permute(2, 0, 1) if numbers.ndim == 3 else numbers
    elif isinstance(source, Tensor):
        numbers = source.detach().cpu()
    else:
        return None
    numbers = numbers[None] if numbers.ndim == 2 else numbers
    if numbers.ndim != 3 or len(numbers) not in (1, 3, 4) or tuple(numbers.shape[1:]) != size:
        return None
    white = {torch.uint8: 255, torch.uint16: 65535}.get(numbers.dtype, 1)
    if not numbers.is_floating_point() and white == 1:
        return None
    if white == 1:
        _check_floats(numbers.float().numpy(), f"the {kind_of(source)}")
    pixels = numbers.to(torch.float32) / white
    if len(pixels) == 4:  # what is transparent is shown on white
        pixels = pixels[:3] * pixels[3:] + (1 - pixels[3:])
    return pixels.expand(3, -1, -1).clone(memory_format=torch.contiguous_format)


def kind_of(source: PhotoSource) -> str:
    """What a photograph was given as, in a word: bytes in an array are a picture, as Pillow's are."""
    if isinstance(source, np.ndarray):
        return "array" if source.dtype.kind == "f" else "picture"
    return "tensor" if isinstance(source, Tensor) else "picture"


def is_rounded(source: PhotoSource) -> bool:
    """Whether :func:`open_photo` rounds the numbers of an array or a tensor to 8 bits."""
    return isinstance(source, Tensor | np.ndarray) and str(source.dtype).rpartition(".")[2] != "uint8"


def _rgb(image: Image.Image, where: str) -> Image.Image:
    with quiet():  # of odd palettes
        return _converted(image, where)


def _converted(image: Image.Image, where: str) -> Image.Image:
    try:
        if image.mode == "F" or image.mode.startswith("I"):
            return _from_array(_sixteen_bit(np.asarray(image), where), where)
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            white.alpha_composite(image if image.mode == "RGBA" else image.convert("RGBA"))
            image = white
        return image.convert("RGB")
    except PhotoError:
        raise
    except Exception as error:  # decoders of damaged data raise whatever they stumble over
        raise PhotoError(damaged(where, error)) from None


def _sixteen_bit(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Pillow's 32-bit integer images hold 16-bit data; anything larger has no known white."""
    if array.dtype.kind != "i":
        return array
    if array.min() < 0 or array.max() > 65535:
        raise PhotoError(f"{where} has 32-bit values outside 0 … 65535; convert it to 8 or 16 bits")
    return array.astype(np.uint16)


def _from_tensor(tensor: Tensor) -> Image.Image:
    if tensor.ndim == 3:
        if tensor.shape[0] not in (1, 3, 4):
            raise PhotoError(
                f"the tensor has shape {tuple(tensor.shape)}; expected (H, W) or (C, H, W) with C = 1, 3 or 4"
            )
        tensor = tensor.permute(1, 2, 0)
    tensor = tensor.detach().cpu()
    return _from_array((tensor.float() if tensor.is_floating_point() else tensor).numpy(), "the tensor")


def _from_array(array: NDArray[Any], where: str) -> Image.Image:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise PhotoError(f"{where} has shape {array.shape}; expected (H, W) or (H, W, C) with C = 1, 3 or 4")
    check_size((array.shape[1], array.shape[0]), where)
    pixels = _eight_bit(array, where)
    return _rgb(Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels), where)


def _eight_bit(array: NDArray[Any], where: str) -> NDArray[Any]:
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind == "u" and width == 1:
        return array
    if kind == "u" and width == 2:
        rows = np.array_split(array, -(-array.size // _STRIP))
        return np.concatenate([((some.astype(np.uint32) + 128) // 257).astype(np.uint8) for some in rows])
    if kind != "f":
        raise PhotoError(f"{where} has type {array.dtype}; give uint8, uint16 or floats in [0, 1]")
    _check_floats(array, where)
    return np.asarray(np.rint(array * 255), dtype=np.uint8)


def _check_floats(array: NDArray[Any], where: str) -> None:
    if not np.isfinite(array).all():
        raise PhotoError(f"{where} contains NaN or infinite numbers; give finite values in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        raise PhotoError(
            f"{where} has values from {low:g} to {high:g}, outside [0, 1]; scale them, without the "
            "normalisation, which is the classifier's work, or give bytes as uint8"
        )
