"""Donors and mean images of a folder: what is read, what is left out, and what is averaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from helpers.networks import Network
from unseen import Classifier, Preprocessing
from unseen.errors import ParameterError, PhotoError
from unseen.removal import REMOVALS
from unseen.removal.fills.dataset_mean import DatasetMean, mean_image
from unseen.removal.fills.marginal import Marginal

SIZE = (16, 20)
PLAIN = Preprocessing(SIZE, None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
SEEN = Classifier(nn.Flatten(), PLAIN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six photographs of noise, at the network's resolution."""
    numbers = np.random.default_rng(0)
    for name in "abcdef":
        pixels = numbers.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").write_text("no photograph")
    return tmp_path


def photographs(folder: Path) -> Tensor:
    return torch.stack([SEEN.prepare(path) for path in sorted(folder.glob("*.png"))])


def masks(count: int = 4) -> Tensor:
    return torch.rand(count, *SIZE, generator=torch.Generator().manual_seed(7)) < 0.5


def picture() -> Tensor:
    return torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(1))


def test_scores_are_the_mean_over_donors(folder: Path) -> None:
    classifier, image, some = Classifier(Network(), PLAIN), picture(), masks()
    masked = Marginal(str(folder), count=6).bind(classifier, image, batch_size=3)
    expected = torch.zeros(4, 3)
    for donor in photographs(folder):
        for i in range(4):
            expected[i] += classifier.logits(torch.where(some[i], image, donor)[None])[0].softmax(0) / 6
    torch.testing.assert_close(masked(some).softmax(1), expected)
    assert masked.evaluations == 4
    torch.testing.assert_close(masked(torch.ones(1, *SIZE)), classifier.logits(image[None]))
    blind = masked(torch.zeros(1, *SIZE)).softmax(1)
    torch.testing.assert_close(blind, classifier.logits(photographs(folder)).softmax(1).mean(0, keepdim=True))


def test_the_photograph_itself_is_no_donor(folder: Path) -> None:
    everyone = photographs(folder)
    for number, image in enumerate(everyone):
        again = (image + 0.004 * torch.randn(image.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
        fills = Marginal(str(folder), count=5).fills(SEEN, again)
        found = {int((everyone - fill).abs().mean((1, 2, 3)).argmin()) for fill in fills}
        assert found == set(range(6)) - {number}
    with pytest.raises(ParameterError, match="5 photographs besides this one; marginal needs 6"):
        Marginal(str(folder), count=6).bind(SEEN, everyone[0])


def test_the_choice_follows_from_the_seed_and_is_the_same_for_all(folder: Path) -> None:
    state = torch.get_rng_state()
    one = Marginal(str(folder), 2).fills(SEEN, picture())
    assert torch.equal(one, Marginal(str(folder), 2).fills(SEEN, picture().flip(1)))
    assert torch.equal(torch.get_rng_state(), state)
    others = [Marginal(str(folder), 2, seed).fills(SEEN, picture()) for seed in range(1, 5)]
    assert any(not torch.equal(one, other) for other in others)


def test_the_mean_image_is_the_mean_of_the_prepared_photographs(folder: Path) -> None:
    image, some = picture(), masks()
    mean = photographs(folder).mean(0)
    shown = DatasetMean(str(folder)).bind(SEEN, image)(some).reshape(4, *image.shape)
    torch.testing.assert_close(shown, torch.where(some[:, None], image, mean))
    assert torch.equal(shown[0][:, some[0]], image[:, some[0]])
    soft = torch.rand(1, *SIZE, generator=torch.Generator().manual_seed(2))
    blend = DatasetMean(str(folder)).bind(SEEN, image)(soft).reshape(image.shape)
    torch.testing.assert_close(blend, soft * image + (1 - soft) * mean)


def test_of_a_large_folder_some_are_read_and_only_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.testing.assert_close(mean_image(str(folder), 3, PLAIN), photographs(folder)[::2].mean(0))
    monkeypatch.setattr(Preprocessing, "prepared", None)  # would fail if it were called again
    assert mean_image(str(folder), 3, PLAIN).shape == (3, *SIZE)


def test_what_a_folder_lacks_is_said(folder: Path, tmp_path: Path) -> None:
    for spec in ("marginal", "donor", "dataset-mean"):
        with pytest.raises(ParameterError, match=f"'{spec}' needs a folder of photographs: {spec}:FOLDER"):
            REMOVALS.create(spec).bind(SEEN, picture())(masks())
        with pytest.raises(PhotoError, match="cannot be opened"):
            REMOVALS.create(f"{spec}:{tmp_path}/none").bind(SEEN, picture())(masks())
        small = torch.rand(3, 8, 8)
        with pytest.raises(ParameterError, match="prepare it by"):
            REMOVALS.create(f"{spec}:{folder}").bind(SEEN, small)(torch.zeros(1, 8, 8))


def test_specs_give_them_back_and_parameters_are_checked() -> None:
    for spec in (
        "marginal",
        "marginal:x/y,count=3",
        "marginal:count=3,seed=2",
        "dataset-mean",
        "dataset-mean:x,limit=9",
    ):
        assert REMOVALS.create(spec).name == spec
    with pytest.raises(ParameterError, match="count"):
        Marginal("x", 0)
    with pytest.raises(ParameterError, match="seed"):
        Marginal("x", seed=-1)
    with pytest.raises(ParameterError, match="limit"):
        DatasetMean("x", 0)
