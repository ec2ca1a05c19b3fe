from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from helpers.cells import SIZE, Cells, graded, masked, show
from helpers.networks import bound
from unseen import Classifier
from unseen.classifier.outputs import Logits
from unseen.classifier.scores import score_of
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.scores import scored


@pytest.mark.usefixtures("unchecked_types")
def test_a_score_that_there_is_not_is_refused() -> None:
    with pytest.raises(ParameterError, match="score must be 'logit' or 'probability', got 'odds'"):
        score_of(Logits(), torch.zeros(1, 2), "odds")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="odds"):
        METHODS.create("occlusion:score=odds")


def test_scores_come_in_chunks_of_a_batch_and_in_order() -> None:
    asked = masked(graded(2), batch_size=4)
    masks = (torch.rand(10, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    chunks = list(scored(asked, lambda first, last: masks[first:last], 10, [1, 0], "logit"))
    assert [len(some) for some, _ in chunks] == [4, 4, 2]
    found = torch.cat([scores.values for _, scores in chunks])
    assert torch.equal(found, masked(graded(2))(masks)[:, [1, 0]].double())


def rounding(visible: Tensor) -> Tensor:
    """A logit of 2 that differs in its last digit, as it may from batch to batch."""
    return 2 + 2.4e-7 * (visible.sum(1) % 2)


@pytest.mark.parametrize(
    "spec",
    [
        "rise:masks=60",
        "rise:masks=60,centred=false",
        "rise:masks=60,score=logit",
        "occlusion",
        "occlusion:score=probability",
        "lime:samples=60,segments=8",
        "lime:samples=60,segments=8,penalty=lasso,strength=1e-9",
        "shapley:segments=8",
        "shapley:segments=16,budget=70",
        "shapley:segments=16,budget=70,sampling=permutation",
        "iassa:budget=200,beta=1",
        "iassa:budget=1000,beta=1,form=literal",
        "causal",
        "causal:credit=rex",
    ],
)
def test_a_model_that_says_the_same_of_everything_has_an_empty_map_and_a_note(spec: str) -> None:
    found = METHODS.create(spec)(masked(rounding), 0)
    assert not bool(found.saliency.any())
    assert any("empty" in note for note in found.notes)
    assert found.curve is None
    assert not any("twice its standard error" in note for note in found.notes)


@pytest.mark.parametrize("spec", ["score-cam", "score-cam:hide=true", "opti-cam:rounds=5", "ablation-cam"])
def test_feature_maps_on_which_nothing_depends_are_not_taken_for_an_explanation(spec: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    with torch.no_grad():
        model[-1].weight.mul_(1e-9)
        model[-1].bias.copy_(torch.tensor([2.0, 0.0]))
    found = METHODS.create(spec)(bound(model, double=False), 0)
    assert not bool(found.saliency.any())
    assert any("the map of class 0 is empty" in note for note in found.notes)


def test_a_mixture_does_not_fit_rounding() -> None:
    asked = masked(rounding)
    asked.image.copy_(0.6 + 0.4 * torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)))
    found = METHODS.create("aggregate:of=random/edges,goal=faithfulness")(asked, 0)
    assert not bool(found.saliency.any())
    assert any("no method is faithful here" in note for note in found.notes)


@pytest.mark.parametrize("spec", ["causal", "causal:credit=rex"])
def test_no_part_makes_what_a_model_says_of_everything(spec: str) -> None:
    found = METHODS.create(spec)(masked(rounding), 0)
    assert not found.parts
    assert any("No part makes it so" in note for note in found.notes)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize(
    "spec",
    [
        "rise:masks=200",
        "rise:masks=200,score=logit",
        "lime:samples=60,segments=8",
        "occlusion:score=probability",
        "shapley:segments=8,score=probability",
        "iassa:budget=200,beta=1",
        "integrated-gradients:score=probability",
    ],
)
def test_a_map_does_not_depend_on_the_size_of_the_logits(spec: str, scale: float) -> None:
    """Where probabilities hardly move, or are almost 1, they are told apart as finely as the logits are."""

    def scaled(visible: Tensor) -> Tensor:
        return scale * graded(2)(visible)

    network = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 2))
    with torch.no_grad():
        network[-1].weight.zero_()
        network[-1].bias.zero_()
        network[-1].weight[0, 2] = scale
    asked = masked(scaled) if "gradients" not in spec else masked(graded(2), model=network)
    saliency = METHODS.create(spec)(asked, 0).saliency
    assert float(saliency[show(2)].mean()) > 2 * float(saliency[~show(2)].mean().abs())


def test_a_logit_of_another_class_does_not_hide_what_happens_to_this_one() -> None:
    """Classes that are ruled out by a logit of −1e9."""

    class Ruled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            some = Cells(graded(2))(x)
            return torch.cat([some, torch.full_like(some[:, :1], -1e9)], 1)

    for spec in ("rise:masks=60", "occlusion", "occlusion:score=probability"):
        plain = masked(graded(2))
        asked = plain.removal.bind(Classifier(Ruled(), plain.classifier.preprocessing), plain.image)
        assert bool(METHODS.create(spec)(asked, 0).saliency.any())


def test_what_moves_all_classes_alike_moves_no_probability() -> None:
    class Together(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            level = Cells(graded(2, 7, 11))(x)[:, :1] / 3
            return torch.cat([level + 0.7, level], 1)

    for spec, moves in (("rise:masks=60", False), ("rise:masks=60,score=logit", True)):
        found = METHODS.create(spec)(masked(graded(2), model=Together()), 0)
        assert bool(found.saliency.any()) is moves
