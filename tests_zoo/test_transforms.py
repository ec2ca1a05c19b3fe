"""Transforms of torchvision and of transformers, given as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from torch import nn

from unseen import Classifier, Preprocessing, explain
from unseen.classifier.transformed import Transformed
from unseen.errors import ParameterError

transforms = pytest.importorskip("torchvision.transforms")
newer = pytest.importorskip("torchvision.transforms.v2")

pytestmark = pytest.mark.usefixtures("quiet_peers")

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
COFFEE = Path(skimage.__file__).parent / "data" / "coffee.png"


def compose(*first: Any) -> Any:
    return transforms.Compose([*first, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])


def compose_newer(*first: Any) -> Any:
    last = (newer.ToImage(), newer.ToDtype(torch.float32, scale=True), newer.Normalize(MEAN, STD))
    return newer.Compose([*first, *last])


@pytest.mark.parametrize("composed", [compose, compose_newer])
def test_the_usual_one_of_imagenet(composed: Callable[..., Any]) -> None:
    found = Transformed.found(composed(transforms.Resize(256), transforms.CenterCrop(224)))
    assert found.size == (224, 224)
    np.testing.assert_allclose(found.mean, MEAN, atol=1e-4)
    np.testing.assert_allclose(found.std, STD, atol=1e-4)
    with Image.open(COFFEE) as photo:
        ours, described = (one.prepared(photo.convert("RGB")) for one in (found, Preprocessing()))
    assert ours.geometry is not None
    assert described.geometry is not None
    np.testing.assert_allclose(
        ours.geometry.matrix, described.geometry.matrix, atol=0.6
    )  # they round the crop's corner
    assert (ours.pixels - described.pixels).abs().mean() < 0.02


@pytest.mark.parametrize(
    ("first", "point", "place"),
    [
        ([transforms.Resize((112, 168))], (300, 200), (84, 56)),
        ([transforms.CenterCrop(300)], (300, 200), (150, 150)),
        ([transforms.Pad((0, 100), fill=114), transforms.Resize((120, 120))], (300, 200), (60, 60)),
        ([transforms.RandomHorizontalFlip(1.0), transforms.Resize((100, 150))], (100, 100), (125, 25)),
        ([transforms.RandomVerticalFlip(1.0), transforms.Resize((100, 150))], (100, 100), (25, 75)),
    ],
)
def test_points_go_where_they_should(first: list[Any], point: tuple[float, ...], place: tuple[float, ...]) -> None:
    with Image.open(COFFEE) as photo:  # 600 × 400
        geometry = (
            Transformed.found(compose(transforms.Resize((400, 600)), *first)).prepared(photo.convert("RGB")).geometry
        )
    assert geometry is not None
    np.testing.assert_allclose(geometry.apply([point])[0], place, atol=0.5)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        ([transforms.RandomCrop(200)], "answers differently to the same photograph"),
        ([transforms.RandomResizedCrop(96)], "answers differently to the same photograph"),
        ([transforms.ColorJitter(0.5), transforms.Resize((96, 96))], "answers differently"),
        ([transforms.Resize(96)], "end it with a crop or a resize to one size"),
        ([transforms.Resize((96, 96)), transforms.RandomAutocontrast(1.0)], "does more to a photograph"),
        (
            [transforms.Resize((96, 96)), transforms.RandomSolarize(128, 1.0)],
            "makes the same of black and of white; give unseen.Preprocessing",
        ),
        ([transforms.Resize((96, 96)), transforms.Grayscale(3)], "mixes or swaps red, green and blue"),
    ],
)
def test_what_is_no_preprocessing_is_refused(first: list[Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Transformed.found(compose(*first))


def test_one_channel_and_a_perspective() -> None:
    grey = transforms.Compose([transforms.Resize((96, 96)), transforms.Grayscale(1), transforms.ToTensor()])
    assert Transformed.found(grey).channels == 1
    flat = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    assert explain(COFFEE, Classifier(flat, grey), method="occlusion", removal="black").geometry is not None

    def tilted(image: Image.Image) -> torch.Tensor:
        corners = [[0, 0], [95, 0], [95, 95], [0, 95]]
        seen = transforms.functional.perspective(
            image.resize((96, 96)), corners, [[20, 10], [80, 0], [95, 95], [0, 80]]
        )
        return compose()(seen)

    assert Transformed.found(tilted).prepared(COFFEE).geometry is None


def test_a_processor_of_transformers() -> None:
    vit = pytest.importorskip("transformers").ViTImageProcessor(size={"height": 96, "width": 96})

    def process(image: Image.Image) -> Any:
        return vit(images=image, return_tensors="pt")

    found = Transformed.found(process)
    assert found.size == (96, 96)
    np.testing.assert_allclose([*found.mean, *found.std], 0.5, atol=1e-3)
    geometry = found.prepared(COFFEE).geometry
    assert geometry is not None
    np.testing.assert_allclose(geometry.matrix, [[96 / 600, 0, 0], [0, 96 / 400, 0]], atol=0.2)


def test_a_compose_of_albumentations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the internet for a newer version
    peer = pytest.importorskip("albumentations")
    letterbox = [peer.LongestMaxSize(96), peer.PadIfNeeded(96, 96, border_mode=0, fill=114), peer.Normalize(MEAN, STD)]
    found = Transformed.found(peer.Compose(letterbox))
    np.testing.assert_allclose([*found.mean, *found.std], [*MEAN, *STD], atol=1e-3)
    geometry = found.prepared(COFFEE).geometry
    assert geometry is not None
    np.testing.assert_allclose(geometry.matrix, [[96 / 600, 0, 0], [0, 64 / 400, 16]], atol=0.3)
    with pytest.raises(ParameterError, match="answers differently"):
        Transformed.found(peer.Compose([peer.RandomCrop(96, 96), peer.Normalize(MEAN, STD)]))
