"""What is seen of a model before a photograph is explained; more of it is in ``pipeline/test_explain.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing, explain
from unseen.classifier.decision import decide
from unseen.classifier.outputs import Outputs
from unseen.errors import ModelError, ParameterError

PLAIN = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))
PHOTO = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))


class Judging(nn.Module):
    """Judges every photograph by some of those in the batch."""

    def __init__(self, by: slice) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.by, self.layers = by, nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3))

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.layers(x - x[self.by].mean((0, 1, 2, 3)))
        return scores


@pytest.mark.parametrize("by", [slice(0, 1), slice(-1, None), slice(None)], ids=["first", "last", "all"])
def test_a_network_that_judges_by_others_in_the_batch_is_refused(by: slice) -> None:
    with pytest.raises(ModelError, match="when another is in the batch"):
        decide(PHOTO, Classifier(Judging(by), PLAIN))
    assert decide(PHOTO, Classifier(Judging(by), PLAIN), batch_size=1).evaluations == 1


def test_the_check_costs_three_evaluations_more() -> None:
    assert decide(PHOTO, Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 3)), PLAIN)).evaluations == 4


@dataclass(frozen=True)
class Difference(Outputs):
    """How much more the first number is than the second: outputs of a user's own."""

    def scores(self, answer: Any, *_: Any) -> Tensor:
        return answer[:, :1] - answer[:, 1:2]

    def readings(self, scores: Tensor) -> Tensor:
        return scores

    def holds(self, scores: Tensor, target: int) -> Tensor:
        return scores[:, target] > 0


class InItsUnit(Difference):
    unit = "points"


class ToADegree(InItsUnit):
    def degree(self, scores: Tensor, target: int) -> Tensor:
        return (scores[:, target] / 10).clamp(0, 1)


class WithoutAnswer(ToADegree):
    def holds(self, scores: Tensor, target: int) -> Tensor:
        return scores[:, target]


def light(outputs: Outputs, *numbers: float) -> Classifier:
    class Light(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tensor(numbers) * x.mean((1, 2, 3))[:, None]

    return Classifier(Light(), PLAIN, ["difference"], outputs=outputs)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (Difference(), "outputs Difference read 4 of the photograph and have no unit"),
        (InItsUnit(), r"the degree of outputs InItsUnit is 4 .* define degree\(scores, target\)"),
        (WithoutAnswer(), r"holds of outputs WithoutAnswer returned torch.float32 .* return one bool for each"),
    ],
)
def test_own_outputs_that_lack_something_are_told_what(outputs: Outputs, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        explain(torch.ones(3, 16, 16), light(outputs, 7, 3), removal="zero")


def test_own_outputs_are_explained() -> None:
    found = explain(torch.ones(3, 16, 16), light(ToADegree(), 7, 3), method="occlusion", removal="black")
    assert str(found).startswith("difference 4 points, occlusion under black\n")
    assert bool(found.saliency.any())
    assert found.parts


def of_four(outputs: str) -> Classifier:
    class Numbers(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tensor([2.0, 9.0, -7.0, 3.0]) * x.mean((1, 2, 3))[:, None]

    return Classifier(Numbers(), PLAIN, ["a", "b", "c", "d"], outputs=outputs)


@pytest.mark.parametrize(
    ("outputs", "target", "order"),
    [
        ("value", "c", ["c", "a", "b", "d"]),
        ("sigmoid", "c", ["no c", "b", "d", "a", "c"]),
        ("sigmoid", "a", ["a", "b", "d", "c"]),
        ("logits", "a", ["b", "d", "a", "c"]),
    ],
)
def test_what_is_said_of_the_target_comes_first(outputs: str, target: str, order: list[str]) -> None:
    """Values have no likeliest among them, and a finding's absence is no other finding."""
    decision = decide(torch.ones(3, 16, 16), of_four(outputs), target)
    assert [one["label"] for one in decision.top] == order
    notes = [note for note in decision.notes if "which this explanation is about" in note]
    assert [note.split(" says ")[1].split(" (")[0] for note in notes] == ([] if order[0] == target else [order[0]])
