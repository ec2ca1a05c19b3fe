"""Photographs in: whatever a user has becomes an upright 8-bit RGB image, or a clear refusal.

Three decisions. Transparent pixels are shown on white, as browsers show them; dropping the alpha channel would
reveal colours that nobody sees. Colour profiles are ignored, as in the pipelines that train classifiers. Only
raster formats of photographs are opened, none that starts another program (EPS) or mixes media.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from unseen.errors import PhotoError
from unseen.inputs.geometry import Affine

PhotoSource = str | PathLike[str] | Image.Image | NDArray[Any] | Tensor
"""What a photograph may be given as: a path, or pixels."""

MIN_SIDE = 16
"""Shortest side of a photograph, in pixels."""

MAX_PIXELS = 100_000_000
"""Largest photograph, in pixels (300 MB decoded); read from the header, before anything is decoded."""

MAX_BYTES = 1_200_000_000
"""Memory that decoding a photograph may take; formats that need more for a photograph of this size are refused."""

LARGE = 25_000_000
"""Pixels above which a photograph is decoded at half its size, or a quarter or an eighth."""

ENOUGH = 2048
"""Pixels that are left of the shorter side at least; several times what a classifier looks at."""

MAX_ASPECT = 32
"""Longest side over shortest side; a centre crop would show less than 1/32 of a longer strip."""

SUFFIXES = tuple(f".{kind}" for kind in ("avif", "bmp", "gif", "jfif", "jp2", "jpe", "jpeg", "jpg", "pgm", "png"))
SUFFIXES += (".pnm", ".ppm", ".tif", ".tiff", ".webp")
"""What counts as a photograph when a folder is searched."""

_AT_SMALLER_SIZE = ("JPEG", "MPO", "JPEG2000")
_BYTES = {"WEBP": 23, "AVIF": 16, "TIFF": 10}
"""Bytes a pixel that decoding takes at its peak; measured, 8 for what is not named."""

_STRIP = 10_000_000  # pixels brought to 8 bits at a time
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "MPO", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")


@dataclass(frozen=True, eq=False)
class Upright:
    """A photograph as it is displayed, and what its file holds.

    Attributes:
        image: upright 8-bit RGB.
        source_size: (height, width) of the file as it is displayed, in pixels; larger than the image where it was
            decoded at a smaller size.
        orientation: the EXIF orientation of the file, 1 to 8.
    """

    image: Image.Image
    source_size: tuple[int, int]
    orientation: int = 1

    @property
    def geometry(self) -> Affine:
        """From pixels of the file as it is displayed to pixels of the image."""
        reduced = round(max(self.source_size) / max(self.image.size))  # a decoder's last pixel may be a part of one
        return Affine(((1 / reduced, 0, 0), (0, 1 / reduced, 0)), self.source_size, self.orientation)


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
            more memory to decode than :data:`MAX_BYTES`, or a strip longer than 32 times its width; numbers that are
            not finite, out of range or of another type.

    Example:
        >>> import numpy as np
        >>> from unseen import open_photo
        >>> open_photo(np.full((20, 30), 0.5)).getpixel((0, 0))
        (128, 128, 128)
    """
    return open_upright(source).image


def open_upright(source: PhotoSource) -> Upright:
    """The same, with the size and the orientation of what was given.

    Raises:
        PhotoError: as of :func:`open_photo`.
    """
    if isinstance(source, Image.Image):
        return _upright(source, source.size, "the image")
    if isinstance(source, str | PathLike):
        return _read(Path(source))
    if isinstance(source, Tensor):
        image = _from_tensor(source)
    elif isinstance(source, np.ndarray):
        image = _from_array(source, "the array")
    else:
        raise PhotoError(
            f"a {type(source).__name__} is not a photograph; give a path, a Pillow image, an array or a tensor"
        )
    return Upright(image, (image.height, image.width))


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


def find_photos(paths: Iterable[str | PathLike[str]]) -> list[Path]:
    """Files as they are given, folders as the photographs directly inside them, sorted by name.

    Whether a file exists and is a photograph is found when it is opened, so that one bad file does not stop the
    others.

    Raises:
        PhotoError: nothing was given, or a folder cannot be read or holds no photograph.

    Example:
        >>> from PIL import Image
        >>> from unseen.inputs import find_photos
        >>> Image.new("RGB", (64, 64)).save("black.png")
        >>> [path.name for path in find_photos(["."])]
        ['black.png']
    """
    found: list[Path] = []
    given = list(paths)
    if "" in given:
        raise PhotoError("a photograph without a name was given; name files or folders")
    for path in map(Path, given):
        found.extend(_photos_inside(path) if _is_folder(path) else [path])
    if not found:
        raise PhotoError("no photograph was given; name files or folders")
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # told when it is opened
        return False


def _photos_inside(folder: Path) -> list[Path]:
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise PhotoError(f"folder {folder} cannot be read: {error.strerror}") from None
    photos = [p for p in names if p.suffix.lower() in SUFFIXES and p.name[0] != "." and p.is_file()]
    if not photos:
        raise PhotoError(f"folder {folder} holds no photographs ({' '.join(SUFFIXES)})")
    return photos


def _read(path: Path) -> Upright:
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PhotoError(f"{path!s:.200} cannot be opened: {reason}; check the path") from None
    if path.is_dir():
        raise PhotoError(f"{path} is a folder; name a photograph inside it")
    if not path.is_file():
        raise PhotoError(f"{path} is not a regular file; copy its content into one")
    if size == 0:
        raise PhotoError(f"{path} is empty; copy or download it again")
    Image.init()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=[f for f in _FORMATS if f in Image.OPEN]) as image:
                stored = image.size
                return _upright(_decoded(image, str(path)), stored, str(path))
        except PhotoError:
            raise
        except PermissionError:
            raise PhotoError(f"{path} may not be read; check its permissions") from None
        except UnidentifiedImageError:
            raise PhotoError(f"{path} is not an image of a known format; convert it to JPEG or PNG") from None
        except Image.DecompressionBombError:
            raise PhotoError(_too_large(str(path))) from None
        except Exception as error:  # decoders of damaged headers raise whatever they stumble over
            raise PhotoError(_damaged(str(path), error)) from None


def _decoded(image: Image.Image, where: str) -> Image.Image:
    """A photograph that was opened, with its pixels; a large one at a smaller size, as early as its format allows."""
    _check_size(image.size, where)
    factor, kind = _factor(image.size), str(image.format)
    if factor > 1 and kind == "JPEG2000":
        image.reduce = factor.bit_length() - 1  # type: ignore[method-assign,assignment]
    elif factor > 1 and kind in _AT_SMALLER_SIZE:
        image.draft(image.mode, (image.width // factor, image.height // factor))
    needed = image.width * image.height * _BYTES.get(kind, 8)
    if kind not in _AT_SMALLER_SIZE and needed > MAX_BYTES:
        shape = f"{image.width} × {image.height} pixels"
        raise PhotoError(
            f"{where}, with {shape} as {kind}, takes about {needed / 1e9:.1f} GB to decode "
            f"(at most {MAX_BYTES / 1e9:.1f}); scale it down, or convert it to JPEG, which is decoded at a smaller size"
        )
    image.load()
    factor = _factor(image.size)
    if factor == 1:
        return image
    if image.mode not in ("L", "RGB", "RGBA", "CMYK", "I", "F") or "transparency" in image.info:
        if image.mode.startswith("I"):
            return image  # 16 bits, brought to 8 in strips
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.reduce(factor)


def _factor(size: tuple[int, int]) -> int:
    """By how much a photograph of this size is to be made smaller: 1, 2, 4 or 8."""
    fitting = [factor for factor in (8, 4, 2) if min(size) // factor >= ENOUGH]
    return fitting[0] if fitting and size[0] * size[1] > LARGE else 1


def _upright(image: Image.Image, stored: tuple[int, int], where: str) -> Upright:
    """The image, whose file holds (width, height) ``stored`` pixels, turned as its EXIF data say."""
    _check_size(image.size, where)
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        turned = ImageOps.exif_transpose(image) if orientation in range(2, 9) else image
    except Exception as error:  # decoders of damaged data raise whatever they stumble over
        raise PhotoError(_damaged(where, error)) from None
    width, height = stored[::-1] if orientation in range(5, 9) else stored
    return Upright(_rgb(turned, where), (height, width), orientation if orientation in range(1, 9) else 1)


def _rgb(image: Image.Image, where: str) -> Image.Image:
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
        raise PhotoError(_damaged(where, error)) from None


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
    _check_size((array.shape[1], array.shape[0]), where)
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


def _check_size(size: tuple[int, int], where: str) -> None:
    short, long = min(size), max(size)
    shape = f"{size[0]} × {size[1]} pixels"
    if short < MIN_SIDE:
        raise PhotoError(f"{where} has {shape}; each side of a photograph needs at least {MIN_SIDE}")
    if short * long > MAX_PIXELS:
        raise PhotoError(_too_large(f"{where}, with {shape},"))
    if long > MAX_ASPECT * short:
        raise PhotoError(f"{where} has {shape}, a strip; cut it to at most {MAX_ASPECT} : 1")


def _too_large(where: str) -> str:
    return f"{where} is too large (at most {MAX_PIXELS // 10**6} million pixels); scale it down first"


def _damaged(where: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{where} cannot be decoded ({reason}); it is damaged, truncated or of an unusual kind: export it again"
