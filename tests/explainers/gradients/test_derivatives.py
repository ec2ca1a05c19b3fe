from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import Network, bound
from unseen.classifier.scores import Score
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.gradients.derivatives import contrast, over_channels, stream
from unseen.explainers.gradients.gradient import gradient
from unseen.explainers.gradients.rectifiers import rectified_gradient
from unseen.removal.deactivation.features import last_features
from unseen.system.options import choices_of


def unseen_by_autograd(net: Network, x: Tensor) -> Tensor:
    with torch.no_grad():
        features = net.first(x).relu()
    return net.judge(features)


@pytest.mark.parametrize("trainable", [True, False])
@pytest.mark.parametrize(
    "join",
    [
        lambda net, x: net.judge(net.first(x.detach()).relu()),
        lambda net, x: net.judge(net.first(x.data).relu()),
        lambda net, x: net.judge(net.first(x.round().sign().int().double()).relu()),
        unseen_by_autograd,
    ],
)
def test_a_network_through_which_no_gradient_comes_is_refused(join: Any, trainable: bool) -> None:
    """Even if its logits have gradients, because the head's weights are trained."""
    masked = bound(Network(join).requires_grad_(trainable))
    with pytest.raises(NotApplicableError, match="have no gradient"):
        gradient(masked, 0)


def test_a_network_that_autograd_cannot_go_back_through_is_refused() -> None:
    def overwritten(net: Network, x: Tensor) -> Tensor:
        features = net.first(x).sigmoid()
        seen = features * 2
        features.mul_(2)
        return net.judge(seen)

    with pytest.raises(NotApplicableError, match=r"autograd cannot differentiate Network \(one of the variables"):
        gradient(bound(Network(overwritten)), 0)
    assert last_features(bound(Network(overwritten)), 0).maps  # back to the last map autograd finds the way
    with pytest.raises(NotApplicableError, match="autograd cannot"):
        rectified_gradient(bound(Network(lambda net, x: overwritten(net, x.relu()))), 0, "guided")


def test_gradients_come_even_where_they_are_switched_off() -> None:
    masked = bound(Network())
    with torch.no_grad():
        inside = gradient(masked, 0)
    assert torch.equal(inside, gradient(masked, 0))
    assert bool(inside.any())


def test_backward_passes_are_in_evaluation_mode_too() -> None:
    """A network with checkpoints runs once more in them, and must not count running statistics then."""
    seen: list[bool] = []

    def told(net: Network, x: Tensor) -> Tensor:
        features = net.first(x).relu()
        if features.requires_grad:
            features.register_hook(lambda _: seen.append(net.training))
        return net.judge(features)

    model = Network(told).train()
    for ask in (gradient, last_features, lambda masked, target: rectified_gradient(masked, target, "guided")):
        ask(bound(model), 0)
    assert len(seen) >= 3
    assert not any(seen)
    assert model.training


def test_a_batch_norm_before_tokens_is_passed_backwards_rightly() -> None:
    """Torch 2.13 does not, on a CPU, for a single photograph: its gradients are another network's."""

    def tokens(net: Network, x: Tensor) -> Tensor:
        values = net.norm(net.first(x)).flatten(2).transpose(1, 2)
        return net.head(net.dense(values).relu().mean(1))

    masked = bound(Network(tokens))
    step = torch.randn(masked.image.shape, generator=torch.Generator().manual_seed(0)).double()
    up, down = (masked.classifier.forward((masked.image + sign * 1e-6 * step)[None])[0, 0] for sign in (1, -1))
    slope = float((up - down).detach()) / 2e-6
    assert float((gradient(masked, 0) * step).sum()) == pytest.approx(slope, rel=1e-4)
    assert float((rectified_gradient(masked, 0, "guided") * step).sum()) != pytest.approx(slope, rel=1e-2)


def test_a_half_precision_network_gives_float32() -> None:
    masked = bound(Network().bfloat16(), double=False)
    found = gradient(masked, 0)
    assert found.dtype == torch.float32
    exact = gradient(bound(Network(), double=False), 0)
    assert float((found - exact).norm()) < 0.1 * float(exact.norm())


def test_channels_are_joined_as_asked() -> None:
    values = torch.tensor([1.0, -3.0, 0.5])[:, None, None]
    assert over_channels(values, "sum").item() == -1.5
    assert over_channels(values, "max-abs").item() == 3.0


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("wrong", ["mean", "", "SUM"])
def test_channels_are_joined_in_no_other_way(wrong: Any) -> None:
    with pytest.raises(ParameterError, match=f"channels must be 'sum' or 'max-abs', got '{wrong}'"):
        over_channels(torch.zeros(3, 1, 1), wrong)


def test_contrast_is_in_units_of_pixels() -> None:
    masked = bound(Network())
    std = torch.tensor(masked.classifier.preprocessing.std)[:, None, None]
    assert torch.allclose(contrast(masked) / std, masked.classifier.normalise(masked.image[None])[0], atol=1e-6)


def test_streams_are_apart() -> None:
    drawn = {tuple(torch.rand(2, generator=stream(seed, number)).tolist()) for seed in range(3) for number in range(4)}
    assert len(drawn) == 12


def test_the_probability_is_the_softmax_of_float_logits() -> None:
    assert choices_of(Score) == ("logit", "probability")
    masked = bound(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), size=2)
    pixels = masked.image[None].clone().requires_grad_()
    masked.classifier.forward(pixels).softmax(1)[0, 1].backward()
    assert torch.allclose(gradient(masked, 1, score="probability").double(), pixels.grad[0], rtol=1e-6)
