from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import CHANNELS, SIZE, Network, bound, logit, top
from unseen import Classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.cam.cam import ActivationMap, ChannelWeights, activation_map, normalised
from unseen.explainers.cam.masked_cam import OptiCam, ScoreCam, opti_cam, score_cam
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import REMOVALS
from unseen.removal.deactivation.features import last_features
from unseen.system.options import choices_of


def curved(net: Network, x: Tensor) -> Tensor:
    """A head that is not linear, so that gradients differ between positions and signs vary."""
    weights = torch.randn(CHANNELS, 16 * CHANNELS, generator=torch.Generator().manual_seed(3)).double()
    return net.head(F.linear(F.avg_pool2d(net.second(net.first(x).relu()), 4).flatten(1), weights / 5).tanh())


def test_with_average_pooling_and_a_linear_head_cam_adds_up_to_the_logit_without_its_bias() -> None:
    masked = bound(Network())
    target = top(masked)
    features = last_features(masked, target)
    found = activation_map(features, "cam")
    model = masked.classifier.model
    bias = float(model.head.bias[target].detach())
    assert float(found.mean()) == pytest.approx(logit(masked, target) - bias, rel=1e-4)
    weights = model.head.weight[target].detach().float()
    assert torch.allclose(found, torch.einsum("c,chw->hw", weights, features.maps[0].activations), atol=1e-5)


@pytest.mark.parametrize("target", range(3))
def test_there_its_relatives_are_the_same_map(target: int) -> None:
    features = last_features(bound(Network()), target)
    cam = activation_map(features, "cam")
    scale = 1e-3 * float(cam.abs().max())
    for weights in ("grad-cam", "xgrad-cam"):
        assert torch.allclose(SIZE * SIZE * activation_map(features, weights), cam, atol=scale)
    rising = features.maps[0].gradients.mean((1, 2)).clamp(min=0)
    layer = torch.einsum("c,chw->hw", rising, features.maps[0].activations)
    assert torch.allclose(activation_map(features, "layer-cam"), layer, atol=1e-6)


def test_cam_of_the_trained_network_is_its_grad_cam(classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("grey").bind(classifier, photo)
    target = top(masked)
    features = last_features(masked, target)
    found = activation_map(features, "cam")
    assert torch.allclose(found, 49 * activation_map(features, "grad-cam"), rtol=1e-3, atol=1e-3)
    head = [module for module in classifier.model.modules() if isinstance(module, nn.Linear)][-1]
    assert float(found.mean()) == pytest.approx(features.value - float(head.bias[target].detach()), rel=1e-3)
    assert float(found.max()) > 3 * float(found.mean())


def test_cam_of_a_score_near_zero_is_no_less_linear() -> None:
    """Large terms that cancel: rounding is judged against the terms, not against their sum."""
    model = Network()
    masked = bound(model, double=False)
    with torch.no_grad():
        model.head.bias.zero_()
        features = last_features(masked, 0).maps[0].activations.mean((1, 2))
        model.head.weight[0] *= 1e3
        model.head.weight[0] -= (features @ model.head.weight[0]) / (features @ features) * features
    assert abs(logit(masked, 0)) < 0.1
    assert bool(activation_map(last_features(masked, 0), "cam").any())


@pytest.mark.parametrize("join", [curved, lambda net, x: net.head(net.first(x).relu().amax((2, 3)))])
def test_cam_needs_a_head_of_average_and_linear_layer(join: Any) -> None:
    with pytest.raises(NotApplicableError, match=r"cam needs a head that averages.*choose 'grad-cam'"):
        activation_map(last_features(bound(Network(join)), 0), "cam")


def slow(features: Any, weights: str) -> Tensor:
    """The papers' formulas, position by position."""
    activations, gradients = features.maps[0].activations.double(), features.maps[0].gradients.double()
    channels, height, width = activations.shape
    places = [(i, j) for i in range(height) for j in range(width)]
    found = torch.zeros(height, width, dtype=torch.float64)
    for k in range(channels):
        a, g = activations[k], gradients[k]
        if weights == "grad-cam":
            found += sum(g[at] for at in places) / len(places) * a
        elif weights == "grad-cam++":
            total = sum(a[at] for at in places)
            alphas = {at: g[at] ** 2 / (2 * g[at] ** 2 + total * g[at] ** 3) for at in places}
            found += sum(alphas[at] * max(g[at], 0) for at in places) * a
        elif weights == "xgrad-cam":
            found += sum(a[at] / a.sum() * g[at] for at in places) * a
        else:
            found += g.clamp(min=0) * a
    return found


def large(found: Tensor) -> Tensor:
    """A map at the photograph's resolution."""
    return F.interpolate(found[None, None], (SIZE, SIZE), mode="bilinear")[0, 0]


@pytest.mark.parametrize("weights", ["grad-cam", "grad-cam++", "xgrad-cam", "layer-cam"])
def test_weights_are_those_of_the_papers(weights: Any) -> None:
    features = last_features(bound(Network(curved)), 2)
    expected = large(slow(features, weights))
    assert torch.allclose(
        activation_map(features, weights).double(), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
    )


def test_eigen_cam_is_the_direction_of_largest_energy() -> None:
    features = last_features(bound(Network(curved)), 0)
    rows = features.maps[0].activations.flatten(1).T.double()
    direction = torch.ones(CHANNELS).double()
    for _ in range(3000):
        direction = rows.T @ (rows @ direction)
        direction /= direction.norm()
    expected = (rows @ direction).reshape(4, 4)
    expected = large(expected * expected.sum().sign())
    found = activation_map(features, "eigen-cam")
    assert torch.allclose(found.double(), expected, atol=1e-4)
    assert torch.equal(found, activation_map(last_features(bound(Network(curved)), 2), "eigen-cam"))


def test_ablation_weights_are_falls_of_the_score_by_brute_force() -> None:
    masked = bound(Network(), batch_size=4)
    features = last_features(masked, 1)
    model = masked.classifier.model
    expected = torch.zeros(SIZE, SIZE)
    for channel in range(CHANNELS):

        def hook(module: nn.Module, args: Any, output: Tensor, channel: int = channel) -> Tensor:
            del module, args
            changed = output.clone()
            changed[:, channel] = 0  # before the rectifier it is 0 after it, too
            return changed

        handle = model.second.register_forward_hook(hook)
        expected += (features.value - logit(masked, 1)) / CHANNELS * features.maps[0].activations[channel]
        handle.remove()
    before = masked.evaluations
    found = activation_map(features, "ablation-cam")
    assert torch.allclose(found, expected, atol=1e-5)
    assert masked.evaluations - before == CHANNELS


# ---- as methods -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", choices_of(ChannelWeights))
def test_maps_are_enlarged_signed_and_tell_their_layer(weights: Any) -> None:
    masked = bound(Network(lambda net, x: net.judge(F.max_pool2d(net.first(x), 4))))
    signed = ActivationMap(weights=weights).attribute(Evaluator(masked, 1), 0, None)
    assert signed.saliency.shape == masked.shape
    assert dict(signed.record) == {"layer": "max_pool2d", "size": f"{CHANNELS}×4×4"}
    positive = ActivationMap(weights=weights, positive=True).attribute(Evaluator(masked, 1), 0, None)
    assert torch.equal(positive.saliency, signed.saliency.clamp(min=0))


def test_a_map_of_one_channel_is_no_special_case() -> None:
    model = nn.Sequential(nn.Conv2d(3, 1, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    masked = bound(model, removal="black")
    features = last_features(masked, 0)
    for weights in choices_of(ChannelWeights):
        assert activation_map(features, weights).shape == (16, 16)
    (channel,) = F.interpolate(features.maps[0].activations[None], (16, 16), mode="bilinear")[0]
    assert torch.allclose(score_cam(masked, features), channel)
    assert torch.allclose(opti_cam(masked, features, OptiCam(rounds=2))[0], channel)


def test_maps_are_scaled_each_by_itself() -> None:
    maps = torch.tensor([[[1.0, 3.0]], [[2.0, 2.0]]])
    assert normalised(maps).tolist() == [[[0.0, 1.0]], [[0.0, 0.0]]]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(OptiCam, {"rounds": 0}), (OptiCam, {"rate": 0.0}), (ScoreCam, {"steps": 1}), (ActivationMap, {"blur": 2.0})],
)
def test_bad_parameters_are_named(kind: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        kind(**settings)
