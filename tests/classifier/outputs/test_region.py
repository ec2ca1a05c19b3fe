"""Which class a network of segmentation sees in a region, and what speaks for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.fields import per_pixel
from helpers.trained import PLAIN, Ending, pictures
from unseen import Classifier, compare, explain
from unseen.classifier.outputs import OUTPUTS, Binary, Logits, Region, Sigmoid
from unseen.cli import main
from unseen.errors import ModelError, ParameterError

NAMES = ["nothing", "red", "green", "blue"]


@pytest.fixture(scope="module")
def scene() -> tuple[Tensor, Tensor]:
    """A picture with a red and a green spot, and where they are."""
    images, _, where = pictures(1, 5, torch.tensor([[True, True, False]]))
    return images[0], where[0]


def test_the_network_has_learnt_what_it_should() -> None:
    images, _, where = pictures(20, 1)
    found = per_pixel()((images - 0.3) / 0.2).argmax(1)
    for colour in range(3):
        assert (found[where[:, colour]] == colour + 1).float().mean() > 0.7
    assert (found[~where.any(1)] == 0).float().mean() > 0.9


def test_scores_are_the_means_over_the_region() -> None:
    logits = torch.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4)
    mask = torch.zeros(4, 4)
    mask[1, 2:] = 5.0
    expected = logits[:, :, 1, 2:].mean(2)
    torch.testing.assert_close(Region(mask).scores(logits, 2, "Net"), expected)
    torch.testing.assert_close(Region(mask).scores({"out": logits, "aux": logits * 0}, 2, "Net"), expected)
    larger = mask.repeat_interleave(4, 0).repeat_interleave(
        4, 1
    )  # of the input, where the logits are four times as coarse
    assert Region(larger).scores(logits, 2, "Net")[0, 0] == pytest.approx(float(expected[0, 0]), abs=0.2)


def test_pixels_of_several_classes_of_each_by_itself_or_of_one_number() -> None:
    mask, logits = torch.ones(2, 2), torch.full((1, 2, 2, 2), 3.0)
    assert isinstance(Region(mask).like, Logits)
    assert isinstance(Region(mask, "independent").like, Sigmoid)
    assert isinstance(Region(mask, "binary").like, Binary)
    assert Region(mask, "independent").scores(logits, 1, "Net").tolist() == [[3.0, 3.0, -3.0, -3.0]]
    assert Region(mask, "binary").scores(logits[:, :1], 1, "Net").tolist() == [[-1.5, 1.5]]


@pytest.mark.parametrize(
    "method", ["occlusion:window=0.2,stride=0.1", "shapley:budget=200", "integrated-gradients", "lrp-gamma"]
)
def test_the_spot_of_the_region_speaks_for_its_class(method: str, scene: tuple[Tensor, Tensor]) -> None:
    photo, where = scene
    for colour, other in ((0, 1), (1, 0)):
        classifier = Classifier(per_pixel(), PLAIN, NAMES, outputs=Region(where[colour]))
        found = explain(photo, classifier, method=method, removal="black")
        assert found.label == NAMES[colour + 1]
        assert found.saliency[where[colour]].mean() > 5 * found.saliency[where[other]].mean().abs()


def test_a_part_keeps_the_class_of_the_region(scene: tuple[Tensor, Tensor]) -> None:
    photo, where = scene
    classifier = Classifier(per_pixel(), PLAIN, NAMES, outputs=Region(where[1]))
    for removal in ("black", "blur"):
        part = explain(photo, classifier, removal=removal, confidence=(0.5,)).parts[0]
        assert part.verified
        assert part.fraction < 0.5
        # By chance this would be the spot's share of the photograph.
        assert (part.mask & where[1]).sum() / part.mask.sum() > 4 * where[1].float().mean()


def test_it_is_compared_and_told_on_one_sheet(scene: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    photo, where = scene
    classifier = Classifier(per_pixel(), PLAIN, NAMES, outputs=Region(where[0]))
    made = compare(photo, classifier, methods=["occlusion:window=0.4"], removals=["black", "blur"], folder=tmp_path)
    assert not made.failures
    assert (tmp_path / "sheet.png").is_file()


def test_it_is_a_word_of_the_command_line(scene: tuple[Tensor, Tensor], tmp_path: Path) -> None:
    photo, where = scene
    np.save(tmp_path / "photo.npy", photo.permute(1, 2, 0).numpy())
    np.save(tmp_path / "region.npy", where[0].numpy())
    torch.save(per_pixel(), tmp_path / "net.pt")
    code = f"import torch\n\ndef build():\n    return torch.load({str(tmp_path / 'net.pt')!r}, weights_only=False)\n"
    (tmp_path / "net.py").write_text(code, encoding="utf-8")
    words = ["--method", "occlusion", "--removal", "black", "--out", str(tmp_path / "out")]
    fed = "size=48,resize=none,mean=0.3,0.3,0.3,std=0.2,0.2,0.2"
    told = f"region:{tmp_path / 'region.npy'}"
    command = ["explain", str(tmp_path / "photo.npy"), "--model", f"python:{tmp_path / 'net.py'}:build", *words]
    assert main([*command, "--preprocessing", fed, "--outputs", told]) == 0
    assert (tmp_path / "out" / "photo" / "explanation.json").is_file()


def test_what_is_no_region_or_no_segmentation_is_refused(scene: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(ParameterError, match="0 pixels that are not 0"):
        Region(torch.zeros(4, 4))
    with pytest.raises(ParameterError, match=r"shape \(4, 4, 2\)"):
        Region(torch.ones(4, 4, 2))
    with pytest.raises(ParameterError, match="needs its region: write region:region=…"):
        OUTPUTS.create("region")
    flat = Ending(per_pixel(), lambda z: z.mean((2, 3)))
    with pytest.raises(
        ModelError, match=r"returned shape \(1, 4\) for 1 images; outputs='region' means logits of every"
    ):
        Classifier(flat, PLAIN, outputs=Region(scene[1][0])).logits(scene[0][None])


def test_the_region_is_scaled_once_for_all_passes_of_one_size() -> None:
    region = Region(torch.eye(8))
    small, large = torch.rand(2, 2, 4, 4), torch.rand(2, 2, 8, 8)
    with torch.inference_mode():
        first = region._weights(small)
    assert not first.is_inference()
    assert region._weights(small) is first
    assert region.like is Region(torch.ones(2, 2)).like
    torch.testing.assert_close(
        region.scores(large, 2, "Net"), large.diagonal(dim1=2, dim2=3).mean(2), rtol=1e-5, atol=1e-6
    )
    torch.testing.assert_close(region.scores(small, 2, "Net"), torch.einsum("nkhw,hw->nk", small, first))
