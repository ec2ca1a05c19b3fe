"""Files of numbers: what is written is what is read, and what is damaged gets one clear line."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from unseen import Preprocessing
from unseen.errors import PhotoError
from unseen.inputs.bands import Scale, read_bands
from unseen.inputs.finding import find_photos
from unseen.inputs.stored import check_memory
from unseen.inputs.tiff import turned

DRAW = np.random.default_rng(0)
GREY, FOUR, MANY = (DRAW.integers(0, 65536, shape, dtype=np.uint16) for shape in ((24, 40), (4, 24, 40), (13, 24, 40)))


def read(path: Path, channels: int, low: float = 0.0, high: float = 65535.0) -> np.ndarray:  # type: ignore[type-arg]
    return read_bands(path, Scale(((low, high),) * channels)).pixels.numpy() * (high - low) + low


def test_what_numpy_wrote_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "first.npy", MANY)
    np.save(tmp_path / "last.npy", np.moveaxis(MANY, 0, -1).astype(np.float32))
    np.savez(tmp_path / "one.npz", image=MANY.astype(np.int32))
    for name in ("first.npy", "last.npy", "one.npz"):
        assert read(tmp_path / name, 13) == pytest.approx(MANY, abs=0.01)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("pages", [False, True])
def test_bands_of_a_tiff_are_its_samples_or_its_pages(compression: str | None, pages: bool, tmp_path: Path) -> None:
    path = tmp_path / "bands.tif"
    if compression == "lzw":  # tifffile writes it with another package only
        Image.fromarray(GREY).save(path, compression="tiff_lzw")
        assert read(path, 1)[0] == pytest.approx(GREY, abs=0.01)
        return
    given = MANY if pages else np.moveaxis(MANY, 0, -1)
    contig = {} if pages else {"planarconfig": "contig"}
    tifffile.imwrite(path, given, photometric="minisblack", compression=compression, metadata=None, **contig)
    assert read(path, 13) == pytest.approx(MANY, abs=0.01)


def test_depths_of_a_tiff_are_kept(tmp_path: Path) -> None:
    for dtype in (np.uint8, np.int16, np.uint16, np.float32, np.float64):
        values = (GREY // 300).astype(dtype)
        tifffile.imwrite(tmp_path / "one.tif", values)
        assert read(tmp_path / "one.tif", 1)[0] == pytest.approx(values, abs=0.01)


def test_a_fourth_sample_without_a_meaning_is_no_transparency(tmp_path: Path) -> None:
    """Near infrared beside red, green and blue: refused by a model of one channel, rather than taken for alpha."""
    tifffile.imwrite(
        tmp_path / "nir.tif", np.moveaxis(FOUR, 0, -1), photometric="rgb", extrasamples=["unspecified"], metadata=None
    )
    assert read(tmp_path / "nir.tif", 4) == pytest.approx(FOUR, abs=0.01)
    with pytest.raises(PhotoError, match="has 4 bands and the model takes 1 channel"):
        read_bands(tmp_path / "nir.tif", Scale(((0.0, 1.0),)))


def test_of_several_pages_that_are_no_bands_the_first_is_shown_and_it_is_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "film.tif", MANY, photometric="minisblack", metadata=None)
    found = read_bands(tmp_path / "film.tif", Scale(((0.0, 1.0),)))
    assert found.pixels[0].numpy() == pytest.approx(MANY[0] / 65535)
    assert found.notes == (f"{tmp_path / 'film.tif'} has 13 pages, of which the first is shown",)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_is_turned_as_pictures_are(orientation: int, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "turned.tif", GREY, extratags=[(274, "H", 1, orientation, True)])
    found = read_bands(tmp_path / "turned.tif", Scale(((0.0, 65535.0),)))
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(GREY).save(tmp_path / "turned.png", exif=exif)
    expected = read_bands(tmp_path / "turned.png", Scale(((0.0, 65535.0),)))
    assert found.pixels.equal(expected.pixels)
    assert found.geometry == expected.geometry
    assert np.array_equal(turned(turned(MANY, 6), 8), MANY)


def test_black_and_white_tiff_in_which_0_is_white(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "white.tif", GREY, photometric="miniswhite")
    assert read_bands(tmp_path / "white.tif", Scale(((0.0, 1.0),))).pixels[0].numpy() == pytest.approx(
        1 - GREY / 65535, abs=1e-6
    )
    assert read(tmp_path / "white.tif", 1)[0] == pytest.approx(GREY, abs=0.01)


@pytest.mark.parametrize("mode", ["P", "CMYK", "LAB"])
@pytest.mark.parametrize("kind", ["raw", "tiff_lzw"])
def test_colours_of_another_space_are_no_numbers_of_light(mode: str, kind: str, tmp_path: Path) -> None:
    """Indices of a palette, inks and CIELAB are shown as the colours that they stand for."""
    colours = np.full((24, 40, 3), (200, 0, 40), np.uint8)
    colours[:, :20] = (20, 160, 90)
    picture, path = Image.fromarray(colours), tmp_path / "colours.tif"
    if mode == "LAB":
        picture = ImageCms.applyTransform(
            picture,
            ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"),
        )
    else:
        picture = picture.quantize(2) if mode == "P" else picture.convert(mode)
    picture.save(path, compression=kind)
    right = np.moveaxis(colours, -1, 0)
    assert read(path, 3, high=255.0) == pytest.approx(right, abs=9)  # CIELAB of 8 bits is coarse
    assert read(path, 1, high=1.0)[0] * 255 == pytest.approx(np.tensordot((0.299, 0.587, 0.114), right, 1), abs=9)
    with pytest.raises(PhotoError, match="has 3 bands and the model takes 4 channels"):
        read(path, 4)


def test_uncompressed_ycbcr_is_refused(tmp_path: Path) -> None:
    """Pillow does not decode it, and its samples are no light."""
    tifffile.imwrite(tmp_path / "colours.tif", np.full((24, 40, 3), 90, np.uint8), photometric="ycbcr")
    for channels in (1, 3):
        with pytest.raises(PhotoError, match="unusual kind: export it again"):
            read(tmp_path / "colours.tif", channels, high=1.0)


def test_grey_pictures_of_any_depth_are_not_rounded(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "deep.png")
    assert read(tmp_path / "deep.png", 1)[0] == pytest.approx(GREY, abs=0.01)
    assert read(tmp_path / "deep.png", 3)[1] == pytest.approx(GREY, abs=0.01)


def test_numbers_in_files_are_prepared_for_a_model_of_photographs(tmp_path: Path) -> None:
    np.save(tmp_path / "rgb.npy", DRAW.random((3, 24, 40)))
    assert Preprocessing((24, 24), None).prepared(tmp_path / "rgb.npy").pixels.shape == (3, 24, 24)


def test_folders_without_photographs_stand_for_their_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", GREY)
    assert find_photos([tmp_path]) == [tmp_path / "one.npy"]
    Image.fromarray(GREY).save(tmp_path / "two.png")
    assert find_photos([tmp_path]) == [tmp_path / "two.png"]


def damaged(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("name", ["one.npy", "one.npz", "one.tif", "one.png"])
def test_damaged_files_get_one_clear_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "one.npy":
        np.save(path, GREY)
    elif name == "one.npz":
        np.savez(path, GREY)
    elif name == "one.tif":
        tifffile.imwrite(path, GREY)
    else:
        Image.fromarray(GREY).save(path)
    damaged(path)
    with pytest.raises(PhotoError, match=r"no array that NumPy reads|cannot be decoded|damaged") as caught:
        read(path, 1)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + b"\xff" * 40 if name.endswith("tif") else b"nothing of use")
    with pytest.raises(PhotoError, match=r"no array|cannot be decoded|holds no page|known format"):
        read(path, 1)


def test_files_that_hold_no_single_array_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", one=GREY, other=GREY)
    with pytest.raises(PhotoError, match=r"holds 2 arrays \(one, other\); save the one"):
        read(tmp_path / "two.npz", 1)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(PhotoError, match="no array that NumPy reads"):
        read(tmp_path / "objects.npy", 1)


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"takes about 1.8 GB to read \(at most 1.2\)"):
        check_memory((13, 4000, 3500), 2, "it")
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)
    header += b"{'descr': '<f4', 'fortran_order': False, 'shape': (40000, 40000), }".ljust(117) + b"\n"
    with (tmp_path / "vast.npy").open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 4 * 40_000**2)  # a hole: nothing is written
    with pytest.raises(PhotoError, match=r"takes about 19\.2 GB to read"):
        read(tmp_path / "vast.npy", 1)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_what_is_no_file_is_not_opened_to_see_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("pipe.jpg", "a\0b.jpg"):
        with pytest.raises(PhotoError):
            Preprocessing((4, 4), None).prepared(tmp_path / name)
