from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import CHANNELS, Network, bound
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.gradients.gradient import gradient
from unseen.explainers.gradients.rectifiers import RectifiedGradient, rectified_gradient
from unseen.explainers.sufficient.evaluation import Evaluator


class Literal(torch.autograd.Function):
    """A rectifier whose backward pass is the paper's, written out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rule: str, most: float) -> Tensor:
        ctx.open, ctx.rule = (x > 0) & (x < most), rule
        return x.clamp(0, most)

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Any:
        positive = signals[0].clamp(min=0)
        return (positive if ctx.rule == "deconvnet" else positive * ctx.open), None, None


def rectified(net: Network, x: Tensor, act: Any) -> Tensor:
    once = act(net.norm(net.first(x)))
    return net.judge(act(net.second(act(net.second(once))) + once))


REUSED = nn.ReLU()
WAYS = {
    "functional": F.relu,
    "method": Tensor.relu,
    "module": REUSED,
    "in place": lambda x: F.relu(x, inplace=True),
    "method in place": Tensor.relu_,
    "clamp": lambda x: x.clamp(min=0),
    "clamp in place": lambda x: x.clamp_(min=0),
    "clamp by a tensor": lambda x: x.clamp(min=torch.zeros(())),
    "clamp_min": lambda x: x.clamp_min(0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "threshold in place": lambda x: F.threshold(x, 0, 0, inplace=True),
}


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_a_rectifier_is_met(way: str, rule: Any) -> None:
    literal = bound(Network(lambda net, x: rectified(net, x, lambda y: Literal.apply(y, rule, torch.inf))))
    expected = gradient(literal, 0)
    found = rectified_gradient(bound(Network(lambda net, x: rectified(net, x, WAYS[way]))), 0, rule)
    assert torch.allclose(found, expected, atol=1e-6 * float(expected.abs().max()))
    plain = gradient(bound(Network(lambda net, x: rectified(net, x, F.relu))), 0)
    assert not torch.allclose(found, plain, atol=0.1 * float(expected.abs().max()))


@pytest.mark.parametrize(
    "way",
    [F.relu6, lambda x: F.relu6(x, inplace=True), nn.ReLU6(), lambda x: x.clamp(0, 6), lambda x: F.hardtanh(x, 0, 6)],
)
def test_relu6_is_a_rectifier(way: Any) -> None:
    literal = bound(Network(lambda net, x: rectified(net, 9 * x, lambda y: Literal.apply(y, "guided", 6.0))))
    found = rectified_gradient(bound(Network(lambda net, x: rectified(net, 9 * x, way))), 0, "guided")
    assert torch.allclose(found, gradient(literal, 0), atol=1e-6)


def test_by_hand() -> None:
    """Two hidden values of one pixel: relu(2x) − relu(x) lets nothing that is negative through."""

    class Two(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            bright = x[:, 0, 0, :1]
            return torch.cat([F.relu(2 * bright) - F.relu(bright) + 3 * F.relu(bright - 5), bright], 1)

    masked = bound(Two(), image=torch.full((3, 1, 1), 0.5), normalise=False, double=False)
    assert gradient(masked, 0)[0].item() == 1  # 2 − 1 + 0
    assert rectified_gradient(masked, 0, "guided")[0].item() == 2  # 2 + 0 + 0
    assert rectified_gradient(masked, 0, "deconvnet")[0].item() == 5  # 2 + 0 + 3


def test_the_plain_gradient_is_as_before() -> None:
    """The change lives in the graph of one pass."""
    masked = bound(Network())
    before = gradient(masked, 0)
    rectified_gradient(masked, 0, "guided")
    assert torch.equal(gradient(masked, 0), before)


def test_gates_that_look_elsewhere_are_no_activations() -> None:
    def squeezed(net: Network, x: Tensor) -> Tensor:
        features = net.first(x).relu()
        gate = net.dense(net.dense(features.mean((2, 3))).relu()).sigmoid()
        return net.judge(features * gate[:, :, None, None])

    def halves(net: Network, x: Tensor) -> Tensor:
        value, gate = net.first(x).relu().chunk(2, 1)
        return F.pad(value * gate.sigmoid(), (0, 0, 0, 0, 0, 3)).mean((2, 3)) @ net.head.weight.T

    def normed(net: Network, x: Tensor) -> Tensor:
        return net.judge(F.normalize(net.first(x).relu() * torch.arange(CHANNELS)[:, None, None].gt(1).double()))

    def pooled(net: Network, x: Tensor) -> Tensor:
        return net.head(net.first(x).relu().clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3))

    for join in (squeezed, halves, normed, pooled):
        assert bool(rectified_gradient(bound(Network(join)), 0, "guided").any())


class Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        del ctx
        return x * 2

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Any:
        del ctx
        return signals[0] * 2


def cube(x: Tensor) -> Tensor:
    return x * (1 + (0.8 * (x + 0.04 * x.pow(3))).tanh()) / 2


OTHERS = {
    "silu": F.silu, "gelu": F.gelu, "elu": F.elu, "leakyrelu": F.leaky_relu, "hardswish": F.hardswish, "mish": F.mish,
    "celu": F.celu, "softplus": F.softplus, "preluk": lambda x: F.prelu(x, torch.full((1,), 0.1).double()),
    "hardtanh": F.hardtanh, "clamp": lambda x: x.clamp(-1, 1), "threshold": lambda x: F.threshold(x, 0.1, 0.0),
    "hardshrink": F.hardshrink, "Custom": Custom.apply,
}  # fmt: skip
IN_PLACE = {
    "silu": lambda x: F.silu(x, inplace=True),
    "elu": lambda x: F.elu(x, inplace=True),
    "celu": lambda x: F.celu(x, inplace=True),
    "leakyrelu": lambda x: F.leaky_relu(x, inplace=True),
    "hardswish": lambda x: F.hardswish(x, inplace=True),
    "hardtanh": lambda x: F.hardtanh(x, inplace=True),
}
BY_HAND = {
    "silu": lambda x: x * x.sigmoid(),
    "silu, scaled": lambda x: (1.7 * x.neg()).sigmoid() * x,
    "silu as a quotient": lambda x: x / (1 + x.neg().exp()),
    "hardswish": lambda x: x * F.relu6(x + 3) / 6,
    "mish": lambda x: x * F.softplus(x).tanh(),
    "gelu": lambda x: x * 0.5 * (1.0 + torch.special.erf(x / 2**0.5)),
    "gelu by tanh": cube,
    "softsign": F.softsign,
}
CHOOSING = {
    "maximum": lambda x: torch.maximum(x, torch.zeros(())),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "through a view": lambda x: x.flatten(1).relu_().view_as(x),
    "of a part": lambda x: torch.cat([x[:, :3].relu_(), x[:, 3:]], 1),
    "a product with a mask": lambda x: x * (x > 0),
    "a product with a float mask": lambda x: (x > 0).double() * x,
}


@pytest.mark.parametrize("place", ["alone", "beside a rectifier"])
@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
@pytest.mark.parametrize(
    ("activation", "reason"),
    [*((act, name) for name, act in [*OTHERS.items(), *IN_PLACE.items()]),
     *((act, "an activation|written by hand") for act in BY_HAND.values()),
     *((act, "a choice by value|a change of a part") for act in CHOOSING.values())],
)  # fmt: skip
def test_other_activations_are_refused_by_name(activation: Any, reason: str, rule: Any, place: str) -> None:
    def join(net: Network, x: Tensor) -> Tensor:
        features = activation(net.norm(net.first(x)))
        return net.judge(net.second(features).relu() if place != "alone" else features)

    with pytest.raises(NotApplicableError, match=f"{rule} is defined for rectifiers.*({reason}).*integrated-gradients"):
        rectified_gradient(bound(Network(join)), 0, rule)


def test_a_network_without_rectifiers_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="Network has none"):
        rectified_gradient(bound(Network(lambda net, x: net.judge(net.second(net.first(x))))), 0, "guided")


def test_scripted_code_is_refused_once_it_hides_its_steps() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        twice = torch.jit.script(_twice)
        for _ in range(3):  # the executor looks at the first passes before it fuses
            twice(torch.rand(2, 2, requires_grad=True, dtype=torch.float64)).sum().backward()
        masked = bound(Network(lambda net, x: net.judge(twice(net.first(x)).relu())))
        with pytest.raises(NotApplicableError, match="scripted code"):
            rectified_gradient(masked, 0, "guided")


def _twice(x: Tensor) -> Tensor:
    return torch.relu(torch.relu(x * 2 + 1) * torch.relu(x) + x)


def test_as_a_method_the_channels_are_joined() -> None:
    masked = bound(Network())
    found = RectifiedGradient(rule="guided", channels="max-abs").attribute(Evaluator(masked, 1), 0, None)
    assert torch.equal(found.saliency, rectified_gradient(masked, 1, "guided").abs().amax(0))
    probable = rectified_gradient(masked, 1, "guided", score="probability")
    assert not torch.allclose(probable, rectified_gradient(masked, 1, "guided"))


def test_bad_parameters_are_named() -> None:
    with pytest.raises(ParameterError, match="blur"):
        RectifiedGradient(blur=-1.0)
