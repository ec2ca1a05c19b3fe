"""ZIPO as a method and as a baseline."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import Network, bound, logit, top
from helpers.unchecked import unchecked
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.gradients.baselines import baseline_of
from unseen.explainers.gradients.integrated import IntegratedGradients, integrated_gradients
from unseen.explainers.gradients.zero_point import ZeroPoint
from unseen.explainers.propagation.deeplift import deeplift
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import MaskedClassifier
from unseen.removal.zero_information.point import Descending, zero_points


class Means(nn.Module):
    """Class k's logit is 8 times the mean of channel k; all are as probable where the photograph is grey."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(8.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x.mean((2, 3))


def red() -> MaskedClassifier:
    image = torch.full((3, 6, 6), 0.4)
    image[0] = 0.8
    return bound(Means(), image=image, normalise=False)


@pytest.mark.parametrize("channels", ["sum", "max-abs"])
def test_the_map_is_the_photograph_minus_the_point(channels: str) -> None:
    masked = red()
    found = METHODS.create(f"zipo:channels={channels}").attribute(Evaluator(masked, 0), 0, None)  # type: ignore[attr-defined]
    change = masked.image - zero_points(masked.classifier, masked.image[None], Descending()).points[0]
    expected = change.sum(0) if channels == "sum" else change.abs().amax(0)
    assert torch.equal(found.saliency, expected)
    assert found.record["converged"]
    assert found.record["rms_change"] == pytest.approx(float(change.square().mean().sqrt()))
    assert found.record["point"]["max_probability"] <= 1 / 3 + 0.003
    for name in ("black", "grey", "white"):
        assert found.record["baselines"][name]["max_probability"] == pytest.approx(1 / 3)
    assert found.notes == ()


def test_passes_are_counted() -> None:
    masked = red()
    found = ZeroPoint().attribute(Evaluator(masked, 0), 0, None)
    assert masked.evaluations == found.record["steps"] + 1 + 5


def test_the_map_of_copies_is_the_mean_of_their_maps() -> None:
    """Of each the search is that of the copy alone, whatever the batch."""
    masked, method = red(), METHODS.create("zipo-class:copies=3,smooth=0.2")
    found = method.attribute(Evaluator(masked, 0), 5, None)  # type: ignore[attr-defined]
    copies = method._shown(masked.image, 5)  # type: ignore[attr-defined]
    assert copies.shape == (3, *masked.image.shape)
    assert float((copies - masked.image).std()) == pytest.approx(0.05, rel=0.3)
    alone = [zero_points(masked.classifier, copy[None], method, targets=torch.tensor([0])) for copy in copies]  # type: ignore[arg-type]
    maps = [(copy - one.points[0]).abs().amax(0) for copy, one in zip(copies, alone, strict=True)]
    assert torch.allclose(found.saliency, torch.stack(maps).mean(0), atol=1e-5)
    assert found.record["steps"] == sum(int(one.steps[0]) for one in alone)
    assert masked.evaluations == found.record["steps"] + 3 + 3 + 4
    assert masked.evaluations <= method.cost((6, 6))  # type: ignore[attr-defined]
    assert torch.equal(METHODS.create("zipo:copies=1")._shown(masked.image, 5), masked.image[None])  # type: ignore[attr-defined]


def test_the_form_of_one_class_depends_on_the_class_and_the_other_does_not() -> None:
    masked = bound(Network())
    maps = {
        spec: [METHODS.create(f"{spec}:excess=0.001").attribute(Evaluator(masked, k), 0, None).saliency for k in (0, 1)]  # type: ignore[attr-defined]
        for spec in ("zipo", "zipo-class")
    }
    assert torch.equal(*maps["zipo"])
    assert not torch.equal(*maps["zipo-class"])


def test_that_it_did_not_converge_is_told() -> None:
    found = ZeroPoint(most=1).attribute(Evaluator(red(), 0), 0, None)
    assert not found.record["converged"]
    assert "no zero-information point was found in 1 steps" in found.notes[0]


@pytest.mark.parametrize("name", ["zipo", "zipo-class"])
def test_it_is_a_baseline_of_both_methods_that_have_one(name: str) -> None:
    masked = bound(Network())
    target = top(masked)
    targets = torch.tensor([target]) if name == "zipo-class" else None
    point = zero_points(masked.classifier, masked.image[None], Descending(), targets=targets).points[0]
    assert torch.equal(baseline_of(name, masked.classifier, masked.image, target), point)
    for method, expected in (
        ("integrated-gradients", integrated_gradients(masked, target, point, IntegratedGradients()).values),
        ("deeplift", deeplift(masked, target, point).values),
    ):
        found = METHODS.create(f"{method}:baseline={name}").attribute(Evaluator(masked, target), 0, None)  # type: ignore[attr-defined]
        assert torch.equal(found.saliency, expected.sum(0))
        assert found.record["difference"] == pytest.approx(
            logit(masked, target) - logit(masked, target, point), rel=1e-5
        )


def test_what_there_is_not_is_refused() -> None:
    with unchecked(), pytest.raises(ParameterError, match="information"):
        ZeroPoint(information="none")  # type: ignore[arg-type]
    with unchecked(), pytest.raises(ParameterError, match="baseline"):
        IntegratedGradients(baseline="zip")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="smooth"):
        METHODS.create("zipo:smooth=2")
    with pytest.raises(ParameterError, match="not a choice"):
        METHODS.create("deeplift:baseline=zip")
