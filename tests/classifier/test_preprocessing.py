from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps
from torch import Tensor, nn

from helpers.processor import generator
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError, PhotoError
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import to_tensor

SIZE = (24, 32)
ENLARGING = Preprocessing(SIZE, resize=40)


def numbers(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def as_array(tensor: Tensor) -> np.ndarray[Any, Any]:
    return np.asarray(tensor.permute(1, 2, 0))


@pytest.mark.parametrize("preprocessing", [ENLARGING, Preprocessing(SIZE, None), Preprocessing(SIZE, (40, 40))])
def test_numbers_of_the_networks_size_pass_untouched(preprocessing: Preprocessing) -> None:
    image = numbers(3, *SIZE)
    for given in (image, image.clone().requires_grad_(), image.permute(1, 2, 0).contiguous().permute(2, 0, 1)):
        found = preprocessing.prepared(given)
        assert torch.equal(found.pixels, image)
        assert found.pixels.is_contiguous()
        assert not found.pixels.requires_grad
        assert (found.notes, found.rounded, found.resized) == ((), False, None)
    for array in (as_array(image), np.asfortranarray(as_array(image)), as_array(image)[::-1][::-1]):
        assert torch.equal(preprocessing.prepared(array).pixels, image)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_any_precision_are_not_rounded_to_bytes(dtype: torch.dtype) -> None:
    image = numbers(3, *SIZE).to(dtype)
    assert torch.equal(ENLARGING.prepared(image).pixels, image.float())


def test_what_passes_untouched_is_a_tensor_of_its_own() -> None:
    image = numbers(3, *SIZE)
    found = ENLARGING.prepared(image).pixels
    image.zero_()
    assert float(found.max()) > 0.9
    array = as_array(numbers(3, *SIZE)).copy()
    found = ENLARGING.prepared(array).pixels
    array[:] = 0
    assert float(found.max()) > 0.9


def test_bytes_in_a_tensor_are_divided_and_neither_scaled_nor_cropped() -> None:
    image = (numbers(3, *SIZE) * 255).to(torch.uint8)
    assert torch.equal(ENLARGING.prepared(image).pixels, image.float() / 255)
    wide = torch.tensor([0, 257, 65535], dtype=torch.int32).to(torch.uint16).reshape(3, 1, 1).expand(3, *SIZE)
    assert ENLARGING.prepared(wide).pixels[:, 0, 0].tolist() == pytest.approx([0, 1 / 255, 1])


def test_grey_and_transparent_numbers_become_rgb_unrounded() -> None:
    grey = numbers(*SIZE)
    for given in (grey, grey[None], grey.numpy(), grey[..., None].numpy()):
        assert torch.equal(ENLARGING.prepared(given).pixels, grey.expand(3, -1, -1))
    clear = torch.cat([numbers(3, *SIZE), torch.zeros(1, *SIZE)])
    assert torch.equal(ENLARGING.prepared(clear).pixels, torch.ones(3, *SIZE))


@pytest.mark.parametrize("side", [2, 8])
def test_networks_smaller_than_any_photograph_take_their_own_size(side: int) -> None:
    image = numbers(3, side, side)
    assert torch.equal(Preprocessing((side, side), None).prepared(image).pixels, image)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1, 1.5])
def test_numbers_of_the_networks_size_are_checked_like_others(bad: float) -> None:
    image = numbers(3, *SIZE)
    image[1, 2, 3] = bad
    for given in (image, as_array(image)):
        with pytest.raises(PhotoError, match=r"NaN or infinite|outside .0, 1.; scale them, without the normalisation"):
            ENLARGING.prepared(given)


@pytest.mark.parametrize(
    ("given", "kind", "done"),
    [
        (numbers(3, 48, 64), "tensor", "rounded to 8 bits, scaled to 40 × 53 and cropped to the middle 24 × 32"),
        (
            as_array(numbers(3, 48, 64)),
            "array",
            "rounded to 8 bits, scaled to 40 × 53 and cropped to the middle 24 × 32",
        ),
        ((numbers(3, 48, 64) * 255).to(torch.uint8), "tensor", "scaled to 40 × 53 and cropped to the middle 24 × 32"),
        (numbers(3, 40, 53), "tensor", "rounded to 8 bits and cropped to the middle 24 × 32"),
    ],
)
def test_numbers_of_another_size_are_prepared_and_it_is_said(given: Any, kind: str, done: str) -> None:
    found = ENLARGING.prepared(given)
    height, width = given.shape[1:] if isinstance(given, Tensor) else given.shape[:2]
    assert found.notes == (
        f"the {kind} of {height} × {width} pixels (height × width) was {done}; a tensor, or an array of floats, of "
        "24 × 32 passes as it is",
    )
    geometry = found.to_dict()["geometry"]
    assert Affine.of(geometry.pop("photograph_to_input")) == found.geometry
    assert geometry == {
        "given": [height, width],
        "resized": None if (height, width) == (40, 53) else [40, 53],
        "crop": [8, 10, 24, 32],
    }


def test_the_remedy_of_the_note_works() -> None:
    found = ENLARGING.prepared(numbers(3, 48, 64))
    again = ENLARGING.prepared(found.pixels)
    assert torch.equal(again.pixels, found.pixels)
    assert again.notes == ()


def test_pictures_are_scaled_and_cropped_as_ever_without_a_note(tmp_path: Path) -> None:
    pixels = np.asarray(numbers(48, 64, 3) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels)
    picture.save(tmp_path / "one.png")
    expected = torch.from_numpy(np.array(ENLARGING.crop(picture))).permute(2, 0, 1) / 255
    for given in (picture, pixels, tmp_path / "one.png", str(tmp_path / "one.png")):
        found = ENLARGING.prepared(given)
        assert torch.equal(found.pixels, expected)
        assert (found.notes, found.kind) == ((), "picture")
        record = found.to_dict()
        assert record["geometry"].pop("photograph_to_input")["source_size"] == [48, 64]
        assert record == {
            "geometry": {"given": [48, 64], "resized": [40, 53], "crop": [8, 10, 24, 32]},
            "rounded_to_8_bits": False,
        }


def test_a_picture_of_the_networks_size_that_is_enlarged_says_so() -> None:
    pixels = np.asarray(numbers(*SIZE, 3) * 255).astype(np.uint8)
    for given in (pixels, Image.fromarray(pixels)):
        (note,) = ENLARGING.prepared(given).notes
        assert note.startswith("the picture of 24 × 32 pixels (height × width) was scaled to 40 × 53 and cropped")
        assert Preprocessing(SIZE, None).prepared(given).notes == ()


def test_where_the_window_lies_is_where_it_is_cut() -> None:
    """A mark at a known place of the photograph is found where the geometry says."""
    for size, resize in ((SIZE, 40), (SIZE, (40, 52)), (SIZE, None)):
        preprocessing = Preprocessing(size, resize, interpolation="nearest")
        pixels = np.zeros((90, 120, 3), np.uint8)
        pixels[48:54, 66:72] = 255
        found = preprocessing.prepared(Image.fromarray(pixels))
        (rows, columns), geometry = found.pixels[0].nonzero().T, found.to_dict()["geometry"]
        given, resized, (top, left, _, _) = geometry["given"], geometry["resized"], geometry["crop"]
        middle = [(rows.double().mean() + 0.5 + top) / resized[0], (columns.double().mean() + 0.5 + left) / resized[1]]
        assert float(middle[0]) * given[0] == pytest.approx(51, abs=2.5)
        assert float(middle[1]) * given[1] == pytest.approx(69, abs=2.5)
        assert found.geometry is not None
        seen = [[float(columns.double().mean()) + 0.5, float(rows.double().mean()) + 0.5]]
        assert found.geometry.inverse().apply(seen) == pytest.approx(np.array([[69, 51]]), abs=2.5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_geometry_leads_to_the_file_as_it_is_displayed(orientation: int, tmp_path: Path) -> None:
    """A mark is found where an image viewer shows it, whichever way the file is stored, and if decoded at a quarter."""
    for side, spot in ((120, 10), (8400, 700)):
        pixels = Image.new("L", (side, side * 3 // 4))
        pixels.paste(255, (spot * 6, spot * 2, spot * 7, spot * 3))
        exif = pixels.getexif()
        exif[ExifTags.Base.Orientation] = orientation
        pixels.save(tmp_path / "marked.jpg", exif=exif)
        displayed = ImageOps.exif_transpose(Image.open(tmp_path / "marked.jpg"))
        rows, columns = np.nonzero(np.asarray(displayed) > 128)
        found = Preprocessing((90, 120), resize=(92, 124)).prepared(tmp_path / "marked.jpg")
        assert found.geometry is not None
        assert (found.geometry.source_size, found.geometry.orientation) == (displayed.size[::-1], orientation)
        weight = found.pixels[0].double()
        y, x = (
            float((weight.sum(axis) * (torch.arange(n) + 0.5)).sum() / weight.sum()) for axis, n in ((1, 90), (0, 120))
        )
        middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
        assert found.geometry.apply(middle) == pytest.approx(np.array([x, y]), abs=0.4)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"size": 32}, {"size": (32, 32)}),
        ({"size": np.int64(32)}, {"size": (32, 32)}),
        ({"size": [24, np.int64(32)]}, {"size": (24, 32)}),
        ({"size": torch.Size([24, 32])}, {"size": (24, 32)}),
        ({"resize": np.int32(300)}, {"resize": 300}),
        ({"resize": [300, 400]}, {"resize": (300, 400)}),
        ({"mean": torch.tensor([0.5, 0.25, 0.5])}, {"mean": (0.5, 0.25, 0.5)}),
        ({"std": np.array([0.5, 0.25, 0.5], np.float32)}, {"std": (0.5, 0.25, 0.5)}),
    ],
    ids=str,
)
@pytest.mark.usefixtures("unchecked_types")
def test_settings_of_any_numeric_type_are_plain(changes: dict[str, Any], kept: dict[str, Any]) -> None:
    made = Preprocessing(**changes)
    for name, value in kept.items():
        found = getattr(made, name)
        assert (found, type(found)) == (value, type(value))
        assert not isinstance(found, tuple) or {type(one) for one in found} <= {int, float}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"size": (3, 224, 224)}, "is that of a volume, and mean and std are those of photographs; give mean and std"),
        ({"size": (1, 3, 224, 224)}, "size .* has 4 numbers; give .length,. of a signal"),
        (
            {"size": (64,), "resize": 72, "mean": (0,), "std": (1,)},
            "resize=72 is of images, and size .64,. is that of a signal",
        ),
        ({"size": (8, 8, 8), "fit": "letterbox", "mean": (0,), "std": (1,)}, "fit='letterbox' is of images"),
        ({"size": (64,), "bands": (1,), "mean": (0,), "std": (1,)}, "leave bands out"),
        ({"size": "224"}, "size must be"),
        ({"size": 224.5}, "size must be one whole number"),
        ({"resize": 256.0}, "resize must be one whole number, not 256.0; give 256"),
        ({"resize": (256,)}, "resize .* has 1 numbers"),
        ({"mean": 0.5}, "mean .* has 1 numbers and std .* has 3; give one of each per channel"),
        ({"std": (0.5, 0.5)}, "mean .* has 3 numbers and std .* has 2; give one of each per channel"),
        ({"std": (0.5, float("nan"), 0.5)}, "standard deviation .* must be positive"),
        ({"mean": (0.5, float("inf"), 0.5)}, "mean .* must be finite"),
        ({"interpolation": 2}, "interpolation must be text"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("unchecked_types")
def test_settings_of_another_form_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        Preprocessing(**changes)


@pytest.mark.usefixtures("unchecked_types")
def test_a_classifier_refuses_what_is_no_network_and_no_preprocessing() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    with pytest.raises(ParameterError, match=r"the function <lambda> needs a preprocessing; give unseen.Preprocessing"):
        Classifier(lambda images: images)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"the model is a Classifier"):
        Classifier(Classifier(net))  # type: ignore[arg-type]
    with pytest.raises(
        ParameterError, match=r"the preprocessing is a tuple; give unseen.Preprocessing.* or a function"
    ):
        Classifier(net, (2, 2))  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="the single text 'ab'"):
        Classifier(net, labels="ab")


def test_a_module_whose_forward_calls_a_function_is_a_model() -> None:
    class Wrapped(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.mean((2, 3))

    assert Classifier(Wrapped(), Preprocessing((2, 2), None)).logits(torch.rand(1, 3, 2, 2)).shape == (1, 3)


@hypothesis.given(st.integers(16, 90), st.integers(16, 90), st.integers(16, 40), st.integers(0, 24))
def test_crop_has_the_asked_size_and_the_middle(width: int, height: int, size: int, margin: int) -> None:
    photo = Image.new("RGB", (width, height), (10, 20, 30))
    photo.paste((200, 100, 50), (width // 2 - 1, height // 2 - 1, width // 2 + 1, height // 2 + 1))
    cropped = Preprocessing(size=(size, size), resize=size + margin).crop(photo)
    assert cropped.size == (size, size)
    pixels = to_tensor(cropped)[0]
    brightest = divmod(int(pixels.argmax()), size)
    scale = (size + margin) / min(width, height)
    assert all(abs(place - (size - 1) / 2) <= 1.5 + scale for place in brightest)


def test_crop_cuts_the_long_side_and_squash_does_not() -> None:
    photo = Image.new("RGB", (80, 40))
    photo.paste((255, 255, 255), (0, 0, 20, 40))  # the left quarter lies outside the central square
    assert to_tensor(Preprocessing(size=(40, 40), resize=40).crop(photo)).max() == 0
    squashed = to_tensor(Preprocessing(size=(40, 40), resize=None, interpolation="nearest").crop(photo))
    assert float(squashed.mean()) == pytest.approx(0.25)
    both = to_tensor(Preprocessing(size=(40, 40), resize=(40, 60), interpolation="nearest").crop(photo))
    assert float(both.mean()) == pytest.approx(5 / 40)  # 15 of 60 columns, of which the crop cuts 10


def test_non_square_inputs_are_height_by_width() -> None:
    assert Preprocessing(size=(20, 30), resize=30).crop(Image.new("RGB", (50, 60))).size == (30, 20)
    assert Preprocessing(size=(20, 30), resize=None).crop(Image.new("RGB", (50, 60))).size == (30, 20)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": (0, 8)},
        {"std": (1.0, 0.0, 1.0)},
        {"size": (300, 224)},
        {"resize": (256, 223)},
        {"interpolation": "cubic"},
    ],
)
def test_wrong_preprocessing_is_refused(wrong: dict[str, object]) -> None:
    made = Preprocessing()
    for name, value in wrong.items():
        object.__setattr__(made, name, value)  # past the type checker of the tests
    with pytest.raises(ParameterError):
        made.__post_init__()


@pytest.mark.parametrize("space", [(64,), (6, 8, 10)])
@pytest.mark.parametrize("channels", [1, 3])
def test_signals_and_volumes_are_taken_as_they_are(space: tuple[int, ...], channels: int) -> None:
    zeros, ones = (0.0,) * channels, (1.0,) * channels
    preprocessing = Preprocessing(space, mean=zeros, std=ones, range=(-2, 2), unit="mV")
    assert (preprocessing.axes, preprocessing.resize, preprocessing.fit) == (len(space), None, "exact")
    numbers = torch.rand(channels, *space, generator=generator()) * 4 - 2
    last = numbers.movedim(0, -1).numpy()
    for given in (numbers, numbers.numpy(), last, *([numbers[0], numbers[0].numpy()] if channels == 1 else [])):
        found = preprocessing.prepared(given)
        torch.testing.assert_close(found.pixels * 4 - 2, numbers)
        assert found.geometry is None
        assert found.notes == ()
    assert found.to_dict()["geometry"]["crop"] is None
    assert Preprocessing.of(preprocessing.to_dict()) == preprocessing


@pytest.mark.parametrize(("space", "given"), [((64,), (1, 63)), ((6, 8, 10), (1, 6, 8, 11))])
def test_another_length_is_refused_and_the_remedy_works(space: tuple[int, ...], given: tuple[int, ...]) -> None:
    preprocessing = Preprocessing(space, mean=(0,), std=(1,))
    with pytest.raises(PhotoError, match=r"takes exactly .*; cut or resample it to that size"):
        preprocessing.prepared(torch.rand(given))
    with pytest.raises(PhotoError, match="expected"):
        preprocessing.prepared(torch.rand(1, 1, 1, 2, 3))
    assert preprocessing.prepared(torch.nn.functional.interpolate(torch.rand(given)[None], space)[0]).size == space


@pytest.mark.parametrize("standardise", ["image", "channel"])
@pytest.mark.parametrize("space", [(50,), (4, 5, 6)])
def test_signals_and_volumes_are_standardised_over_all_their_axes(standardise: Any, space: tuple[int, ...]) -> None:
    preprocessing = Preprocessing(space, mean=(0, 0), std=(1, 1), range=(-10, 30), standardise=standardise)
    numbers = torch.rand(3, 2, *space, generator=generator()).double()
    mean, std = preprocessing.statistics_of(numbers.float())
    axes = tuple(range(1 if standardise == "image" else 2, numbers.ndim))
    normal = (numbers - mean) / std
    expected = (numbers - numbers.mean(axes, keepdim=True)) / numbers.std(axes, keepdim=True, correction=0)
    torch.testing.assert_close(normal, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("unchecked_types")
def test_a_number_that_stands_alone_is_a_square_and_a_list_of_one_a_signal() -> None:
    alone: Any = 64
    assert Preprocessing(alone, None).size == (64, 64)
    assert Preprocessing((64,), None, mean=(0,), std=(1,)).size == (64,)
    with pytest.raises(NotApplicableError, match="a crop is for images so far"):
        Preprocessing((64,), None, mean=(0,), std=(1,)).crop(Image.new("RGB", (64, 64)))
