import contextlib
import inspect
import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import ExifTags, Image

from unseen import open_photo
from unseen.errors import PhotoError
from unseen.inputs import opening
from unseen.inputs.opening import MAX_PIXELS
from unseen.inputs.photo import PhotoSource, open_upright, to_tensor

RED, WHITE = (255, 0, 0), (255, 255, 255)


def corners(size: tuple[int, int] = (40, 20), mode: str = "RGB") -> Image.Image:
    """Black, with a red top-left quarter."""
    image = Image.new("RGB", size)
    image.paste(RED, (0, 0, size[0] // 2, size[1] // 2))
    return image.convert(mode)


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds one row's worth of nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_real_photographs_open(photo_paths: dict[str, Path]) -> None:
    for path in photo_paths.values():
        image = open_photo(path)
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(path).convert("RGB")))
        assert np.array_equal(np.asarray(open_photo(str(path))), np.asarray(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    # The stored image is what a camera held that way writes of the upright scene.
    upright = corners()
    undo = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for step in undo[orientation]:
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "photo.png", exif=exif)
    assert np.array_equal(np.asarray(open_photo(tmp_path / "photo.png")), np.asarray(upright))


def test_damaged_exif_does_not_spoil_the_photograph(tmp_path: Path) -> None:
    corners().save(tmp_path / "photo.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(range(64)))
    assert open_photo(tmp_path / "photo.jpg").size == (40, 20)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "HSV"])
def test_colour_modes(mode: str) -> None:
    expected = np.asarray(corners(mode=mode).convert("RGB"))
    assert np.array_equal(np.asarray(open_photo(corners(mode=mode))), expected)


def test_cmyk_jpeg(tmp_path: Path) -> None:
    corners(mode="CMYK").save(tmp_path / "photo.jpg", quality=95)
    pixel = open_photo(tmp_path / "photo.jpg").getpixel((5, 5))
    assert np.abs(np.subtract(pixel, RED)).max() < 8


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_keeps_its_range(tmp_path: Path, suffix: str) -> None:
    values = np.linspace(0, 65535, 32 * 32).reshape(32, 32).astype(np.uint16)
    path = tmp_path / f"photo.{suffix}"
    Image.fromarray(values).save(path)
    grey = np.asarray(open_photo(path))[..., 0].astype(int)
    assert np.abs(grey - values / 257).max() <= 0.5


def test_32_bit_integers_and_floats() -> None:
    sixteen = np.linspace(0, 65535, 400).reshape(20, 20)
    opened = np.asarray(open_photo(Image.fromarray(sixteen.astype(np.int32))))
    assert opened.min() == 0
    assert opened.max() == 255
    assert np.asarray(open_photo(Image.fromarray(np.full((20, 20), 0.2, np.float32)))).max() == 51
    with pytest.raises(PhotoError, match="32-bit values"):
        open_photo(Image.fromarray((sixteen * 2).astype(np.int32)))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_shows_white(mode: str) -> None:
    image = Image.new("RGB", (20, 20), (255, 0, 0)).convert({"RGBA": "RGB", "LA": "L", "PA": "P"}[mode])
    image.putalpha(0)  # not every Pillow converts RGBA to PA with its transparency
    assert image.mode == mode
    assert open_photo(image).getpixel((0, 0)) == WHITE


def test_half_transparency_is_blended_and_palette_transparency_too(tmp_path: Path) -> None:
    assert open_photo(Image.new("RGBA", (20, 20), (255, 0, 0, 127))).getpixel((0, 0)) == (255, 128, 128)
    palette = corners(mode="P")
    hidden = palette.getpixel((0, 0))
    palette.save(tmp_path / "photo.gif", transparency=hidden)
    assert open_photo(tmp_path / "photo.gif").getpixel((0, 0)) == WHITE
    assert open_photo(tmp_path / "photo.gif").getpixel((39, 19)) == (0, 0, 0)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(16, 24), st.integers(16, 24), st.just(3))))
def test_arrays_tensors_and_images_agree(pixels: np.ndarray) -> None:
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    for source in (pixels, pixels / 255, pixels.astype(np.uint16) * 257, tensor, tensor / 255, Image.fromarray(pixels)):
        assert np.array_equal(np.asarray(open_photo(source)), pixels)
    assert torch.equal(to_tensor(open_photo(pixels)), tensor.float() / 255)


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1)])
def test_grey_arrays(shape: tuple[int, ...]) -> None:
    assert open_photo(np.full(shape, 7, np.uint8)).getpixel((29, 19)) == (7, 7, 7)
    channels_first = shape[2:] + shape[:2]
    assert open_photo(torch.full(channels_first, 7 / 255)).getpixel((29, 19)) == (7, 7, 7)


def test_rgba_array_and_half_tensor() -> None:
    assert open_photo(np.zeros((20, 20, 4))).getpixel((0, 0)) == WHITE
    assert open_photo(torch.full((3, 20, 20), 0.5, dtype=torch.bfloat16)).getpixel((0, 0)) == (128, 128, 128)
    assert open_photo(torch.full((3, 20, 20), 0.5, requires_grad=True)).getpixel((0, 0)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.full((20, 20, 3), np.nan), "NaN"),
        (np.full((20, 20, 3), np.inf), "NaN or infinite"),
        (np.full((20, 20, 3), 1.5), r"from 1.5 to 1.5, outside \[0, 1\]"),
        (np.full((20, 20, 3), -0.1), "outside"),
        (np.zeros((20, 20, 3), np.int64), "int64"),
        (np.zeros((3, 20, 20)), "shape"),
        (np.zeros((2, 20, 20, 3)), "shape"),
        (torch.zeros(20, 20, 3), "shape"),
        (torch.zeros(5, 20, 20), "shape"),
        (torch.zeros(1, 3, 20, 20), "shape"),
        (np.zeros((0, 20, 3)), "at least 16"),
        (np.zeros((15, 300, 3)), "300 × 15 pixels"),
        (Image.new("RGB", (1, 1)), "1 × 1 pixels"),
        (np.zeros((16, 600, 3)), "strip"),
    ],
)
def test_unusable_values_are_refused(source: PhotoSource, message: str) -> None:
    with pytest.raises(PhotoError, match=message):
        open_photo(source)


def test_other_types_are_refused() -> None:
    with pytest.raises(PhotoError, match="None is not a photograph"):
        inspect.unwrap(open_upright)(None)  # without the type checker of the tests


def test_paths_are_refused_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not an image at all, " * 20)
    (tmp_path / "drawing.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n")
    for name, message in {
        "missing.jpg": "No such file",
        "a" * 300: "too long",
        ".": "folder",
        "empty.jpg": "empty",
        "text.jpg": "not an image",
        "drawing.eps": "not an image",
    }.items():
        with pytest.raises(PhotoError, match=message) as caught:
            open_photo(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
@pytest.mark.parametrize("kept", [0.3, 0.7])
def test_truncated_files_are_refused(tmp_path: Path, photo_path: Path, kind: str, kept: float) -> None:
    buffer = io.BytesIO()
    Image.open(photo_path).save(buffer, kind)
    path = tmp_path / "photo"
    path.write_bytes(buffer.getvalue()[: int(kept * len(buffer.getvalue()))])
    with pytest.raises(PhotoError, match=r"truncated|not an image") as caught:
        open_photo(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("side", [10_001, 13_000, 100_000])
def test_decompression_bombs_are_refused_from_the_header(tmp_path: Path, side: int) -> None:
    assert side * side > MAX_PIXELS
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(side, side))
    with pytest.raises(PhotoError, match="too large"):
        open_photo(path)


@given(st.binary(min_size=1, max_size=200), st.integers(0, 200))
def test_damaged_files_never_raise_anything_else(noise: bytes, place: int) -> None:
    buffer = io.BytesIO()
    corners().save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[place : place + len(noise)] = noise
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photo.png"
        path.write_bytes(data)
        with contextlib.suppress(PhotoError):
            assert open_photo(path).mode == "RGB"


def test_the_source_is_left_alone() -> None:
    image, array = corners(mode="RGBA"), np.full((20, 20), 0.5)
    open_photo(image)
    open_photo(array)
    assert image.mode == "RGBA"
    assert (array == 0.5).all()


def test_to_tensor_wants_rgb() -> None:
    with pytest.raises(PhotoError, match="mode L"):
        to_tensor(corners(mode="L"))


# ---- large photographs -------------------------------------------------------------------------------------------


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is large and what is enough, a hundred times smaller."""
    monkeypatch.setattr(opening, "LARGE", 250_000)
    monkeypatch.setattr(opening, "ENOUGH", 200)


def ramps(mode: str) -> Image.Image:
    across = np.linspace(0, 255, 1000).astype(np.uint8)
    pixels = np.broadcast_to(across, (810, 1000))
    rgb = Image.fromarray(np.stack([pixels, pixels[:, ::-1], pixels], 2))
    if mode == "I;16":
        return Image.fromarray(pixels.astype(np.uint16) * 257)
    return rgb.convert(mode)


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("a.jpg", "RGB"),
        ("a.jpg", "L"),
        ("a.jpg", "CMYK"),
        ("a.jp2", "RGB"),
        ("a.png", "RGB"),
        ("a.png", "RGBA"),
        ("a.png", "P"),
        ("a.gif", "P"),
        ("a.webp", "RGB"),
        ("a.tif", "RGBA"),
        ("a.png", "LA"),
        ("a.bmp", "RGB"),
    ],
)
def test_a_large_photograph_is_read_at_a_smaller_size(tmp_path: Path, name: str, mode: str) -> None:
    image = ramps(mode)
    image.save(tmp_path / name)
    found = open_photo(tmp_path / name)
    assert found.size in ((250, 203), (250, 202))
    expected = np.asarray(image.convert("RGB").resize(found.size, Image.Resampling.BOX), float)
    assert np.abs(np.asarray(found, float) - expected).mean() < 4  # JPEG and palettes lose a little


@pytest.mark.usefixtures("small_limits")
def test_what_is_turned_and_what_has_16_bits(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    ramps("RGB").save(tmp_path / "turned.jpg", exif=exif)
    assert open_photo(tmp_path / "turned.jpg").size in ((203, 250), (202, 250))
    ramps("I;16").save(tmp_path / "deep.png")
    deep = open_photo(tmp_path / "deep.png")
    assert np.array_equal(
        np.asarray(deep)[:, :, 0], np.asarray(ramps("L").convert("L")) * 0 + np.asarray(deep)[:, :, 1]
    )


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.tif"])
def test_what_takes_too_much_memory_is_refused_and_the_remedy_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ramps("RGB").save(tmp_path / name)
    monkeypatch.setattr(opening, "MAX_BYTES", 1_000_000)
    with pytest.raises(PhotoError, match=r"with 1000 × 810 pixels as \w+, takes about 0\.0 GB .*convert it to JPEG"):
        open_photo(tmp_path / name)
    ramps("RGB").save(tmp_path / "a.jpg")
    assert open_photo(tmp_path / "a.jpg").size == (1000, 810)


def test_a_user_image_is_not_changed() -> None:
    image = ramps("RGB")
    image.getexif()[ExifTags.Base.Orientation] = 3
    before = image.tobytes()
    assert open_photo(image) is not image
    assert image.tobytes() == before


def test_sixteen_bits_are_rounded_to_eight() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(np.asarray(open_photo(values))[:, :, 0], np.rint(values / 257).astype(np.uint8))
