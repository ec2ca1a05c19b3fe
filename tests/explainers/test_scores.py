from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from helpers.cells import SIZE, graded, masked
from helpers.networks import bound
from unseen.classifier.outputs import Logits
from unseen.classifier.scores import score_of
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.scores import scored, still


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
    assert torch.equal(torch.cat([values for _, values in chunks]), masked(graded(2))(masks)[:, [1, 0]])


@pytest.mark.parametrize(
    ("level", "change", "same"),
    [
        (2.0, 0.0, True),
        (2.0, 1e-6, True),
        (-2.0, 1e-6, True),
        (1e-6, 1e-13, True),
        (0.0, 0.0, True),
        (2.0, 1e-4, False),
        (1e-6, 1e-10, False),
        (0.0, 1e-9, False),
    ],
)
def test_scores_that_differ_by_rounding_are_the_same(level: float, change: float, same: bool) -> None:
    assert bool(still(torch.tensor([level, level + change, level]).double())) is same


def test_each_class_is_looked_at_for_itself() -> None:
    assert still(torch.tensor([[1.0, 1.0], [1.0, 2.0]])).tolist() == [True, False]


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
        "iassa:budget=200,beta=1,form=windows",
        "iassa:budget=1000,beta=1,form=literal",
    ],
)
def test_a_model_that_says_the_same_of_everything_has_an_empty_map_and_a_note(spec: str) -> None:
    found = METHODS.create(spec)(masked(rounding), 0)
    assert not bool(found.saliency.any())
    assert any("the map is empty" in note for note in found.notes)
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
