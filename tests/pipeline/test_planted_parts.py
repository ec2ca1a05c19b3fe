"""The parts of models of which it is known which pixels decide: they lie there, and chance does not find them."""

from __future__ import annotations

from pathlib import Path

import pytest
import skimage
import torch
from torch import Tensor

from benchmarks.studies.planted_parts import scene_of
from helpers.truths import TRUTHS, discs, nodules, stickered
from unseen import Classifier, Explanation, explain, load_classifier

PHOTO = Path(skimage.__file__).parent / "data" / "camera.png"
ROLES = ("sufficient", "necessary")


def explained(photo: Tensor, classifier: Classifier, target: int | str | None, **options: object) -> Explanation:
    return explain(photo, classifier, target=target, removal="zero", part=ROLES, backgrounds=0, **options)


def agree(found: Explanation, where: Tensor) -> None:
    """Both parts are there; their pixels decide at least three times as often as others; chance finds neither."""
    assert [part.role for part in found.parts] == list(ROLES)
    for part in found.parts:
        assert part.verified
        assert float(where[part.mask].float().mean()) > min(3 * float(where.float().mean()), 0.6)
        assert part.by_chance is not None
        assert part.by_chance.tried == 16
        assert not part.by_chance.finds_it_too


@pytest.mark.parametrize("number", range(4))
def test_a_nodule(number: int) -> None:
    photos, where = discs(4, 20_000, torch.full((4,), 0.4))
    agree(explained(photos[number], nodules("logits"), "nodule"), where[number])


def test_no_part_makes_the_answer_to_nothing() -> None:
    photos, _ = discs(1, 20_001, torch.zeros(1))
    found = explained(photos[0], nodules("logits"), None)
    assert (found.label, found.parts) == ("no nodule", ())
    assert any("no nodule is the model's answer to nothing" in note for note in found.notes)


@pytest.mark.parametrize("family", ["findings", "digits"])
def test_a_finding_and_a_digit(family: str) -> None:
    truth = TRUTHS[family]()
    agree(explained(truth.photo, truth.classifier, truth.target), truth.where)


def test_three_classes_of_photographs() -> None:
    """A sun that is stuck on them makes the second class."""
    (photo,), (where,) = stickered(1, 20_004, torch.tensor([1]))
    found = explained(photo, TRUTHS["photographs"]().classifier, None)
    assert found.label == "sun"
    agree(found, where)


def test_a_thousand_classes_of_photographs() -> None:
    """A small photograph of a tripod makes the class in each of ten textures, and none of these does."""
    network = load_classifier("efficientnet-lite0", device="cpu").optimised()
    scene, where, (target,) = scene_of(PHOTO, [network])
    agree(explained(scene, network, target, method="occlusion:window=0.2,stride=0.1"), where)
