from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from helpers.networks import Network, bound, logit, top
from unseen import Classifier
from unseen.errors import ParameterError
from unseen.explainers import METHODS
from unseen.explainers.gradients.derivatives import derivatives
from unseen.explainers.gradients.integrated import (
    ExpectedGradients,
    IntegratedGradients,
    expected_gradients,
    integrated_gradients,
)
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import REMOVALS, MaskedClassifier


class Rule(nn.Module):
    """Two classes; the first has a given logit of the pixels."""

    def __init__(self, rule: Any) -> None:
        super().__init__()
        self.rule = rule
        self.nothing = nn.Parameter(torch.zeros(1))  # says which dtype

    def forward(self, x: Tensor) -> Tensor:
        value = self.rule(x)
        return torch.stack([value, torch.zeros_like(value)], 1)


def of(rule: Any, batch_size: int | None = None) -> MaskedClassifier:
    return bound(Rule(rule), size=4, normalise=False, batch_size=batch_size)


def riemann(masked: MaskedClassifier, target: int, baseline: Tensor, steps: int) -> Tensor:
    change = masked.image - baseline
    total = torch.zeros_like(masked.image, dtype=torch.float64)

    def pixels(first: int, last: int) -> Tensor:
        return baseline + ((torch.arange(first, last) + 0.5) / steps)[:, None, None, None] * change

    for gradients, _ in derivatives(masked, pixels, steps, target):
        total += gradients.double().sum(0)
    return total * change / steps


def test_of_a_linear_model_it_is_the_change_times_the_weight() -> None:
    weights = torch.linspace(-1, 1, 48).reshape(3, 4, 4).double()
    masked = of(lambda x: (x * weights).sum((1, 2, 3)) + 5)
    found = integrated_gradients(masked, 0, torch.full_like(masked.image, 0.25), IntegratedGradients())
    assert torch.allclose(found.values.double(), weights * (masked.image - 0.25), atol=1e-6)
    assert (found.converged, found.evaluations) == (True, 17)
    assert abs(found.gap) < 1e-5


def test_of_squares_it_is_their_difference() -> None:
    masked = of(lambda x: x.square().sum((1, 2, 3)))
    baseline = torch.full_like(masked.image, 0.5)
    found = integrated_gradients(masked, 0, baseline, IntegratedGradients())
    assert torch.allclose(found.values.double(), masked.image.square() - 0.25, atol=1e-6)


def test_of_a_product_each_factor_gets_half() -> None:
    masked = of(lambda x: x[:, 0, 0, 0] * x[:, 1, 2, 3])
    found = integrated_gradients(masked, 0, torch.zeros_like(masked.image), IntegratedGradients()).values
    expected = torch.zeros(3, 4, 4)
    expected[0, 0, 0] = expected[1, 2, 3] = float(masked.image[0, 0, 0] * masked.image[1, 2, 3]) / 2
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("rule", [torch.maximum, torch.minimum])
def test_of_a_maximum_or_a_minimum_the_one_that_made_it_gets_all(rule: Any) -> None:
    masked = of(lambda x: rule(x[:, 0, 0, 0], 2 * x[:, 1, 2, 3]))
    first, second = float(masked.image[0, 0, 0]), 2 * float(masked.image[1, 2, 3])
    expected = torch.zeros(3, 4, 4)
    expected[(0, 0, 0) if (first > second) == (rule is torch.maximum) else (1, 2, 3)] = logit(masked, 0)
    found = integrated_gradients(masked, 0, torch.zeros_like(masked.image), IntegratedGradients()).values
    assert torch.allclose(found, expected, atol=logit(masked, 0) / 60)  # at the baseline both are 0


def test_behind_a_threshold_only_the_rest_of_the_way_counts() -> None:
    masked = of(lambda x: torch.relu(x.mean((1, 2, 3)) - 0.31))
    mean = float(masked.image.mean())
    found = integrated_gradients(masked, 0, torch.zeros_like(masked.image), IntegratedGradients(tolerance=1e-4))
    assert torch.allclose(found.values.double(), masked.image / 48 * (1 - 0.31 / mean), atol=1e-5)
    assert found.converged
    assert 17 < found.evaluations < 200


def test_steps_go_where_the_score_changes() -> None:
    """A step so sharp that as many uniform steps miss it."""
    masked = of(lambda x: torch.sigmoid(20000 * (x.mean((1, 2, 3)) - 0.3333)))
    zero = torch.zeros_like(masked.image)
    exact = masked.image / masked.image.sum()
    found = integrated_gradients(masked, 0, zero, IntegratedGradients(tolerance=1e-3))
    assert found.converged
    assert torch.allclose(found.values.double(), exact, rtol=2e-3)
    assert not torch.allclose(riemann(masked, 0, zero, found.evaluations), exact, rtol=0.3)


def test_it_agrees_with_a_fine_riemann_sum_and_adds_up() -> None:
    masked = bound(Network(lambda net, x: net.judge(net.second(net.first(x).relu()).square())))
    black = torch.zeros_like(masked.image)
    found = integrated_gradients(masked, 1, black, IntegratedGradients(tolerance=1e-3))
    assert masked.evaluations == found.evaluations
    exact = riemann(masked, 1, black, 500)
    assert float((found.values - exact).norm()) < 5e-3 * float(exact.norm())
    assert found.difference == pytest.approx(logit(masked, 1) - logit(masked, 1, black), rel=1e-5)
    assert float(found.values.sum()) == pytest.approx(found.difference - found.gap, rel=1e-4)
    assert abs(found.gap) <= 1e-3 * abs(found.difference) + 1e-6


@pytest.mark.parametrize("batch", [1, 5, 100])
def test_the_batch_does_not_matter(batch: int) -> None:
    """Nor which intervals are halved, and how many at once."""
    rule = lambda x: torch.sigmoid(60 * (x.mean((1, 2, 3)) - 0.2))  # noqa: E731
    one, other = (
        integrated_gradients(of(rule, size), 0, torch.zeros(3, 4, 4).double(), IntegratedGradients(tolerance=1e-3))
        for size in (16, batch)
    )
    assert one.evaluations == other.evaluations > 17
    assert torch.allclose(one.values, other.values, atol=1e-6)


def test_the_probability_may_be_asked_for() -> None:
    masked = bound(Network())
    black = torch.zeros_like(masked.image)
    found = integrated_gradients(masked, 1, black, IntegratedGradients(score="probability"))
    rise = [masked.classifier.forward(image[None]).softmax(1)[0, 1].item() for image in (masked.image, black)]
    assert float(found.values.sum()) == pytest.approx(rise[0] - rise[1], rel=0.011)


def test_of_the_trained_network_it_adds_up(classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("grey").bind(classifier, photo)
    target = top(masked)
    found = IntegratedGradients(tolerance=0.05, most=17).attribute(Evaluator(masked, target), 0, None)
    assert found.record["gradients"] == 17
    gap = abs(float(found.saliency.sum()) - found.record["difference"])
    assert gap == pytest.approx(abs(found.record["completeness_gap"]), abs=1e-3 * abs(found.record["difference"]))
    assert found.record["converged"] == (not found.notes)
    assert gap < 0.05 * abs(found.record["difference"]) or found.notes


def test_a_gap_that_is_left_is_told() -> None:
    masked = of(lambda x: torch.sigmoid(400 * (x.mean((1, 2, 3)) - 0.3)))
    found = IntegratedGradients(most=17).attribute(Evaluator(masked, 0), 0, None)
    assert not found.record["converged"]
    assert "after 17 gradients" in found.notes[0]


@pytest.mark.parametrize("name", ["integrated-gradients", "expected-gradients:samples=8"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_gap_is_told_where_the_score_does_not_change(name: str, dtype: torch.dtype) -> None:
    """Nothing but rounding is left of the difference, of which no share makes sense."""
    bumpy = of(lambda x: 1000 + 1e-4 * (x * 0.01).sin().mean((1, 2, 3)).to(dtype))
    found = METHODS.create(name)(bumpy, 0)
    assert not any("%" in note for note in found.notes if "answer to nothing" not in note)
    assert found.record["map"]["converged"]


def test_a_sum_where_the_score_only_goes_up_and_down_is_told_without_a_share() -> None:
    there_and_back = of(lambda x: (400 * x.mean((1, 2, 3))).sin())
    there_and_back.image.fill_(37 * 2 * torch.pi / 400)
    found = IntegratedGradients(most=17).attribute(Evaluator(there_and_back, 0), 0, None)
    assert not found.record["converged"]
    assert "does not change at all" in found.notes[0]


def test_baselines_are_colours_of_pixels() -> None:
    masked = bound(Network())
    white = IntegratedGradients(baseline="white").attribute(Evaluator(masked, 0), 0, None)
    direct = integrated_gradients(masked, 0, torch.ones_like(masked.image), IntegratedGradients())
    assert torch.allclose(white.saliency, direct.values.sum(0))


def test_nothing_changes_from_the_photograph_to_itself() -> None:
    masked = bound(Network())
    found = integrated_gradients(masked, 0, masked.image, IntegratedGradients())
    assert not bool(found.values.any())
    assert found.converged


# ---- expected gradients -----------------------------------------------------------------------------------------


def test_of_a_linear_model_expected_gradients_compare_with_the_mean_baseline() -> None:
    weights = torch.linspace(-1, 1, 48).reshape(3, 4, 4).double()
    masked = of(lambda x: (x * weights).sum((1, 2, 3)))
    colours = torch.rand(10, 3, 1, 1, generator=torch.Generator().manual_seed(0)).double()
    found = expected_gradients(masked, 0, lambda i: colours[i].expand(3, 4, 4), ExpectedGradients(samples=10))
    assert torch.allclose(found.values.double(), weights * (masked.image - colours.mean(0)), atol=1e-6)
    assert abs(found.gap) < 1e-5
    assert found.converged
    assert (found.evaluations, masked.evaluations) == (10, 21)


def test_with_one_baseline_expected_gradients_are_integrated_gradients() -> None:
    masked = bound(Network())
    black = torch.zeros_like(masked.image)
    exact = integrated_gradients(masked, 0, black, IntegratedGradients(tolerance=1e-4)).values
    found = expected_gradients(masked, 0, lambda _: black, ExpectedGradients(samples=400))
    assert float((found.values - exact).norm()) < 0.02 * float(exact.norm())
    assert found.difference == pytest.approx(logit(masked, 0) - logit(masked, 0, black), rel=1e-5)


def test_expected_gradients_do_not_depend_on_the_batch_but_on_the_seed() -> None:
    def found(batch: int, seed: int = 0) -> Tensor:
        evaluate = Evaluator(bound(Network(), batch_size=batch), 0)
        return ExpectedGradients(samples=12).attribute(evaluate, seed, None).saliency

    one = found(1)
    assert torch.allclose(one, found(5), atol=1e-6)
    assert torch.equal(one, found(1))
    assert not torch.allclose(one, found(1, seed=1), atol=1e-3)


def test_photographs_may_be_the_baselines(tmp_path: Path) -> None:
    for name, colour in (("a", (0, 0, 0)), ("b", (255, 255, 255))):
        Image.new("RGB", (20, 20), colour).save(tmp_path / f"{name}.png")
    masked = bound(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), size=2)
    found = ExpectedGradients(photos=str(tmp_path), samples=6).attribute(Evaluator(masked, 0), 0, None)
    direct = integrated_gradients(masked, 0, torch.full_like(masked.image, 0.5), IntegratedGradients())
    assert torch.allclose(found.saliency, direct.values.sum(0), atol=1e-5)
    assert found.record["gradients"] == 6


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (IntegratedGradients, {"tolerance": 0.0}),
        (IntegratedGradients, {"tolerance": 1.0}),
        (IntegratedGradients, {"most": 16}),
        (ExpectedGradients, {"samples": 1}),
    ],
)
def test_bad_parameters_are_named(kind: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        kind(**settings)


def test_a_baseline_has_the_photographs_shape() -> None:
    with pytest.raises(ParameterError, match=r"shape \(3, 2, 2\); expected \(3, 16, 16\)"):
        integrated_gradients(bound(Network()), 0, torch.zeros(3, 2, 2), IntegratedGradients())
