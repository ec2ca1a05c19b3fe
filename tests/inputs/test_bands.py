from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unseen import Preprocessing
from unseen.errors import PhotoError
from unseen.inputs.bands import Scale, read_bands

UNIT = (0.0, 1.0)
DRAW = np.random.default_rng(0)


def photographs(channels: int) -> Scale:
    return Scale((UNIT,) * channels)


@pytest.mark.parametrize("channels", [1, 2, 4, 13])
def test_as_many_bands_as_channels_are_the_channels(channels: int) -> None:
    bands = DRAW.random((channels, 20, 30), np.float32)
    for given in (bands, np.moveaxis(bands, 0, -1), torch.from_numpy(bands)):
        assert np.array_equal(read_bands(given, photographs(channels)).pixels.numpy(), bands)


def test_no_band_is_taken_for_alpha(tmp_path: Path) -> None:
    """The fourth band of a picture is the fourth channel of a model that has one: colours stay where it is 0."""
    pixels = DRAW.integers(0, 256, (20, 30, 4), dtype=np.uint8)
    pixels[..., 3] = 0
    Image.fromarray(pixels).save(tmp_path / "four.png")
    Image.fromarray(pixels).save(tmp_path / "four.tif")
    for given in (pixels, Image.fromarray(pixels), tmp_path / "four.png", tmp_path / "four.tif"):
        found = read_bands(given, photographs(4)).pixels
        assert np.array_equal(found.numpy(), np.moveaxis(pixels, -1, 0) / np.float32(255))


def test_a_photograph_in_colour_is_shown_to_one_channel_by_its_luminance() -> None:
    pixels = DRAW.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for given in (pixels, Image.fromarray(pixels)):
        found = read_bands(given, photographs(1))
        assert found.notes[0].endswith("its luminance is shown, 0.299 R + 0.587 G + 0.114 B")
        expected = np.asarray(Image.fromarray(pixels).convert("L")) / 255
        assert found.pixels[0].numpy() == pytest.approx(expected, abs=1 / 255)


def test_transparency_of_a_picture_in_colour_is_shown_on_white_to_one_channel() -> None:
    clear = Image.new("RGBA", (20, 20), (10, 20, 30, 0))
    assert read_bands(clear, photographs(1)).pixels.min() == pytest.approx(1)
    assert read_bands(clear.convert("LA"), photographs(1)).pixels.min() == pytest.approx(1)


def test_one_band_stands_for_all_three_channels() -> None:
    scale = Scale(((0.0, 10.0),) * 3)
    assert read_bands(np.full((20, 20), 5.0), scale).pixels.unique().tolist() == [0.5]


@pytest.mark.parametrize(
    ("shape", "channels"), [((20, 30, 3), 4), ((13, 20, 30), 4), ((4, 20, 30), 1), ((2, 20, 30), 1)]
)
def test_other_bands_are_refused_and_the_remedy_works(shape: tuple[int, ...], channels: int) -> None:
    given = DRAW.random(shape)
    with pytest.raises(PhotoError, match=rf"bands? and the model takes .* give an array of shape \({channels}, H, W\)"):
        read_bands(given, photographs(channels))
    bands = np.moveaxis(given, -1, 0) if shape[-1] == 3 else given
    assert read_bands(np.resize(bands, (channels, 20, 30)), photographs(channels)).pixels.shape == (channels, 20, 30)


def test_integers_are_shares_of_their_white_and_numbers_of_a_declared_range_are_as_they_are_stored() -> None:
    stored = np.array([[0, 257], [1000, 65535]], np.uint16)
    assert read_bands(stored, photographs(1)).pixels.numpy() == pytest.approx(stored[None] / 65535)
    found = read_bands(stored, Scale(((0.0, 1000.0),), "nm"))
    assert found.pixels.flatten().tolist() == pytest.approx([0, 0.257, 1, 1])
    assert found.notes == (
        "25 % of the numbers of the array lie outside the model's range 0 … 1000 nm and were clipped to its ends",
    )


def test_each_channel_has_its_own_range() -> None:
    given = np.stack([np.full((20, 30), 5.0), np.full((20, 30), -20.0)])
    assert read_bands(given, Scale(((0.0, 10.0), (-40.0, 0.0)))).pixels.unique().tolist() == [0.5]


def test_numbers_of_another_unit_are_told() -> None:
    (note,) = read_bands(DRAW.random((20, 30)), Scale(((0.0, 10_000.0),), "")).notes
    assert note.startswith("the numbers of the array")
    assert note.endswith("see whether they have its unit")


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (np.full((20, 20), 7.0), r"values from 7 to 7, outside \[0, 1\]; .*declare their range"),
        (np.full((20, 20), 7, np.int16), r"type int16, whose white is not known; declare the range"),
        (np.full((20, 20), np.nan), r"NaN or infinite numbers; replace them by a value within 0 … 1"),
        (np.full((20, 20), 1j), "type complex128; give integers or floats"),
        (np.zeros(20), r"shape \(20,\); expected"),
    ],
)
def test_numbers_without_a_meaning_are_refused(given: np.ndarray, complaint: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(PhotoError, match=complaint):
        read_bands(given, photographs(1))


def test_the_remedy_of_a_declared_range_works() -> None:
    given = DRAW.integers(-1000, 2000, (32, 32)).astype(np.int16)
    scan = Preprocessing((32, 32), None, mean=(0,), std=(1000,), range=(-1000, 2000), unit="HU")
    assert scan.prepared(given).pixels[0].numpy() == pytest.approx((given + 1000) / 3000, abs=1e-6)
