"""One, four and thirteen channels: methods of every family name the pixels on which a small trained network decides."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import Tensor, nn

from helpers.bands import NEAR_INFRARED, NODULE, SATELLITE, Planted
from unseen import Classifier, Explanation, Preprocessing, explain
from unseen.errors import NotApplicableError, ParameterError
from unseen.explanation.plotting.pixels import photograph
from unseen.removal import REMOVALS
from unseen.removal.generative.masked_autoencoder import check_photograph

PLANTED = {"one": NODULE, "four": NEAR_INFRARED, "thirteen": SATELLITE}
METHODS = [
    "causal", "rise:masks=400", "lime:samples=300", "shapley", "occlusion", "iassa", "grad-cam",
    "integrated-gradients", "input-x-gradient", "deeplift", "lrp-gamma", "zipo",
]  # fmt: skip


@cache
def trained(name: str) -> Classifier:
    return PLANTED[name].trained()


@pytest.fixture(autouse=True, scope="module")
def _forgotten() -> Iterator[None]:
    """Networks go with the module, not with the interpreter."""
    yield
    trained.cache_clear()


def scene(planted: Planted) -> tuple[Tensor, tuple[int, int]]:
    """An image with the signal, in the unit of its range, and where the signal lies."""
    place = (planted.side // 3, 2 * planted.side // 3)
    low, high = planted.range
    return planted.image(place, torch.Generator().manual_seed(5)) * (high - low) + low, place


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", PLANTED)
def test_methods_of_every_family_name_the_planted_pixels(name: str, method: str) -> None:
    planted = PLANTED[name]
    image, place = scene(planted)
    found = explain(image, trained(name), method=method, target="signal")
    assert found.probability > 0.8
    near = planted.disc(place, 8) > 0
    saliency = found.saliency.clamp(min=0)
    assert near.flatten()[saliency.argmax()]
    assert float(saliency[near].sum() / saliency.sum()) > 2 * float(near.float().mean())


@pytest.mark.parametrize("removal", ["ad", "linear", "neighbour"])
@pytest.mark.parametrize("name", PLANTED)
def test_parts_lie_on_the_signal(name: str, removal: str) -> None:
    planted = PLANTED[name]
    image, place = scene(planted)
    found = explain(image, trained(name), method="occlusion", removal=removal, target="signal", part="sufficient")
    (part,) = found.parts
    assert float(part.mask[planted.disc(place, 8) > 0].sum()) > 0.5 * float(part.mask.sum()) > 0


@pytest.mark.parametrize("name", PLANTED)
def test_every_removal_without_a_folder_takes_any_channels(name: str) -> None:
    classifier = trained(name)
    pixels = classifier.prepare(scene(PLANTED[name])[0])
    masks = torch.ones(2, *pixels.shape[1:])
    masks[1, :20] = 0
    for spec in set(REMOVALS) - {"mae", "mae-zip", "telea", "navier-stokes", "marginal", "donor", "dataset-mean"}:
        whole, part = REMOVALS.create(spec).bind(classifier, pixels)(masks)
        assert classifier.same(classifier.logits(pixels[None])[0], whole), spec
        assert bool(part.isfinite().all()), spec


def test_fills_are_the_ends_and_the_middle_of_the_range() -> None:
    classifier = trained("one")
    pixels = classifier.prepare(scene(NODULE)[0])
    nothing = torch.zeros(1, 96, 96)
    for colour, hounsfield in (("black", -1000.0), ("grey", 0.0), ("white", 1000.0)):
        shown = REMOVALS.create(colour).bind(classifier, pixels)(nothing)
        plain = classifier.model(torch.full((1, 1, 96, 96), hounsfield / 500))
        torch.testing.assert_close(shown, plain, atol=1e-3, rtol=1e-4)


def test_a_declared_range_is_what_the_network_is_fed() -> None:
    image, _ = scene(SATELLITE)
    classifier = trained("thirteen")
    expected = classifier.model((image[None] - 5000) / 2500)
    torch.testing.assert_close(classifier.logits(classifier.prepare(image)[None]), expected, atol=1e-3, rtol=1e-4)


def test_files_of_bands_give_what_the_numbers_give(tmp_path: Path) -> None:
    image, _ = scene(SATELLITE)
    stored = image.round().to(torch.int32).numpy().astype(np.uint16)
    np.save(tmp_path / "scene.npy", stored)
    tifffile.imwrite(tmp_path / "scene.tif", stored, photometric="minisblack", metadata=None)
    classifier = trained("thirteen")
    expected = classifier.prepare(torch.from_numpy(stored.astype(np.float32)))
    for name in ("scene.npy", "scene.tif"):
        assert torch.equal(classifier.prepare(tmp_path / name), expected)


@pytest.mark.parametrize("name", PLANTED)
def test_explanations_of_any_channels_are_drawn_and_kept(name: str, tmp_path: Path) -> None:
    image, _ = scene(PLANTED[name])
    found = explain(image, trained(name), method="occlusion", target="signal")
    found.save(tmp_path / "one")
    again = Explanation.load(tmp_path / "one")
    assert again == found
    assert again.provenance["classifier"]["preprocessing"]["range"] == list(PLANTED[name].range)
    assert Preprocessing.of(again.provenance["classifier"]["preprocessing"]) == trained(name).preprocessing
    assert np.asarray(Image.open(tmp_path / "one" / "panel.png")).std() > 5


def test_pictures_show_the_bands_that_are_asked_for() -> None:
    image = torch.arange(5.0)[:, None, None].expand(5, 2, 2) / 4
    assert photograph(image)[0, 0].tolist() == [0, 0.25, 0.5]
    assert photograph(image, (5, 3, 1))[0, 0].tolist() == [1, 0.5, 0]
    assert photograph(image, (4,))[0, 0].tolist() == [0.75] * 3
    assert photograph(image[:1])[0, 0].tolist() == [0] * 3
    with pytest.raises(ParameterError, match=r"bands \(6,\) must be one or three of 1 … 5"):
        Preprocessing((4, 4), None, mean=(0,) * 5, std=(1,) * 5, bands=(6,))


@pytest.mark.parametrize("how", ["image", "channel"])
def test_hiding_a_part_does_not_change_what_a_photograph_is_standardised_by(how: str) -> None:
    seen: list[Tensor] = []

    class Kept(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x.detach().clone())
            return x.mean((2, 3))

    preprocessing = Preprocessing((16, 16), None, mean=(0, 0), std=(1, 1), range=(-5, 15), standardise=how)  # type: ignore[arg-type]
    classifier = Classifier(Kept(), preprocessing)
    given = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0)) * torch.tensor([[[3.0]], [[9.0]]])
    axes = (0, 1, 2) if how == "image" else (1, 2)
    expected = (given - given.mean(axes, keepdim=True)) / given.std(axes, keepdim=True, correction=0)
    pixels = classifier.prepare(given)
    classifier.logits(pixels[None])
    torch.testing.assert_close(seen[-1][0], expected, atol=1e-4, rtol=1e-4)
    mask = torch.ones(1, 16, 16)
    mask[:, :8] = 0
    REMOVALS.create("white").bind(classifier, pixels)(mask)
    torch.testing.assert_close(seen[-1][0][:, 8:], expected[:, 8:], atol=1e-4, rtol=1e-4)
    white = (15 - given.mean(axes, keepdim=True)) / given.std(axes, keepdim=True, correction=0)
    torch.testing.assert_close(seen[-1][0][:, :8], white.expand(2, 8, 16), atol=1e-3, rtol=1e-4)


def test_masked_autoencoders_are_for_photographs() -> None:
    with pytest.raises(NotApplicableError, match=r"takes 13 channels in 0 … 10000 .*; choose 'linear'"):
        check_photograph(trained("thirteen"), "mae")


def test_an_image_of_other_channels_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"shape \(3, 48, 48\) and Sequential takes 13 channels"):
        REMOVALS.create("grey").bind(trained("thirteen"), torch.rand(3, 48, 48))
