"""Pictures in: a file or an image is looked at, decoded within a bound of memory, and turned upright."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from unseen.errors import PhotoError, one_line
from unseen.inputs.contents import Location
from unseen.inputs.geometry import Affine
from unseen.system.quiet import quiet

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

_AT_SMALLER_SIZE = ("JPEG", "MPO", "JPEG2000")
_BYTES = {"WEBP": 23, "AVIF": 16, "TIFF": 10}
"""Bytes a pixel that decoding takes at its peak, at most, 10 for what is not named.

Measured as the growth of the peak resident memory on made pictures of 36 million pixels: WebP 16; AVIF, TIFF and PNG
with alpha or 16 bits 9; the others 6 or less."""

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "MPO", "BMP", "GIF", "PPM", "JPEG2000", "AVIF")


@dataclass(frozen=True, eq=False)
class Turned:
    """A photograph as it is displayed, and what its file holds.

    Attributes:
        image: upright, of any mode, decoded.
        source_size: (height, width) of the file as it is displayed, in pixels; larger than the image where it was
            decoded at a smaller size.
        orientation: the EXIF orientation of the file, 1 to 8.
        format: of the file, as Pillow names it; empty of an image that was opened elsewhere.
    """

    image: Image.Image
    source_size: tuple[int, int]
    orientation: int = 1
    format: str = ""

    @property
    def geometry(self) -> Affine:
        """From pixels of the file as it is displayed to pixels of the image."""
        reduced = round(max(self.source_size) / max(self.image.size))  # a decoder's last pixel may be a part of one
        return Affine(((1 / reduced, 0, 0), (0, 1 / reduced, 0)), self.source_size, self.orientation)


def open_turned(source: Path | Location | Image.Image) -> Turned:
    """A picture as it is displayed, in its own mode; a file of more than 25 million pixels perhaps at a smaller size.

    Raises:
        PhotoError: as of :func:`unseen.open_photo`.
    """
    if isinstance(source, Image.Image):
        return _upright(source, source.size, "the image")
    return _read(located(source) if isinstance(source, Path) else source)


def located(path: Path) -> Location:
    """Where a photograph lies that has content; a path that leads to none is refused.

    Raises:
        PhotoError: with the cause.
    """
    try:
        found = Location.of(path)
        size = found.size
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PhotoError(f"{path!s:.200} cannot be opened: {reason}; check the path") from None
    if path.is_dir():
        raise PhotoError(f"{path} is a folder; name a photograph inside it")
    if found.collection is None and not path.is_file():
        raise PhotoError(f"{path} is not a regular file; copy its content into one")
    if size == 0:
        raise PhotoError(f"{path} is empty; copy or download it again")
    return found


def _read(place: Location) -> Turned:
    path = place.path
    Image.init()
    with quiet():
        try:
            with Image.open(place.readable(), formats=[f for f in _FORMATS if f in Image.OPEN]) as image:
                stored = image.size
                return _upright(_decoded(image, str(path)), stored, str(path), str(image.format))
        except PhotoError:
            raise
        except PermissionError:
            raise PhotoError(f"{path} may not be read; check its permissions") from None
        except UnidentifiedImageError:
            raise PhotoError(f"{path} is not an image of a known format; convert it to JPEG or PNG") from None
        except Image.DecompressionBombError:
            raise PhotoError(_too_large(str(path))) from None
        except Exception as error:  # decoders of damaged headers raise whatever they stumble over
            raise PhotoError(damaged(str(path), error)) from None


def _decoded(image: Image.Image, where: str) -> Image.Image:
    """A photograph that was opened, with its pixels; a large one at a smaller size, as early as its format allows."""
    check_size(image.size, where)
    factor, kind = _factor(image.size), str(image.format)
    if factor > 1 and kind == "JPEG2000":
        image.reduce = factor.bit_length() - 1  # type: ignore[method-assign,assignment]
    elif factor > 1 and kind in _AT_SMALLER_SIZE:
        image.draft(image.mode, (image.width // factor, image.height // factor))
    needed = image.width * image.height * _BYTES.get(kind, 10)
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


def _upright(image: Image.Image, stored: tuple[int, int], where: str, kind: str = "") -> Turned:
    """The image, whose file holds (width, height) ``stored`` pixels, turned as its EXIF data say."""
    check_size(image.size, where)
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        turned = ImageOps.exif_transpose(image) if orientation in range(2, 9) else image
    except Exception as error:  # decoders of damaged data raise whatever they stumble over
        raise PhotoError(damaged(where, error)) from None
    width, height = stored[::-1] if orientation in range(5, 9) else stored
    return Turned(turned, (height, width), orientation if orientation in range(1, 9) else 1, kind)


def check_size(size: tuple[int, int], where: str) -> None:
    """Refuse a picture of (width, height) ``size`` that is too small, too large or a strip.

    Raises:
        PhotoError: any of these.
    """
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


def damaged(where: str, error: Exception) -> str:
    """What is said of a picture on which a decoder fails."""
    reason = one_line(error)
    return f"{where} cannot be decoded ({reason}); it is damaged, truncated or of an unusual kind: export it again"
