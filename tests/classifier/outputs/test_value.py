from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from unseen import Classifier, Explanation, Preprocessing, explain
from unseen.classifier.decision import decide
from unseen.classifier.outputs import OUTPUTS, Value
from unseen.errors import ModelError, NotApplicableError, ParameterError
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.removal import REMOVALS


def test_a_value_holds_within_a_tolerance_of_the_whole_image() -> None:
    outputs = OUTPUTS.create("value:tolerance=5,unit=years")
    scores = outputs.scores(torch.tensor([[63.0], [59.0], [68.5]]), 3, "Net")
    assert torch.equal(outputs.readings(scores), scores)
    assert outputs.bound(torch.tensor([60.0])).holds(scores, 0).tolist() == [True, True, False]
    assert outputs.told(63.04) == "63.04 years"
    assert outputs.unit == "years"


def test_the_tolerance_is_a_tenth_of_the_value_by_default() -> None:
    values = torch.tensor([[-9.2], [-8.8], [-11.1]])
    assert Value().bound(torch.tensor([-10.0])).holds(values, 0).tolist() == [True, False, False]


def test_of_no_image_it_is_not_known_whether_a_value_holds() -> None:
    with pytest.raises(ParameterError, match="known only of an image"):
        Value().holds(torch.zeros(1, 1), 0)


def test_no_image_is_without_information_for_a_value() -> None:
    with pytest.raises(NotApplicableError, match="no probabilities"):
        Value().logs(torch.zeros(1, 1))


class Weight(nn.Module):
    """A value below 0: less red light, less of it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(-40.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight * x[:, :1].mean((2, 3)) - 5


def test_a_value_is_explained_from_the_decision_to_the_record(tmp_path: Path) -> None:
    plain = Preprocessing((16, 16), None, mean=(0, 0, 0), std=(1, 1, 1))
    outputs = "value:tolerance=2,unit=°C"
    classifier = Classifier(Weight(), plain, ["temperature"], outputs=outputs, name="efficientnet-lite0")
    photo = torch.zeros(3, 16, 16)
    photo[0, :8, :8] = 1
    photo[1, 8:, 8:] = 1
    found = explain(photo, classifier, method="occlusion:window=0.25,stride=0.25", removal="black", confidence=(0.5,))
    assert found.probability == pytest.approx(-15)
    assert found.told == "−15 °C"
    assert str(found).startswith("temperature −15 °C, occlusion")
    assert bool((found.saliency[photo[0] > 0] < 0).all())  # where there is red the value is lower
    assert not bool(found.saliency[photo[0] == 0].any())
    assert found.provenance["classifier"]["outputs"] == "value:tolerance=2.0,unit=°C"
    found.save(tmp_path)
    assert Explanation.load(tmp_path) == found
    case = Case(-found.saliency, 0, REMOVALS.create("black").bind(classifier, found.image))
    assert METRICS.create("average-drop")(case) == 0  # what is shown of it is lower still, never higher: no drop
    assert METRICS.create("average-gain")(case) == pytest.approx(0, abs=0.2)


def test_of_a_value_the_degree_falls_to_a_half_at_the_tolerance() -> None:
    bound = Value(tolerance=2).bound(torch.tensor([-10.0]))
    degrees = bound.degree(torch.tensor([[-10.0], [-8.0], [-14.0], [5.0]]), 0)
    torch.testing.assert_close(degrees, torch.tensor([1.0, 0.5, 0.0, 0.0]))


class Shares(nn.Module):
    """Two values of very different size, the second of which depends on the company of a photograph by a tenth."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        own = x.mean((1, 2, 3))
        return torch.stack([1e6 * own, 1e-6 * (own + 0.1 * own.mean() * (len(x) > 1))], 1)


@pytest.mark.parametrize("outputs", ["value", "value:tolerance=1e-7"])
def test_a_tiny_value_that_depends_on_the_batch_is_refused_beside_a_huge_one(outputs: str) -> None:
    plain = Preprocessing((4, 4), None, mean=(0, 0, 0), std=(1, 1, 1))
    with pytest.raises(ModelError, match="says something else of the photograph when another is in the batch"):
        decide(torch.rand(3, 4, 4), Classifier(Shares(), plain, outputs=outputs))


def test_a_value_that_is_0_but_for_rounding_is_the_same_as_another_such() -> None:
    """It is the difference of large numbers, as other photographs show."""
    plain = Preprocessing((4, 4), None, mean=(0, 0, 0), std=(1, 1, 1))
    classifier = Classifier(nn.Flatten(), plain, outputs="value")
    one, other = torch.tensor([1e-6]), torch.tensor([3e-6])
    assert not classifier.same(one, other)
    assert classifier.same(one, other, among=torch.tensor([[40.0]]))
    assert classifier.reading(Value(tolerance=0.1)).same(one, other)
    assert classifier.reading(OUTPUTS.create("logits")).same(one, other)
    assert not classifier.reading(OUTPUTS.create("logits")).same(one, other + 0.1)
