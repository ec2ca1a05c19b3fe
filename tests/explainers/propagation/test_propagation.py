"""What LRP, DeepLIFT and FullGrad share: how a pass is followed, what is refused, what is accounted for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.networks import CHANNELS, SIZE, Network, bound, logit, top
from unseen.errors import NotApplicableError
from unseen.explainers.gradients.gradient import gradient
from unseen.explainers.propagation.deeplift import deeplift
from unseen.explainers.propagation.fullgrad import full_gradient
from unseen.explainers.propagation.lrp import AttnLrp, relevance
from unseen.explainers.propagation.lrp_pass import LrpVariant, RelevanceShares
from unseen.removal import MaskedClassifier
from unseen.system.options import choices_of

Join = Callable[[Any, Tensor], Tensor]


def over_places(weights: Tensor) -> Tensor:
    return weights[:, :, None, None]


def add_to_part(net: Any, x: Tensor) -> Tensor:
    first = net.first(x).relu()
    second = net.second(first)
    second[:, :3] += first[:, :3]
    return net.judge(net.norm(second).relu())


def assign_a_part(net: Any, x: Tensor) -> Tensor:
    values = torch.ones(len(x), CHANNELS, SIZE, SIZE, dtype=x.dtype)
    values[:, :3] = net.first(x).relu()[:, :3]
    return net.judge(values)


def normed_by_hand(net: Any, x: Tensor) -> Tensor:
    values = net.first(x)
    centred = values - values.mean(1, keepdim=True)
    return net.judge((centred / (centred.pow(2).mean(1, keepdim=True) + 1e-5).sqrt()).relu())


def squeezed(net: Any, x: Tensor) -> Tensor:
    values = net.first(x).relu()
    return net.judge(values * over_places(net.dense(net.dense(values.mean((2, 3))).relu()).sigmoid()))


def softmax_by_hand(net: Any, x: Tensor) -> Tensor:
    values = net.first(x).relu()
    return net.head((values * (values.exp() / values.exp().sum((2, 3), keepdim=True))).sum((2, 3)))


def attended(net: Any, x: Tensor) -> Tensor:
    tokens = F.layer_norm(net.tokens(x), (CHANNELS,))
    return net.head((tokens + net.attention(tokens, tokens, tokens, need_weights=False)[0]).mean(1))


def masked_attention(net: Any, x: Tensor) -> Tensor:
    tokens = net.tokens(x)
    return net.head(F.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=triangle()).mean(1))


def masked_by_hand(net: Any, x: Tensor) -> Tensor:
    tokens = net.tokens(x)
    return net.head(
        ((tokens @ tokens.transpose(1, 2)).masked_fill(~triangle(), -torch.inf).softmax(-1) @ tokens).mean(1)
    )


def triangle() -> Tensor:
    return torch.ones(16, 16, dtype=torch.bool).tril()


def parts(net: Any, x: Tensor) -> Tensor:
    value, gate = net.first(x).chunk(2, 1)
    return net.head(F.pad((value * gate.sigmoid()).mean((2, 3)), (0, 3)))


BOTH: dict[str, Join] = {
    "plain": lambda net, x: net.judge(net.second(net.first(x).relu()).relu()),
    "in place": lambda net, x: net.judge(F.relu(net.second(net.first(x).relu_()), inplace=True)),
    "through a view": lambda net, x: net.judge(net.first(x).flatten(1).relu_().view(len(x), CHANNELS, SIZE, SIZE)),
    "reused": lambda net, x: net.judge(net.second(net.second(net.first(x).relu()).relu()).relu()),
    "residual": lambda net, x: (lambda h: net.judge(net.second(h).add_(h).relu_()))(net.first(x).relu()),
    "norm after": lambda net, x: net.judge(net.norm(net.second(net.first(x).relu())).relu()),
    "norm before tokens": lambda net, x: net.head(net.dense(net.norm(net.first(x)).flatten(2).transpose(1, 2)).relu().mean(1)),
    "norm before": lambda net, x: net.judge(net.second(net.norm(net.first(x).relu())).relu()),
    "norm after a sum in place": lambda net, x: (lambda h: net.judge(net.norm(net.second(h).add_(h)).relu()))(net.first(x).relu()),
    "norm after a sum in a view": add_to_part,
    "assignment": assign_a_part,
    "concatenated": lambda net, x: (lambda h: net.judge(net.second(torch.cat([h[:, :2], h[:, 2:] - 1], 1)).relu()))(net.first(x).relu()),
    "max pool": lambda net, x: net.judge(F.max_pool2d(net.first(x).relu(), 3, 2, 1)),
    "overlapping ceil pool": lambda net, x: net.judge(F.max_pool2d(net.first(x), 3, 2, ceil_mode=True)),
    "largest": lambda net, x: net.head(net.first(x).relu().amax((2, 3))),
    "adaptive max": lambda net, x: net.head(F.adaptive_max_pool2d(net.first(x), 1).flatten(1)),
    "no bias": lambda net, x: F.conv2d(F.conv2d(x, net.first.weight).relu(), net.second.weight).relu().mean((2, 3)) @ net.head.weight.T,
    "flattened": lambda net, x: F.linear(F.avg_pool2d(net.first(x).relu(), 8).flatten(1), torch.linspace(-1, 1, 72).reshape(3, 24).to(x)),
    "transposed": lambda net, x: net.head(net.first(x).relu().mean((2, 3)).T.T),
    "depthwise": lambda net, x: net.judge(F.conv2d(net.first(x).relu(), net.second.weight[:, :1], groups=CHANNELS).relu()),
    "leaky in place": lambda net, x: net.judge(F.leaky_relu_(net.first(x), 0.2)),
    "prelu": lambda net, x: net.judge(F.prelu(net.first(x), torch.linspace(-0.2, 0.4, CHANNELS).to(x))),
    "silu": lambda net, x: net.judge(F.silu(net.first(x), inplace=True)),
    "silu by hand": lambda net, x: (lambda h: net.judge(h * h.sigmoid()))(net.first(x)),
    "gelu, channels last": lambda net, x: net.head(F.gelu(net.first(x).permute(0, 2, 3, 1)).mean((1, 2))),
    "relu6": lambda net, x: net.judge(F.relu6(9 * net.first(x), inplace=True)),
    "halved and gated": parts,
    "squeezed": squeezed,
    "softmax by hand": softmax_by_hand,
    "layer norm by hand": normed_by_hand,
    "layer norm": lambda net, x: net.head(F.layer_norm(net.first(x).permute(0, 2, 3, 1), (CHANNELS,)).relu().mean((1, 2))),
    "group norm": lambda net, x: net.judge(F.group_norm(net.first(x), 2, net.norm.weight, net.norm.bias).relu()),
    "instance norm": lambda net, x: net.judge(F.instance_norm(net.first(x)).relu()),
    "attention": attended,
    "masked attention": masked_attention,
    "attention masked by hand": masked_by_hand,
    "einsum": lambda net, x: net.judge(torch.einsum("nchw,dc->ndhw", net.first(x).relu(), net.dense.weight)),
    "one position": lambda net, x: net.head(net.second(F.avg_pool2d(net.first(x).relu(), SIZE)).relu().flatten(1)),
    "bilinear": lambda net, x: net.judge(F.interpolate(net.first(x).relu(), scale_factor=2, mode="bilinear")),
    "dropout that is off": lambda net, x: net.judge(F.dropout(net.first(x).relu(), 0.5, net.training)),
    "constants in the dtype of a signal": lambda net, x: (lambda h: net.judge(h + net.dense.bias[:, None, None].expand_as(h) + torch.ones(1).to(h) + torch.zeros_like(h)))(net.first(x).relu()),
    "float64 and back": lambda net, x: net.judge(net.first(x).double().relu().to(x.dtype)),
}  # fmt: skip


def black(masked: MaskedClassifier) -> Tensor:
    return torch.zeros_like(masked.image)


@pytest.mark.parametrize("variant", ["epsilon", "gamma", "alpha-beta"])
@pytest.mark.parametrize("name", BOTH)
def test_the_logit_is_handed_on_without_loss(name: str, variant: Any) -> None:
    masked = bound(Network(BOTH[name]))
    target = top(masked)
    found, record = relevance(
        masked, target, RelevanceShares(variant, alpha=2.0 if variant == "alpha-beta" else 1.0, epsilon=1e-12)
    )
    assert record["logit"] == pytest.approx(logit(masked, target), abs=1e-12)
    scale = max(1.0, abs(record["absorbed"]))
    assert abs(record["gap"]) < 1e-9 * scale
    assert float(found.double().sum()) == pytest.approx(record["relevance"], abs=1e-5 * scale)
    assert bool(found.any())


@pytest.mark.parametrize("name", ["attention", "masked attention", "attention masked by hand"])
def test_nothing_is_lost_through_the_softmax_of_attention(name: str) -> None:
    masked = bound(Network(BOTH[name]))
    target = top(masked)
    found, record = relevance(masked, target, AttnLrp(epsilon=1e-12))
    assert abs(record["gap"]) < 1e-9 * max(1.0, abs(record["absorbed"]))
    held, _ = relevance(masked, target, RelevanceShares(epsilon=1e-12))
    assert not torch.allclose(found, held, rtol=1e-2)


@pytest.mark.parametrize("name", BOTH)
def test_contributions_add_up_to_the_change_of_the_logit(name: str) -> None:
    masked = bound(Network(BOTH[name]))
    found = deeplift(masked, 1, black(masked))
    change = logit(masked, 1) - logit(masked, 1, black(masked))
    assert found.difference == pytest.approx(change, abs=1e-12)
    assert abs(found.gap) < 1e-6 * max(1.0, abs(change))
    assert bool(found.values.any())
    assert masked.evaluations == 2


@pytest.mark.parametrize("name", BOTH)
def test_what_the_photograph_and_the_biases_add_is_the_logit(name: str) -> None:
    masked = bound(Network(BOTH[name]))
    found = full_gradient(masked, 1, placed=False)
    shares = found.shares
    assert shares["logit"] == pytest.approx(logit(masked, 1), abs=1e-12)
    assert abs(shares["gap"]) < 1e-5 * max(1.0, *map(abs, shares.values()))
    expected = gradient(masked, 1) * masked.classifier.statistics[1].to(masked.image)  # of the normalised input
    assert torch.allclose(found.gradient.double(), expected.double(), rtol=1e-4, atol=1e-6)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        del ctx
        return x * 2

    @staticmethod
    def backward(ctx: Any, *signals: Tensor) -> Any:
        del ctx
        return signals[0] * 2


def without_gradients(net: Any, x: Tensor) -> Tensor:
    values = net.first(x).relu()
    with torch.no_grad():
        twice = values * 2
    return net.judge(values + twice)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    SCRIPTED = torch.jit.script(torch.nn.ReLU())

REFUSED: dict[str, Join] = {
    "scripted, compiled or custom": lambda net, x: net.judge(SCRIPTED(net.first(x))),
    "custom autograd.Function": lambda net, x: net.judge(Doubled.apply(net.first(x))),
    "detach": lambda net, x: (lambda h: net.judge(h + h.detach()))(net.first(x).relu()),
    "data": lambda net, x: (lambda h: net.judge(h + h.data))(net.first(x).relu()),
    "mul is called without gradients": without_gradients,
    "dropout drops at random": lambda net, x: net.judge(net.first(x).relu() + 0 * F.dropout(net.first(x), 0.5)),
    "div rounds": lambda net, x: net.judge(torch.div(net.first(x), 0.1, rounding_mode="floor")),
    "gt": lambda net, x: (lambda h: net.judge(h * (h > 0)))(net.first(x)),
    "maximum": lambda net, x: net.judge(torch.maximum(net.first(x), torch.zeros(()))),
    "max_pool2d_with_indices": lambda net, x: net.judge(F.max_pool2d(net.first(x), 2, return_indices=True)[0]),
    "fft_fft2|fft2": lambda net, x: net.judge(torch.fft.fft2(net.first(x)).real),
    "normalises by its batch": lambda net, x: net.judge(F.batch_norm(net.first(x), None, None, training=True)),
    "log_softmax": lambda net, x: net.judge(net.first(x).relu()).log_softmax(1),
    "parameter that depends on the photograph": lambda net, x: net.judge(F.prelu(net.first(x), net.first(x).mean((0, 2, 3)).abs())),
}  # fmt: skip


ASKED: dict[str, Callable[[MaskedClassifier], object]] = {
    "lrp": lambda masked: relevance(masked, 0, RelevanceShares()),
    "deeplift": lambda masked: deeplift(masked, 0, black(masked)),
    "fullgrad": lambda masked: full_gradient(masked, 0, placed=False),
}


@pytest.mark.parametrize("method", ASKED)
@pytest.mark.parametrize("reason", REFUSED)
def test_what_has_no_rule_is_refused_by_name(reason: str, method: str) -> None:
    masked = bound(Network(REFUSED[reason]))
    with pytest.raises(NotApplicableError, match=f"cannot pass Network: .*({reason}).*choose another method"):
        ASKED[method](masked)


@pytest.mark.parametrize("variant", choices_of(LrpVariant))
def test_the_module_is_named(variant: Any) -> None:
    masked = bound(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.LogSoftmax(1), torch.nn.Flatten()))
    with pytest.raises(NotApplicableError, match="log_softmax in module '1'"):
        relevance(masked, 0, RelevanceShares(variant))


def test_a_network_that_is_no_function_of_the_photograph_is_refused() -> None:
    masked = bound(Network(lambda net, x: net.judge(net.second.bias[:, None, None].expand(len(x), -1, 4, 4))))
    with pytest.raises(NotApplicableError, match="depends on the photograph only through"):
        relevance(masked, 0, RelevanceShares())
    with pytest.raises(NotApplicableError, match="the output does not depend on the photograph"):
        deeplift(masked, 0, black(masked))


def shifted(x: Tensor) -> Tensor:
    x -= 0.5
    return x


def blanked(x: Tensor) -> Tensor:
    x[:, :, 0] = 0
    return x


IN_PLACE = {
    "shifted": shifted,
    "blanked": blanked,
    "scaled": lambda x: x.mul_(2),
    "rectified": lambda x: F.relu_(x),
    "two steps": lambda x: x.div_(2).sub_(0.1),
}


@pytest.mark.parametrize("change", IN_PLACE)
@pytest.mark.parametrize("variant", ["epsilon", "gamma", "alpha-beta"])
def test_the_network_may_change_its_input_in_place(change: str, variant: Any) -> None:
    plain = bound(Network(lambda net, x: net.judge(net.first(IN_PLACE[change](x.clone())).relu())))
    masked = bound(Network(lambda net, x: net.judge(net.first(IN_PLACE[change](x)).relu())))
    before = masked.image.clone()
    for ask in (lambda m: relevance(m, 0, RelevanceShares(variant))[0], lambda m: deeplift(m, 0, black(m)).values):
        torch.testing.assert_close(ask(masked), ask(plain))
    assert torch.equal(masked.image, before)


@pytest.mark.parametrize("change", ["shifted", "blanked", "scaled"])
def test_the_rule_for_pixels_notices_it(change: str) -> None:
    masked = bound(Network(lambda net, x: net.judge(net.first(IN_PLACE[change](x)).relu())))
    with pytest.raises(NotApplicableError, match=r"the input is changed before the first layer|positive logit"):
        relevance(masked, top(masked), RelevanceShares("deep-taylor"))
