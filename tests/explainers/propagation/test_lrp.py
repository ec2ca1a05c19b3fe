from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import CHANNELS, Network, bound, logit, top
from unseen import Classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.gradients.derivatives import contrast
from unseen.explainers.gradients.gradient import gradient
from unseen.explainers.propagation.lrp import Lrp, relevance
from unseen.explainers.propagation.lrp_pass import RelevanceShares
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import REMOVALS, MaskedClassifier

TINY = 1e-12


def pixel(*layers: nn.Module) -> MaskedClassifier:
    """A photograph of one pixel, so that convolutions are matrices, and layers with random weights."""
    model = nn.Sequential(*layers, nn.Flatten())
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return bound(model, image=torch.tensor([0.9, 0.2, 0.6])[:, None, None])


def literal(
    shares: RelevanceShares, inputs: list[float], weights: list[list[float]], biases: list[float], handed: list[float]
) -> list[float]:
    """The papers' formulas for one layer, term by term."""
    received = [0.0] * len(inputs)
    for row, bias, relevant in zip(weights, biases, handed, strict=True):
        terms = [x * w for x, w in zip(inputs, row, strict=True)]
        if shares.variant == "epsilon":
            for i, term in enumerate(terms):
                received[i] += term / (sum(terms) + bias) * relevant
        elif shares.variant == "gamma":
            side = 1 if sum(terms) + bias > 0 else -1  # favoured is what agrees with the output's sign
            raised = [term * (1 + shares.gamma * (side * term > 0)) for term in terms]
            whole = sum(raised) + bias * (1 + shares.gamma * (side * bias > 0))
            for i, term in enumerate(raised):
                received[i] += term / whole * relevant
        elif shares.variant == "alpha-beta":
            positive, negative = sum(max(t, 0) for t in [*terms, bias]), sum(min(t, 0) for t in [*terms, bias])
            for i, term in enumerate(terms):
                received[i] += shares.alpha * max(term, 0) / positive * relevant if positive else 0
                received[i] -= (shares.alpha - 1) * min(term, 0) / negative * relevant if negative else 0
        else:
            positive = sum(max(t, 0) for t in terms)
            for i, term in enumerate(terms):
                received[i] += max(term, 0) / positive * relevant if positive else 0
    return received


@pytest.mark.parametrize(
    "shares",
    [
        RelevanceShares("epsilon", TINY),
        RelevanceShares("gamma", TINY, 0.5),
        RelevanceShares("alpha-beta", TINY),
        RelevanceShares("alpha-beta", TINY, alpha=2.0),
    ],
)
def test_two_layers_by_the_papers_formulas(shares: RelevanceShares) -> None:
    masked = pixel(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))
    first, _, second = (layer for layer in masked.classifier.model if not isinstance(layer, nn.Flatten))
    x = masked.classifier.normalise(masked.image[None])
    hidden = first(x).relu().flatten().tolist()
    for target in range(2):
        handed = [logit(masked, target) if k == target else 0.0 for k in range(2)]
        between = literal(shares, hidden, second.weight.flatten(1).tolist(), second.bias.tolist(), handed)
        expected = literal(shares, x.flatten().tolist(), first.weight.flatten(1).tolist(), first.bias.tolist(), between)
        found, record = relevance(masked, target, shares)
        assert found.flatten().tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert record["absorbed"] == pytest.approx(logit(masked, target) - sum(expected), abs=1e-6)


def test_deep_taylor_by_the_papers_formulas() -> None:
    """z^B at the photograph, z⁺ above; nothing is absorbed."""
    masked = pixel(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(3, 2))
    first, _, second, _, _, head = list(masked.classifier.model)[:6]
    x, low, high = (
        masked.classifier.normalise(image[None]).flatten()
        for image in (masked.image, torch.zeros_like(masked.image), torch.ones_like(masked.image))
    )
    target = top(masked)
    value = logit(masked, target)
    assert value > 0
    shares = RelevanceShares("deep-taylor", TINY)
    one = first(x.reshape(1, 3, 1, 1)).relu()
    two = second(one).relu()
    handed = literal(shares, two.flatten().tolist(), head.weight[target : target + 1].tolist(), [0.0], [value])
    handed = literal(shares, one.flatten().tolist(), second.weight.flatten(1).tolist(), [0.0] * 3, handed)
    weight = first.weight.flatten(1).detach()
    terms = weight * x - weight.clamp(min=0) * low - weight.clamp(max=0) * high
    expected = (terms / terms.sum(1, keepdim=True) * torch.tensor(handed)[:, None]).sum(0)
    found, record = relevance(masked, target, shares)
    assert found.flatten().tolist() == pytest.approx(expected.tolist(), rel=1e-4)
    assert record["absorbed"] == pytest.approx(0, abs=1e-9)
    assert bool((found >= 0).all())


def test_of_a_linear_model_every_input_gets_its_term() -> None:
    torch.manual_seed(0)
    masked = bound(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), size=4)
    weight = masked.classifier.model[1].weight[1].reshape(3, 4, 4).detach()
    terms = weight * masked.classifier.normalise(masked.image[None])[0]
    found, record = relevance(masked, 1, RelevanceShares(epsilon=TINY))
    assert torch.allclose(found.double(), terms, atol=1e-6)
    assert record["absorbed"] == pytest.approx(float(masked.classifier.model[1].bias[1].detach()), abs=1e-9)


JOINS: dict[str, Any] = {
    "plain": None,
    "norms": lambda net, x: net.judge(net.second(net.norm(net.norm(net.first(x)).relu())).relu_()),
    "residual": lambda net, x: (lambda h: net.judge((net.second(h) + h).relu()))(net.first(x).relu()),
    "concatenated": lambda net, x: (lambda h: net.judge(F.max_pool2d(net.second(torch.cat([h[:, 3:], h[:, :3]], 1)), 2)))(net.first(x).relu()),
    "reused": lambda net, x: net.judge(net.second(net.second(net.first(x).relu()).relu()).relu()),
}  # fmt: skip


@pytest.mark.parametrize("name", JOINS)
def test_with_a_tiny_epsilon_a_relu_network_gives_input_times_gradient(name: str) -> None:
    """Ancona et al., 2018, proposition 1; batch norms and biases do not change it."""
    masked = bound(Network(JOINS[name]))
    for target in range(3):
        found, _ = relevance(masked, target, RelevanceShares(epsilon=TINY))
        expected = contrast(masked) * gradient(masked, target)
        assert torch.allclose(found.double(), expected, atol=1e-5 * float(expected.abs().max()))


def test_of_the_trained_network_nothing_is_lost(classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("grey").bind(classifier, photo)
    target = top(masked)
    found, record = relevance(masked, target, RelevanceShares("gamma"))
    assert record["logit"] == pytest.approx(logit(masked, target), rel=1e-4)
    assert float(found.double().sum()) + record["absorbed"] == pytest.approx(record["logit"], rel=1e-3)
    assert abs(record["gap"]) < 1e-3 * abs(record["logit"])


def test_folding_a_batch_norm_changes_nothing() -> None:
    """The rules see one layer, as if its weights had been folded."""
    split = Network(lambda net, x: net.judge(net.norm(net.second(net.first(x).relu())).relu()))
    folded = Network()
    with torch.no_grad():
        scale = split.norm.weight / (split.norm.running_var + split.norm.eps).sqrt()
        folded.second.weight.mul_(scale[:, None, None, None])
        folded.second.bias.copy_((split.second.bias - split.norm.running_mean) * scale + split.norm.bias)
    for variant in ("gamma", "alpha-beta", "epsilon"):
        one, other = (relevance(bound(model), 0, RelevanceShares(variant, alpha=2.0)) for model in (split, folded))
        assert torch.allclose(one[0], other[0], atol=1e-5)
        assert one[1]["absorbed"] == pytest.approx(other[1]["absorbed"], abs=1e-5)


def test_a_batch_norm_is_not_folded_into_a_layer_that_was_added_to() -> None:
    def added(net: Any, x: Tensor, in_place: bool) -> Tensor:
        first = net.first(x).relu()
        second = net.second(first)
        second = second.add_(first) if in_place else second + first
        return net.judge(net.norm(second).relu())

    for variant in ("gamma", "epsilon"):
        one, other = (
            relevance(bound(Network(lambda net, x, place=place: added(net, x, place))), 0, RelevanceShares(variant))[0]
            for place in (True, False)
        )
        assert torch.allclose(one, other, atol=1e-6)


def test_a_gate_that_is_added_is_refused_and_one_that_multiplies_is_held() -> None:
    def gated(net: Any, x: Tensor, how: Any) -> Tensor:
        values = net.first(x).relu()
        return net.judge(how(values, net.dense(values.mean((2, 3))).sigmoid()[:, :, None, None]))

    with pytest.raises(NotApplicableError, match="add joins a signal with what only weighs signals"):
        relevance(bound(Network(lambda net, x: gated(net, x, torch.add))), 0, RelevanceShares())
    found, _ = relevance(bound(Network(lambda net, x: gated(net, x, torch.mul))), 0, RelevanceShares(epsilon=TINY))
    held = bound(Network(lambda net, x: gated(net, x, lambda values, gate: values * gate.detach())))
    assert torch.allclose(found.double(), contrast(held) * gradient(held, 0), atol=1e-6)


def test_a_product_of_signals_is_halved() -> None:
    masked = bound(
        Network(lambda net, x: net.head(net.first(x).relu().mean((2, 3)) * net.second(net.first(x)).mean((2, 3))))
    )
    found, record = relevance(masked, 0, RelevanceShares(epsilon=TINY))
    assert record["relevance"] + record["absorbed"] == pytest.approx(record["logit"])
    model = masked.classifier.model
    x = masked.classifier.normalise(masked.image[None]).requires_grad_()
    one, two = model.first(x).relu().mean((2, 3)), model.second(model.first(x)).mean((2, 3))
    logits = (one * two.detach() + one.detach() * two) / 2 @ model.head.weight.T
    (slope,) = torch.autograd.grad(logits[0, 0], x)
    assert torch.allclose(found.double(), (x * slope)[0].detach(), atol=1e-6)


GATES_ONLY: dict[str, Any] = {
    "GeM": lambda net, x: net.head(net.first(x).relu().pow(3).mean((2, 3)).pow(1 / 3)),
    "sigmoids": lambda net, x: net.judge(net.second(net.first(x).sigmoid())),
}


@pytest.mark.parametrize("name", GATES_ONLY)
def test_a_network_of_what_only_weighs_is_refused(name: str) -> None:
    with pytest.raises(NotApplicableError, match="only through what weighs signals"):
        relevance(bound(Network(GATES_ONLY[name])), 0, RelevanceShares())


@pytest.mark.parametrize("activation", [F.gelu, F.silu, F.leaky_relu, F.hardswish, F.elu, torch.tanh])
def test_deep_taylor_needs_rectifiers(activation: Any) -> None:
    masked = bound(Network(lambda net, x: net.judge(activation(net.first(x)))))
    with pytest.raises(NotApplicableError, match=r"deep-taylor cannot pass.*is no rectifier"):
        relevance(masked, top(masked), RelevanceShares("deep-taylor"))


def test_deep_taylor_needs_a_positive_logit_and_a_layer_at_the_photograph() -> None:
    masked = bound(Network())
    with torch.no_grad():
        masked.classifier.model.head.bias[1] = -99.0
    with pytest.raises(NotApplicableError, match="decomposes a positive logit, and this is -9"):
        relevance(masked, 1, RelevanceShares("deep-taylor"))
    with pytest.raises(NotApplicableError, match="is changed before the first layer with weights"):
        relevance(bound(Network(lambda net, x: net.judge(net.first(x * 2).relu()))), 0, RelevanceShares("deep-taylor"))


def test_the_photograph_may_be_padded_before_the_first_layer() -> None:
    """As TensorFlow's padding is written: its border of zeros is black and white at once, and gets nothing."""
    inside, ahead = (bound(Network(join)) for join in (
        lambda net, x: net.judge(F.conv2d(x, net.first.weight, net.first.bias, padding=1).relu()),
        lambda net, x: net.judge(F.conv2d(F.pad(x, (1, 1, 1, 1)), net.first.weight, net.first.bias).relu()),
    ))  # fmt: skip
    target = top(inside)
    one, other = (relevance(masked, target, RelevanceShares("deep-taylor")) for masked in (inside, ahead))
    torch.testing.assert_close(one[0], other[0])
    assert one[1] == pytest.approx(other[1])


def test_it_is_told_when_hardly_anything_reaches_the_photograph() -> None:
    masked = bound(Network())
    with torch.no_grad():
        masked.classifier.model.head.bias[0] = 1e4
    (note,) = Lrp()(masked, 0).notes[:1]
    assert "% reaches the pixels; biases take the rest" in note


def test_deep_taylor_of_rectifiers_is_positive_and_complete() -> None:
    """For a network without biases, whatever is between."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3, bias=False),
        nn.ReLU6(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 3, bias=False),
    )
    torch.manual_seed(0)
    masked = bound(model)
    found, record = relevance(masked, top(masked), RelevanceShares("deep-taylor", TINY))
    assert record["relevance"] == pytest.approx(record["logit"], rel=1e-6)
    assert bool((found >= -1e-7).all())


def test_as_a_method_it_records_where_the_logit_went() -> None:
    masked = bound(Network())
    found = Lrp(variant="gamma", gamma=1.0).attribute(Evaluator(masked, 1), 0, None)
    values, record = relevance(masked, 1, RelevanceShares("gamma", gamma=1.0))
    assert torch.equal(found.saliency, values.sum(0))
    assert dict(found.record) == pytest.approx(record)
    assert len(values) == 3
    assert CHANNELS == 6


@pytest.mark.parametrize("settings", [{"epsilon": 0.0}, {"gamma": -0.1}, {"alpha": 0.5}, {"block": 0.7}])
def test_bad_parameters_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        Lrp(**settings)
