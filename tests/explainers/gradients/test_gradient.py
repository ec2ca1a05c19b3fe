from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import Network, bound, logit, top
from helpers.processor import SEED
from unseen import Classifier
from unseen.errors import ParameterError
from unseen.explainers.gradients.gradient import (
    InputXGradient,
    NoisyGradients,
    Saliency,
    Statistic,
    gradient,
    noisy_gradients,
)
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.system.options import choices_of

pytestmark = pytest.mark.numerics


def linear(size: int = 4) -> MaskedClassifier:
    torch.manual_seed(SEED)
    return bound(nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, 2)), size=size)


def curved() -> MaskedClassifier:
    return bound(Network(lambda net, x: net.judge(nn.functional.gelu(net.second(net.first(x).tanh())))))


def test_of_a_linear_model_saliency_is_the_weights() -> None:
    masked = linear()
    weights = masked.classifier.model[1].weight[1].detach().reshape(3, 4, 4)
    scaled = weights / torch.tensor(masked.classifier.preprocessing.std)[:, None, None]
    assert torch.allclose(gradient(masked, 1).double(), scaled, rtol=1e-5)
    assert torch.allclose(
        Saliency().attribute(Evaluator(masked, 1), 0, None).saliency.double(), scaled.abs().amax(0), rtol=1e-5
    )


def test_of_a_linear_model_input_x_gradient_adds_up_to_the_logit_without_its_bias() -> None:
    masked = linear()
    found = InputXGradient().attribute(Evaluator(masked, 1), 0, None).saliency
    bias = float(masked.classifier.model[1].bias[1].detach())
    assert float(found.sum()) == pytest.approx(logit(masked, 1) - bias, rel=1e-5)
    pixel = masked.classifier.normalise(masked.image[None])[0, :, 2, 3]
    weights = masked.classifier.model[1].weight[1].reshape(3, 4, 4)[:, 2, 3]
    assert float(found[2, 3]) == pytest.approx(float(pixel @ weights.detach()), rel=1e-5)


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_it_agrees_with_finite_differences(score: Any) -> None:
    masked = curved()
    found = gradient(masked, 2, score=score)

    def value(image: Tensor) -> Tensor:
        logits = masked.classifier.forward(image[None])
        return (logits if score == "logit" else logits.softmax(1))[0, 2]

    for at in [(0, 0, 0), (1, 7, 9), (2, 15, 3)]:
        step = torch.zeros_like(masked.image)
        step[at] = 1e-5
        slope = (value(masked.image + step) - value(masked.image - step)) / 2e-5
        assert float(found[at]) == pytest.approx(float(slope.detach()), rel=1e-5)


def test_of_the_trained_network_it_predicts_a_small_step(classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("grey").bind(classifier, photo * 0.98 + 0.01)
    target = top(masked)
    found = gradient(masked, target)
    step = 1e-3 * found / found.norm()
    rise = (logit(masked, target, masked.image + step) - logit(masked, target, masked.image - step)) / 2
    assert rise == pytest.approx(1e-3 * float(found.norm()), rel=0.1)


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_vargrad_is_the_mean_square_minus_the_square_of_the_mean(score: Any) -> None:
    masked = curved()
    mean, square, variance = (
        noisy_gradients(masked, 0, NoisyGradients(samples=9, statistic=statistic, score=score)).double()
        for statistic in choices_of(Statistic)
    )
    assert torch.allclose(variance, square - mean.square(), rtol=1e-4, atol=1e-9 * float(square.max()))
    assert bool((variance >= 0).all())
    assert float(variance.max()) > 1e-4 * float(square.max())


def test_the_statistics_are_those_of_gradients_at_noisy_copies() -> None:
    masked = curved()
    seen: list[Tensor] = []
    forward = masked.classifier.forward
    masked.classifier.forward = lambda pixels: seen.append(pixels.detach().clone()) or forward(pixels)  # type: ignore[func-returns-value, method-assign]
    mean = noisy_gradients(masked, 0, NoisyGradients(samples=60, noise=0.2))
    copies = torch.cat(seen)[-60:]
    slow = torch.stack([
        gradient(MaskedClassifier(masked.classifier, copy, masked.removal), 0) for copy in copies[:60]
    ]).mean(0)  # fmt: skip
    assert torch.allclose(mean, slow, atol=1e-6)
    spread = float((copies[:60] - masked.image).std())
    assert spread == pytest.approx(0.2 * float(masked.image.max() - masked.image.min()), rel=0.03)
    assert masked.evaluations == 60


def test_of_a_linear_model_noise_changes_nothing() -> None:
    """Not even by rounding: a variance of next to nothing must not become a map."""
    masked = linear()
    assert torch.allclose(noisy_gradients(masked, 0, NoisyGradients(samples=20)), gradient(masked, 0), rtol=1e-6)
    assert not bool(noisy_gradients(masked, 0, NoisyGradients(samples=20, statistic="variance")).gt(1e-14).any())


@pytest.mark.parametrize("statistic", choices_of(Statistic))
def test_the_batch_does_not_matter_and_the_seed_does(statistic: Any) -> None:
    def found(batch: int, seed: int = 3) -> Tensor:
        masked = bound(Network(), batch_size=batch)
        return noisy_gradients(masked, 0, NoisyGradients(samples=7, statistic=statistic), seed=seed)

    one = found(1)
    scale = 1e-5 * float(one.abs().max())
    assert torch.allclose(one, found(3), atol=scale)
    assert torch.allclose(one, found(100), atol=scale)
    assert torch.equal(one, found(1))
    assert not torch.allclose(one, found(1, seed=4), atol=scale)


def test_what_is_done_to_a_gradient_does_not_change_the_next() -> None:
    masked = bound(Network())
    first = gradient(masked, 0)
    kept = first.clone()
    first.zero_()
    assert torch.equal(gradient(masked, 0), kept)
    assert masked.evaluations == 1


def test_one_pass_is_counted() -> None:
    masked = linear()
    gradient(masked, 0)
    assert masked.evaluations == 1


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (InputXGradient, {"blur": 2.0}),
        (InputXGradient, {"steps": 1}),
        (NoisyGradients, {"samples": 0}),
        (NoisyGradients, {"noise": -0.1}),
    ],
)
def test_bad_parameters_are_named(kind: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        kind(**settings)
