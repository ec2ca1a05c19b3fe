"""Segments that a person or another program drew, laid over what the model sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from helpers.networks import Network, bound
from unseen import Classifier, Preprocessing
from unseen.classifier.decision import decide
from unseen.errors import NotApplicableError, ParameterError, PhotoError
from unseen.explainers import METHODS, map_of
from unseen.explainers.hiding.occlusion import Occlusion
from unseen.explainers.hiding.own_segments import own_segments, read_segments
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.inputs import opening
from unseen.inputs.geometry import Affine
from unseen.pipeline.explain import Request, explain_decision
from unseen.removal.fills.constant import ConstantFill

QUARTERS = torch.arange(16)[:, None] // 8 * 2 + torch.arange(16) // 8


def saved(folder: Path, kind: str) -> Path:
    """The four quarters of a picture, in every way in which they can be given."""
    path = folder / f"{kind}.{'png' if kind in ('grey', 'colours', 'palette') else 'npy'}"
    numbers = QUARTERS.numpy().astype(np.uint8)
    if kind == "numbers":
        np.save(path, 7 * QUARTERS.numpy() - 3)
    elif kind == "masks":
        np.save(path, np.stack([numbers == 3, np.ones_like(numbers, dtype=bool), numbers == 0, numbers == 1]))
    elif kind == "colours":
        Image.fromarray(np.array([[0, 0, 9], [0, 9, 0], [9, 0, 0], [9, 9, 9]], dtype=np.uint8)[numbers]).save(path)
    elif kind == "palette":
        image = Image.fromarray(numbers).convert("P")
        image.putpalette([200, 0, 0] * 4)  # colours that are the same do not join segments
        image.putdata(numbers.flatten().tolist())
        image.save(path)
    else:
        Image.fromarray(40 * numbers).save(path)
    return path


@pytest.mark.parametrize("kind", ["numbers", "masks", "colours", "palette", "grey"])
def test_however_they_are_given_they_are_the_same_segments(kind: str, tmp_path: Path) -> None:
    numbers = own_segments(read_segments(saved(tmp_path, kind), 2), (16, 16), None).numbers
    assert torch.equal(torch.unique(numbers), torch.arange(4))
    pairs = torch.unique(torch.stack([numbers.flatten(), QUARTERS.flatten()]), dim=1)
    assert pairs.shape[1] == 4  # one for one


def test_of_masks_that_overlap_the_smallest_counts_and_what_none_covers_is_one_more() -> None:
    masks = np.zeros((2, 4, 4), dtype=bool)
    masks[0, :, :3], masks[1, 0, 0] = True, True
    from unseen.explainers.hiding.own_segments import _smallest

    assert _smallest(torch.from_numpy(masks)).tolist() == [[1, 0, 0, -1], *[[0, 0, 0, -1]] * 3]


def test_they_are_resized_and_cropped_as_the_photograph_is() -> None:
    """The photograph is 60 × 40; its shorter side becomes 20, and the middle 20 × 20 is seen."""
    labels = (torch.arange(60) // 20).expand(40, 60)  # on the input 10 pixels each, from −5
    picture = Image.fromarray((labels * 127).to(torch.uint8).numpy()).convert("RGB")
    seen = Preprocessing((20, 20), resize=20).prepared(picture)
    found = own_segments(labels, (20, 20), seen.geometry).numbers
    assert found[0].bincount().tolist() == [5, 10, 5]
    level = (seen.pixels[0] * 2).round()
    assert float((level == found).float().mean()) > 0.8  # but where resizing blends two


def test_of_a_photograph_of_the_inputs_size_they_are_scaled_and_cropped_too() -> None:
    """A photograph of 32 × 32 becomes 40 × 40, of which the middle 32 × 32 is seen: from pixel 3.2 to pixel 28.8."""
    labels = (torch.arange(32) >= 8).long().expand(32, 32)
    prepared = Preprocessing((32, 32), resize=40).prepared(Image.new("RGB", (32, 32)))
    assert own_segments(labels, (32, 32), prepared.geometry).numbers[0].bincount().tolist() == [6, 26]
    assert own_segments(labels, (32, 32), None).numbers[0].bincount().tolist() == [8, 24]


def test_they_are_as_large_as_the_photograph_or_the_input() -> None:
    labels = torch.arange(60).expand(40, 60)
    with pytest.raises(NotApplicableError, match="not known; give segments of its input of 20 × 10 pixels"):
        own_segments(labels, (10, 20), None)
    with pytest.raises(
        ParameterError, match=r"has 60 × 40 pixels .* and the photograph 30 × 20 pixels .* save them at"
    ):
        own_segments(labels, (10, 20), Affine.scaling((20, 30), (10, 20)))
    assert len(own_segments(labels, (10, 20), Affine.scaling((40, 60), (10, 20))).numbers.unique()) == 20


def test_through_the_whole_pipeline_they_lie_on_the_photograph(tmp_path: Path) -> None:
    """Of four bands, too, which no RGB picture has."""
    np.save(tmp_path / "halves.npy", np.broadcast_to(np.arange(32) >= 8, (32, 32)))
    fed = Preprocessing((32, 32), resize=40, mean=(0,) * 4, std=(1,) * 4, range=(0, 1))
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3))
    bands = np.random.default_rng(0).random((64, 64, 4), dtype=np.float32)
    np.save(tmp_path / "bands.npy", bands[::2, ::2])
    decision = decide(tmp_path / "bands.npy", Classifier(network.eval(), fed))
    method = Occlusion(file=str(tmp_path / "halves.npy"))
    asked = explain_decision(decision, method, ConstantFill("black"), Request())
    assert decision.geometry is not None
    expected = own_segments(read_segments(tmp_path / "halves.npy", 2), (32, 32), decision.geometry).numbers
    levels = asked.saliency.unique()
    assert len(levels) == 2
    assert torch.equal(asked.saliency == asked.saliency[0, 0], expected == expected[0, 0])


def test_one_mask_is_two_segments(tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", QUARTERS.numpy() == 2)
    assert torch.equal(read_segments(tmp_path / "mask.npy", 2), (QUARTERS == 2).long())
    np.save(tmp_path / "stack.npy", np.eye(2, dtype=bool))  # two masks of a signal
    assert read_segments(tmp_path / "stack.npy", 1).tolist() == [0, 1]


def test_pictures_whose_colours_are_not_those_that_were_drawn_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Image.fromarray(40 * QUARTERS.numpy().astype(np.uint8))
    picture.save(tmp_path / "segments.jpg")
    with pytest.raises(ParameterError, match=r"is a JPEG, which blends colours .* save the segments as PNG"):
        read_segments(tmp_path / "segments.jpg", 2)
    picture.resize((64, 64)).save(tmp_path / "large.png")
    monkeypatch.setattr(opening, "LARGE", 1000)
    monkeypatch.setattr(opening, "ENOUGH", 16)
    with pytest.raises(ParameterError, match=r"has 64 × 64 pixels .* save their numbers as \.npy"):
        read_segments(tmp_path / "large.png", 2)


def test_what_the_methods_say_of_them(tmp_path: Path) -> None:
    path = saved(tmp_path, "numbers")
    masked = bound(Network(), double=False)
    whole = float(masked.classifier.logits(masked.image[None])[0, 1])
    drops = [whole - float(masked((number != QUARTERS).float()[None])[0, 1]) for number in range(4)]
    found = map_of(Occlusion(file=str(path)), masked, 1)
    assert torch.allclose(found, torch.tensor(drops)[QUARTERS], atol=1e-5)
    for name in ("lime:samples=40", "shapley"):
        method = METHODS.create(f"{name}{',' if ':' in name else ':'}file={path}")
        saliency = map_of(method, masked, 1)
        assert all(len(saliency[number == QUARTERS].unique()) == 1 for number in range(4))
        assert len(saliency.unique()) == 4
        assert method.content != ""


def test_shapley_values_of_own_segments_add_up(tmp_path: Path) -> None:
    masked = bound(Network(), double=False)
    saliency = map_of(METHODS.create(f"shapley:file={saved(tmp_path, 'grey')}"), masked, 1)
    ends = masked(torch.stack([torch.ones(16, 16), torch.zeros(16, 16)]))[:, 1]
    assert float(saliency.sum()) == pytest.approx(float(ends[0] - ends[1]), abs=1e-4)


def asked(path: Path) -> Tensor:
    return Occlusion(file=str(path)).attribute(Evaluator(bound(Network(), double=False), 1), 0, None).saliency


def test_what_are_no_segments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"nowhere\.png"):
        asked(tmp_path / "nowhere.png")
    np.save(tmp_path / "shares.npy", np.full((16, 16), 0.5))
    with pytest.raises(ParameterError, match="no labels; save whole numbers, or masks"):
        asked(tmp_path / "shares.npy")
    np.save(tmp_path / "one.npy", np.ones((16, 16), dtype=int))
    with pytest.raises(ParameterError, match=r"one\.npy has one segment where the model looks"):
        asked(tmp_path / "one.npy")
    with pytest.raises(ParameterError, match=r"has shape \(5,\); give numbers for"):
        own_segments(torch.arange(5), (7,), None)
