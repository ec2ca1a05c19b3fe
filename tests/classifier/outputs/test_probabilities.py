from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from unseen import METHODS, Classifier, Preprocessing
from unseen.classifier.outputs import OUTPUTS, Binary, Logits, Probabilities, Sigmoid
from unseen.errors import ModelError, NotApplicableError, ParameterError
from unseen.explainers import map_of
from unseen.explainers.propagation.deeplift import deeplift
from unseen.removal import REMOVALS

Z = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)) * 3


def test_their_logarithms_are_the_logits_but_for_a_number_a_row() -> None:
    outputs = Probabilities()
    scores = outputs.scores(Z.softmax(1), 4, "Net")
    torch.testing.assert_close(scores, Z.log_softmax(1))
    torch.testing.assert_close(outputs.readings(scores), Z.softmax(1))
    assert torch.equal(outputs.holds(scores, 1), Logits().holds(Z, 1))


def test_the_log_odds_of_independent_ones_are_the_logits() -> None:
    outputs = OUTPUTS.create("probabilities:independent,threshold=0.3")
    scores = outputs.scores(Z.sigmoid(), 4, "Net")
    torch.testing.assert_close(scores, Sigmoid().scores(Z, 4, "Net"), rtol=1e-4, atol=1e-4)
    for target in range(6):
        assert torch.equal(outputs.holds(scores, target), Sigmoid(0.3).holds(scores, target))
    assert outputs.labels(("a", "b", "c")) == Sigmoid().labels(("a", "b", "c"))


def test_one_probability_tells_two_classes_apart() -> None:
    outputs, z = Probabilities("binary"), Z[:, :1]
    torch.testing.assert_close(outputs.scores(z.sigmoid(), 4, "Net"), Binary().scores(z, 4, "Net"))


def test_what_float32_rounds_to_0_or_1_stays_finite() -> None:
    certain = torch.tensor([[0.0, 1.0]], requires_grad=True)
    for kind in ("exclusive", "independent"):
        scores = Probabilities(kind).scores(certain, 1, "Net")  # type: ignore[arg-type]
        assert bool(scores.isfinite().all())
        (slope,) = torch.autograd.grad(scores.sum(), certain)
        assert bool(slope.isfinite().all())


def test_what_is_no_probability_of_the_kind_is_refused() -> None:
    with pytest.raises(ModelError, match=r"returned numbers from .*no probabilities; say outputs='logits'"):
        Probabilities().scores(Z, 4, "Net")
    with pytest.raises(ModelError, match=r"sum to .*, not to 1; .*probabilities:independent"):
        Probabilities().scores(Z.sigmoid(), 4, "Net")
    with pytest.raises(ParameterError, match="several thresholds are of several findings"):
        Probabilities("binary", (0.3, 0.4))
    with pytest.raises(ParameterError, match="by no threshold"):
        Probabilities(threshold=0.3)


class Ensemble(nn.Module):
    """The mean of what two networks' softmaxes make, of which the logarithm is no logit of theirs."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.members = nn.ModuleList(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return sum(member(x).softmax(1) for member in self.members) / 2  # type: ignore[return-value]


def test_logarithms_are_met_by_the_rules_of_a_pass_as_the_network_is() -> None:
    plain = Preprocessing((4, 4), None, mean=(0, 0, 0), std=(0.1, 0.1, 0.1))
    classifier = Classifier(Ensemble().eval(), plain, ["a", "b"], outputs="probabilities")
    photo = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0))
    masked = REMOVALS.create("black").bind(classifier, photo)
    found = deeplift(masked, 0, torch.zeros_like(photo))
    assert abs(found.difference) > 0.5
    assert abs(found.gap) < 1e-4 * abs(found.difference)
    with pytest.raises(NotApplicableError, match="lrp-epsilon cannot pass Ensemble: the output depends"):
        map_of(METHODS.create("lrp-epsilon"), masked, 0)


def test_what_is_not_finite_is_said_to_be_so_and_the_sum_is_of_the_row_that_is_wrong() -> None:
    with pytest.raises(ModelError, match="returned NaN or infinite"):
        Probabilities().scores(torch.tensor([[0.5, 0.5], [math.nan, 0.5]]), 2, "Net")
    with pytest.raises(ModelError, match=r"sum to 1\.6, not to 1"):
        Probabilities().scores(torch.tensor([[0.5, 0.5], [0.8, 0.8]]), 2, "Net")
