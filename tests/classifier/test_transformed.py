"""Preprocessings that are given as functions: what they do is found, or refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor, nn

from unseen import Classifier, Explanation, Preprocessing, explain
from unseen.classifier.transformed import Transformed
from unseen.errors import NotApplicableError, ParameterError, PhotoError

SIZE = (96, 64)  # as Pillow has it: width and height


def normal(image: Image.Image, mean: float = 0.5, std: float = 0.25) -> Tensor:
    return (torch.from_numpy(np.array(image, np.float32)).permute(2, 0, 1) / 255 - mean) / std


def squashed(image: Image.Image) -> Tensor:
    return normal(image.resize(SIZE))


def cropped(image: Image.Image) -> Tensor:
    share = 80 / min(image.size)
    scaled = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.BICUBIC)
    left, top = (scaled.width - 64) // 2, (scaled.height - 64) // 2
    return normal(scaled.crop((left, top, left + 64, top + 64)))


def framed(image: Image.Image) -> Tensor:
    return normal(ImageOps.pad(image, (80, 80), color=(114, 114, 114)))


def mirrored(image: Image.Image) -> Tensor:
    return normal(ImageOps.mirror(image).resize(SIZE))


def lying(image: Image.Image) -> Tensor:
    return normal(image.transpose(Image.Transpose.ROTATE_90).resize(SIZE))


def tilted(image: Image.Image) -> Tensor:
    return normal(image.rotate(30, Image.Resampling.BILINEAR).resize(SIZE))


def corner(image: Image.Image) -> Tensor:
    return normal(image.crop((100, 20, 260, 180)).resize((64, 64)))


AFFINE = [squashed, cropped, framed, mirrored, lying, tilted, corner]


@pytest.fixture(scope="module")
def photo(photo_path: Path) -> Image.Image:
    """600 × 400."""
    with Image.open(photo_path) as image:
        return image.convert("RGB")


@pytest.mark.parametrize("transform", AFFINE)
def test_a_spot_is_found_where_the_geometry_says(
    transform: Callable[[Image.Image], Tensor], photo: Image.Image
) -> None:
    """The way there was found with ramps; where a bright spot goes, nobody told."""
    made = Transformed.found(transform)
    _, way = made.placed(photo, PhotoError)
    assert way is not None
    assert way.source_size == (400, 600)
    for x, y in ((250.0, 120.0), (310.0, 160.0)):
        dark = np.zeros((400, 600, 3), np.uint8)
        dark[int(y) - 9 : int(y) + 9, int(x) - 9 : int(x) + 9] = 255
        seen = made._shares(transform(Image.fromarray(dark))) - made._shares(transform(Image.fromarray(dark * 0)))
        weight = seen.mean(0).clamp(min=0)
        if float(weight.sum()) < 4:  # cut off
            continue
        rows, columns = torch.meshgrid(
            torch.arange(len(weight)) + 0.5, torch.arange(weight.shape[1]) + 0.5, indexing="ij"
        )
        found = [float((weight * axis).sum() / weight.sum()) for axis in (columns, rows)]
        assert way.apply([[x, y]])[0].tolist() == pytest.approx(found, abs=0.6)


@pytest.mark.parametrize("transform", AFFINE)
def test_the_network_is_fed_what_the_function_makes(
    transform: Callable[[Image.Image], Tensor], photo: Image.Image
) -> None:
    classifier = Classifier(nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten()), transform, outputs="value")
    fed = classifier.normalise(classifier.prepare(photo)[None])[0]
    torch.testing.assert_close(fed, transform(photo), atol=1e-4, rtol=1e-4)
    assert classifier.preprocessing.mean == pytest.approx((0.5,) * 3, abs=1e-4)
    assert classifier.preprocessing.std == pytest.approx((0.25,) * 3, abs=1e-4)


def test_a_function_of_arrays_is_one_of_photographs(photo: Image.Image) -> None:
    def of_array(pixels: np.ndarray) -> np.ndarray:
        rows, columns = (
            np.arange(side) * length // side for side, length in zip(SIZE[::-1], pixels.shape[:2], strict=True)
        )
        return ((pixels[rows][:, columns] / 255 - 0.5) / 0.25).transpose(2, 0, 1)

    found = Transformed.found(of_array)
    assert found.size == (64, 96)
    _, way = found.placed(photo, PhotoError)
    assert way is not None
    assert way.apply([[300.0, 200.0]])[0].tolist() == pytest.approx([48, 32], abs=0.6)


def test_it_is_the_preprocessing_that_describes_the_same(photo: Image.Image) -> None:
    described = Preprocessing((64, 96), None, "bicubic", (0.5,) * 3, (0.25,) * 3)
    found = Transformed.found(squashed)
    assert (found.size, found.channels, found.is_photograph) == (described.size, 3, True)
    torch.testing.assert_close(found.prepared(photo).pixels, described.prepared(photo).pixels, atol=1e-5, rtol=0)
    ours, theirs = (one.prepared(photo).geometry for one in (found, described))
    assert ours is not None
    assert theirs is not None
    np.testing.assert_allclose(ours.matrix, theirs.matrix, atol=0.1)  # bytes are a quarter of a pixel each


def of_arrays(*, image: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """As albumentations calls it."""
    return {"image": np.asarray(Image.fromarray(image).resize(SIZE), np.float32) / 255}


def grey(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("L").resize(SIZE), np.float32))[None]


def test_arrays_channels_last_and_grey(photo: Image.Image) -> None:
    bands = Transformed.found(of_arrays)
    assert (bands.channels, bands.size) == (3, (64, 96))
    assert bands.std == pytest.approx((1, 1, 1), abs=1e-4)
    one = Transformed.found(grey)
    assert (one.channels, one.mean, one.std) == (1, pytest.approx((0,), abs=1e-5), pytest.approx((1 / 255,), rel=1e-4))
    assert one.prepared(photo).pixels.shape == (1, 64, 96)
    assert one.prepared(photo).geometry is not None


def swirled(image: Image.Image) -> Tensor:
    pixels = np.array(image.resize(SIZE))
    rows, columns = np.indices(pixels.shape[:2])
    bent = (rows + 6 * np.sin(columns / 8)).round().clip(0, len(pixels) - 1).astype(int)
    return normal(Image.fromarray(pixels[bent, columns]))


def test_what_bends_is_explained_on_the_input_alone(photo_path: Path, tmp_path: Path) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    found = explain(photo_path, Classifier(network, swirled), method="occlusion", removal="black")
    assert found.geometry is None
    assert any("bends photographs" in note for note in found.notes)
    with pytest.raises(NotApplicableError, match="was bent on the way"):
        found.on_photo()
    found.save(tmp_path)
    assert Explanation.load(tmp_path) == found


def contrasted(image: Image.Image) -> Tensor:
    return normal(ImageOps.autocontrast(image).resize(SIZE))


def equalised(image: Image.Image) -> Tensor:
    return normal(ImageOps.equalize(image).resize(SIZE))


def darkened(image: Image.Image) -> Tensor:
    return normal(image.resize(SIZE), 0, 1) ** 2


def swapped(image: Image.Image) -> Tensor:
    return squashed(image).flip(0)


def inverted(image: Image.Image) -> Tensor:
    return -squashed(image)


def solarised(image: Image.Image) -> Tensor:
    return normal(ImageOps.solarize(image).resize(SIZE))


def unsized(image: Image.Image) -> Tensor:
    return normal(image.resize((image.width // 4, image.height // 4)))


def drawn(image: Image.Image) -> Tensor:
    left = int(torch.randint(0, 60, ()))
    return normal(image.crop((left, left, left + 96, left + 64)))


def failing(image: Image.Image) -> Tensor:
    raise RuntimeError(f"no {image.mode} today")


def standardised(image: Image.Image, least: float = 0.0) -> Tensor:
    pixels = squashed(image)
    return (pixels - pixels.mean()) / (pixels.std() + least)


def flattened(image: Image.Image) -> Tensor:
    return squashed(image).flatten()


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (contrasted, "does more to a photograph than to move, scale and normalise"),
        (equalised, "changes values otherwise|does more to a photograph|nothing brighter"),
        (darkened, "changes values otherwise than by a mean and a standard deviation; give unseen.Preprocessing"),
        (swapped, "mixes or swaps red, green and blue; leave that to the network's first layer"),
        (solarised, "the transform solarised makes the same of black and of white; give unseen.Preprocessing"),
        (inverted, "nothing brighter of white than of black"),
        (
            unsized,
            "makes 93 × 125 of one photograph and 125 × 93 of another; end it with a crop or a resize to one size",
        ),
        (drawn, "answers differently to the same photograph; give the transform of evaluation"),
        (failing, "the transform failing fails on a Pillow image .*no RGB today.*, and on an array; give"),
        (flattened, r"returns shape \(18432,\); let it end with numbers of shape \(C, H, W\)"),
        (standardised, r"makes numbers that are not finite; if it standardises each picture .* standardise='image'\)"),
        (
            partial(standardised, least=1e-6),
            r"the same of black and of white; give .*; if it standardises each picture",
        ),
        (lambda image: [str(image)], "returns a list; let it end with"),
    ],
)
def test_what_is_no_such_preprocessing_is_refused(transform: Callable[[Image.Image], Tensor], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Classifier(nn.Flatten(), transform)


def focused(image: Image.Image) -> Tensor:
    """Crops to what is not black."""
    return normal(image.crop(image.getbbox() or (0, 0, *image.size)).resize(SIZE))


def test_a_photograph_that_it_treats_in_another_way_is_refused(photo: Image.Image) -> None:
    made = Transformed.found(focused)
    made.prepared(photo)
    scene = Image.new("RGB", photo.size)
    scene.paste(photo.resize((200, 100)), (300, 250))
    with pytest.raises(PhotoError, match=r"the transform focused does more to a photograph"):
        made.prepared(scene)


def test_its_record_says_what_it_is_and_files_of_numbers_are_refused(tmp_path: Path) -> None:
    made = Transformed.found(squashed)
    record = made.to_dict()
    assert record["size"] == [64, 96]
    assert record["transform"] == "<function squashed>"
    assert record["transform_sha256"] != Transformed.found(mirrored).to_dict()["transform_sha256"]
    assert record == Transformed.found(squashed).to_dict()
    np.save(tmp_path / "scan.npy", np.zeros((64, 96)))
    with pytest.raises(PhotoError, match="holds numbers, and the transform squashed takes photographs"):
        made.prepared(tmp_path / "scan.npy")
    with pytest.raises(ParameterError, match="transform"):
        Preprocessing.of(record)


def test_an_explanation_lies_over_the_photograph_it_was_given(photo: Image.Image, tmp_path: Path) -> None:
    """A red square on a mirrored, squashed photograph is named where it is on the file."""
    scene = Image.new("RGB", (600, 400), (60, 60, 60))
    scene.paste((255, 40, 40), (420, 80, 520, 180))
    scene.save(tmp_path / "scene.png")
    del photo

    class Red(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            red = (x[:, 0] - x[:, 1]).clamp(min=0).amax((1, 2))
            return torch.stack([red, 3 - red], 1)

    found = explain(
        tmp_path / "scene.png", Classifier(Red(), mirrored, ["red", "none"]), method="occlusion", removal="black"
    )
    assert found.label == "red"
    laid = found.on_photo()
    assert laid.seen.all()
    square = torch.zeros(400, 600, dtype=torch.bool)
    square[80:180, 420:520] = True
    assert laid.saliency[square].mean() > 10 * laid.saliency[~square].mean()
    found.save(tmp_path / "out")
    assert (tmp_path / "out" / "overlay-original.png").is_file()
