"""Sensitivity and parameter randomisation are those of Quantus and Captum, where these follow the papers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
import torch
from captum.metrics import sensitivity_max
from torch import Tensor, nn

from helpers.networks import Network, bound
from unseen import Classifier
from unseen.inputs.neighbourhood import noisy
from unseen.metrics.case import Case
from unseen.metrics.randomisation import LayerOrder, ParameterRandomisation
from unseen.metrics.relative_stability import RelativeStability
from unseen.metrics.sensitivity import Sensitivity
from unseen.metrics.similarity import pearson, spearman
from unseen.metrics.sparseness import gini_index

with warnings.catch_warnings():  # its sources have escapes that Python is about to refuse
    warnings.simplefilter("ignore")
    import quantus

RADIUS, SAMPLES, SEED, TARGET = 0.2, 6, 4, 1


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Quantus warns of what is deprecated in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def slopes(network: nn.Module, images: Tensor) -> Tensor:
    """Gradient times input, summed over channels, shape (N, H, W)."""
    with torch.enable_grad():
        pixels = images.detach().clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(network(pixels)[:, TARGET].sum(), pixels)
    return (gradient * pixels).detach().sum(1)


def explained(classifier: Classifier, image: Tensor, target: int) -> Tensor:
    assert target == TARGET
    return slopes(classifier.model, image[None])[0]


def judged(network: nn.Module) -> Case:
    masked = bound(network, normalise=False)
    return Case(explained(masked.classifier, masked.image, TARGET), TARGET, masked, explained, seed=SEED)


def changes(case: Case) -> list[Tensor]:
    return list(noisy(case.image, RADIUS, SAMPLES, torch.Generator().manual_seed(SEED)))


def by_quantus(model: nn.Module, inputs: np.ndarray, targets: np.ndarray, **more: Any) -> np.ndarray:
    del targets, more
    return slopes(model, torch.as_tensor(inputs))[:, None].numpy()


@pytest.mark.parametrize("statistic", ["mean", "max"])
def test_sensitivity_is_that_of_quantus(statistic: Literal["mean", "max"]) -> None:
    case = judged(Network())
    given = iter(changes(case))

    def perturb(arr: np.ndarray, **more: Any) -> np.ndarray:
        del arr, more
        return next(given).flatten().numpy()[None]

    metric = {"mean": quantus.AvgSensitivity, "max": quantus.MaxSensitivity}[statistic](
        nr_samples=SAMPLES, perturb_func=perturb, disable_warnings=True, normalise=False, abs=False
    )
    (expected,) = metric(
        model=case.classifier.model, x_batch=case.image[None].numpy(), y_batch=np.array([TARGET]),
        a_batch=case.saliency[None, None].numpy(), explain_func=by_quantus, channel_first=True,
    )  # fmt: skip
    assert Sensitivity(statistic, samples=SAMPLES, radius=RADIUS)(case) == pytest.approx(expected, rel=1e-6)


def test_the_largest_sensitivity_is_that_of_captum() -> None:
    case = judged(Network())

    def attribute(images: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Always a tuple: of a plain tensor Captum takes the photographs of a batch for several inputs."""
        return (slopes(case.classifier.model, images[0] if isinstance(images, tuple) else images)[:, None],)

    expected = sensitivity_max(
        attribute,
        case.image[None],
        perturb_func=lambda _: torch.stack(changes(case)),
        n_perturb_samples=SAMPLES,
    )
    assert Sensitivity("max", samples=SAMPLES, radius=RADIUS)(case) == pytest.approx(float(expected), rel=1e-6)


class Fixed(nn.Conv2d):
    """A convolution whose new values do not depend on torch's random numbers, which Quantus seeds otherwise."""

    number = 0

    def reset_parameters(self) -> None:
        generator = torch.Generator().manual_seed(self.number)
        with torch.no_grad():
            self.weight.copy_(torch.randn(self.weight.shape, generator=generator) * 0.3)
            self.bias.fill_(0.1)


class Stack(nn.Module):
    """Registered in the order of execution, which is what Quantus takes it for."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Fixed(3, 4, 3, padding=1), nn.ReLU(), Fixed(4, 4, 3, padding=1), nn.ReLU(), Fixed(4, 3, 1)
        )
        generator = torch.Generator().manual_seed(0)
        for number, layer in enumerate(self.layers):
            layer.number = number + 1
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).mean((2, 3))


@pytest.mark.parametrize(
    ("order", "theirs"), [("top-down", "top_down"), ("bottom-up", "bottom_up"), ("independent",) * 2]
)
@pytest.mark.parametrize("similarity", ["spearman", "pearson"])
@pytest.mark.parametrize("absolute", [False, True])
def test_the_curve_is_that_of_quantus(order: LayerOrder, theirs: str, similarity: Any, absolute: bool) -> None:
    case = judged(Stack())
    alike = {
        "spearman": quantus.similarity_func.correlation_spearman,
        "pearson": quantus.similarity_func.correlation_pearson,
    }
    metric = quantus.MPRT(
        similarity_func=alike[similarity], layer_order=theirs, abs=absolute, normalise=False, disable_warnings=True
    )
    expected = metric(
        model=case.classifier.model, x_batch=case.image[None].numpy(), y_batch=np.array([TARGET]),
        a_batch=case.saliency[None, None].numpy(), explain_func=by_quantus, channel_first=True,
    )  # fmt: skip
    curve = ParameterRandomisation(order, None, similarity, absolute).curve(case)
    found = {stage.drawn[0]: stage.similarity for stage in curve}
    assert expected.pop("original") == pytest.approx([1.0])  # which Quantus counts as a layer in its average; we do not
    assert list(found) == list(expected)
    assert list(found.values()) == pytest.approx([value for (value,) in expected.values()], abs=1e-6)


def test_correlations_are_those_of_quantus() -> None:
    one, other = torch.randn(2, 3, 9, 8, generator=torch.Generator().manual_seed(0)).double().unbind()
    flat = one.flatten(1).numpy(), other.flatten(1).numpy()
    for ours, theirs in (
        (pearson, quantus.similarity_func.correlation_pearson),
        (spearman, quantus.similarity_func.correlation_spearman),
    ):
        assert ours(one, other).tolist() == pytest.approx(list(theirs(*flat, batched=True)), abs=1e-12)


@pytest.mark.parametrize("by", ["input", "output"])
def test_relative_stability_is_that_of_quantus(by: Literal["input", "output"]) -> None:
    masked = bound(Network(), normalise=False)
    target = int(masked.classifier.logits(masked.image[None]).argmax())

    def explained(classifier: Classifier, image: Tensor, target: int) -> Tensor:
        del classifier, target
        return image[0] ** 2 + 0.1

    case = Case(explained(masked.classifier, masked.image, target), target, masked, explained, seed=SEED)
    images = torch.stack([case.image, *changes(case)])
    logits = masked.classifier.logits(images)
    kept = [place for place in range(1, SAMPLES + 1) if int(logits[place].argmax()) == target]
    assert kept
    maps = torch.stack([explained(masked.classifier, image, target) for image in images])[:, None].numpy()
    metric = {"input": quantus.RelativeInputStability, "output": quantus.RelativeOutputStability}[by](
        disable_warnings=True
    )
    objective = getattr(metric, f"relative_{by}_stability_objective")
    values = (images if by == "input" else logits).numpy()
    expected = objective(values[[0] * len(kept)], values[kept], maps[[0] * len(kept)], maps[kept]).max()
    assert RelativeStability(by, samples=SAMPLES, radius=RADIUS)(case) == pytest.approx(float(expected), rel=1e-4)


def test_sparseness_is_that_of_quantus() -> None:
    saliency = torch.rand(9, 11, generator=torch.Generator().manual_seed(0))
    (expected,) = quantus.Sparseness(disable_warnings=True).evaluate_batch(
        x_batch=None, a_batch=saliency[None].numpy().copy()
    )
    assert gini_index(saliency) == pytest.approx(float(expected), rel=1e-5)
