from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.classifier.outputs.logits import Logits
from unseen.classifier.scores import Extent, Score, Scores, score_of, target_score


def classifier(dtype: torch.dtype = torch.float32) -> Classifier:
    return Classifier(nn.Linear(1, 2).to(dtype), Preprocessing((16, 16), None))


def of(logits: list[list[float]], score: Score = "logit", dtype: torch.dtype = torch.float32) -> Scores:
    table = torch.tensor(logits, dtype=torch.float64)
    return Scores.of(classifier(dtype), table, range(table.shape[1]), score)


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
@pytest.mark.parametrize("score", ["logit", "probability"])
def test_scores_that_differ_by_rounding_are_the_same(level: float, change: float, same: bool, score: Score) -> None:
    found = of([[level, 0.0], [level + change, 0.0], [level, 0.0]], score)
    assert bool(found.still[0]) is same
    assert bool(found.ends.still[0]) is same
    extent = Extent()
    for row in range(3):
        extent.add(Scores(found.values[row : row + 1], found.errors[row : row + 1]))
    assert torch.equal(extent.still, found.still)
    assert bool(Scores.joined([found.ends, of([[level, 0.0]], score)]).still[0]) is same


def test_a_network_in_half_precision_rounds_more() -> None:
    logits = [[2.0, 0.0], [2.001, 0.0]]
    assert [bool(of(logits, dtype=dtype).still[0]) for dtype in (torch.float32, torch.bfloat16)] == [False, True]


def test_each_class_is_looked_at_for_itself() -> None:
    assert of([[1.0, 1.0], [1.0, 2.0]]).still.tolist() == [True, False]


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_an_error_is_that_of_the_logits_passed_on(score: Score) -> None:
    logits = torch.tensor([[3.0, -1.0, 0.5], [0.1, 20.0, -4.0]], dtype=torch.float64)

    def value(changed: Tensor) -> Tensor:
        return score_of(Logits(), changed, score)

    table = torch.autograd.functional.jacobian(value, logits)
    literal = sum(table[:, :, n].abs()[n] @ logits[n].abs() * torch.eye(2)[n][:, None] for n in range(2))
    assert torch.allclose(Scores.of(classifier(), logits, range(3), score).errors, 1e-5 * literal)


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_a_targets_score_is_its_column_in_double_precision_with_its_graph(score: Score) -> None:
    logits = torch.tensor([[3.0, -1.0], [0.1, 20.0]], dtype=torch.float32, requires_grad=True)
    found = target_score(Logits(), logits, 1, score)
    assert found.dtype == torch.float64
    assert torch.equal(found, score_of(Logits(), logits.double(), score)[:, 1])
    (slope,) = torch.autograd.grad(found[0], logits)
    reading = float(found[0].detach())
    assert float(slope[0, 1]) == pytest.approx(1 if score == "logit" else reading * (1 - reading))
