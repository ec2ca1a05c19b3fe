"""Mixtures in other forms than ours, against the programs of ``qpsolvers``' kind solved by hand on two maps."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.networks import Network, bound
from unseen.errors import ParameterError
from unseen.explainers import METHODS
from unseen.explainers.aggregation.aggregating import Mixing, ask
from unseen.explainers.aggregation.baselines import official, variance_weighted
from unseen.explainers.aggregation.forms import joined, printed
from unseen.explainers.aggregation.quadratic import Quadratic
from unseen.explainers.sufficient.search import findings_of
from unseen.inputs.streams import stream_of
from unseen.removal import MaskedClassifier

OF = "saliency/occlusion:window=0.3;stride=0.3/input-x-gradient"
FEW = Mixing(nearby=2, hidden=20, segments=9)


@pytest.fixture(scope="module")
def masked() -> MaskedClassifier:
    return bound(Network(), double=False)


def methods() -> Any:
    return METHODS.create(f"aggregate:of={OF}").methods  # type: ignore[attr-defined]


def on_a_grid(loss: Quadratic) -> Tensor:
    """The best weights of two methods, one after the other."""
    shares = torch.linspace(0, 1, 10_001, dtype=torch.float64)
    weights = torch.stack([shares, 1 - shares], 1)
    return weights[int(loss(weights).argmin())]


def test_the_printed_quadratics_are_least_on_the_simplex() -> None:
    change = Quadratic(
        torch.tensor([[2.0, 0.5], [0.5, 1.0]]).double(), torch.zeros(2).double(), torch.zeros(()).double()
    )
    sums = Quadratic(torch.tensor([[1.0, 0.2], [0.2, 3.0]]).double(), torch.tensor([1.0, 0.3]).double(), torch.tensor(1.0).double())  # fmt: skip
    steady = printed(change, sums, "robustness")
    assert torch.allclose(steady, torch.tensor([0.25, 0.75]).double(), atol=1e-6)  # (1 − 0.5) to (2 − 0.5)
    beta = 1.3 / 2 / (4.4 / 4)
    scaled = Quadratic(sums.matrix * beta**2, sums.linear * beta, sums.constant)
    faithful = printed(change, sums, "faithfulness")
    assert torch.allclose(faithful, on_a_grid(scaled), atol=2e-4)
    both = [loss * (0.5 / float(loss(worst) - loss(best))) for loss, worst, best in (
        (change, faithful, steady), (scaled, steady, faithful))]  # fmt: skip
    assert torch.allclose(printed(change, sums, "both"), on_a_grid(both[0] + both[1]), atol=2e-4)
    assert torch.allclose(printed(change, sums, "both", 1.0), steady, atol=1e-6)


def test_the_mean_and_the_variance_ask_for_the_maps_alone(masked: MaskedClassifier) -> None:
    asked = ask(masked, 1, methods(), FEW, stream_of(masked.image, 0), goal=None)
    found = {form: joined(masked, 1, methods(), FEW, form) for form in ("mean", "variance")}
    assert torch.allclose(found["mean"].saliency, asked.maps.mean(0), atol=1e-6)
    assert torch.allclose(found["variance"].saliency, variance_weighted(asked.maps), atol=1e-6)
    assert found["variance"].weights is None
    before = masked.evaluations
    method = METHODS.create(f"aggregate:of={OF},form=mean")
    findings_of(method, masked, 1)
    spent = masked.evaluations - before
    assert spent <= method.cost(masked.shape)  # type: ignore[attr-defined]
    assert spent < 40  # of one map each


@pytest.mark.parametrize("goal", ["robustness", "faithfulness", "both"])
def test_the_published_form_takes_absolute_maps_and_sums_as_they_are(goal: Any, masked: MaskedClassifier) -> None:
    options = Mixing(goal=goal, nearby=2, hidden=20, segments=9)
    found = joined(masked, 1, methods(), options, "published")
    plain = ask(masked, 1, methods(), options, stream_of(masked.image, 0), goal=goal, plain=True)
    assert float(plain.maps.min()) >= 0
    expected = official(plain.observed.hidings.sums, plain.observed.hidings.drops, plain.observed.changes.grams, goal)
    assert found.weights is not None
    assert torch.allclose(found.weights, expected)
    assert torch.allclose(found.saliency, torch.einsum("k,khw->hw", expected.float(), plain.maps), atol=1e-6)
    signed = ask(masked, 1, methods(), options, stream_of(masked.image, 0), goal=goal)
    assert torch.allclose(signed.maps.abs(), plain.maps)
    if goal != "robustness":  # sums of all that is hidden, not freed of their mean
        assert float(plain.observed.hidings.sums.min()) >= 0
        assert float(signed.observed.hidings.sums.mean(0).abs().max()) < 1e-6 * float(
            signed.observed.hidings.sums.std()
        )


def test_the_record_says_the_form_and_the_weights(masked: MaskedClassifier) -> None:
    for form in ("printed", "published", "mean", "variance"):
        spec = f"aggregate:of={OF},form={form},nearby=2,hidden=20,segments=9"
        record: Any = findings_of(METHODS.create(spec), masked, 1).record
        assert record["form"] == form
        weights = [row["weight"] for row in record["methods"]]
        assert weights == [None] * 3 if form == "variance" else sum(weights) == pytest.approx(1)
    with pytest.raises(ParameterError, match="call aggregate"):
        joined(masked, 1, methods(), FEW, "own")
