"""Each rule of relevance propagation alone, on tensors of a few numbers, against its formula worked by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers.propagation.lrp_pass import Relevance, RelevanceShares
from unseen.explainers.propagation.lrp_rules import ATTENTION_RULES, GATED, RULES, attention_weights

TINY = RelevanceShares("epsilon", 1e-12)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def passed(
    rule: Callable[[Tensor], Tensor], inputs: Tensor, shares: RelevanceShares = TINY, rules: Any = RULES
) -> tuple[Tensor, float]:
    """What the inputs are assigned of the sum of the outputs, and what constants are."""
    black, white = (torch.full_like(inputs, bound).requires_grad_() for bound in (0.0, 1.0))
    run = Relevance(rules, GATED, shares, Classifier(nn.Flatten(), Preprocessing((1, 4), None)), (black, white))
    entered = inputs.clone().requires_grad_()
    signal = run.enter(entered)
    with run:
        output = rule(signal)
    torch.testing.assert_close(output.detach(), rule(inputs))  # the network sees the values that it expects
    total = output.sum()
    (slope,) = torch.autograd.grad(total, entered)
    found = entered.detach() * slope
    assert float(found.sum()) + run.absorbed == pytest.approx(float(total.detach()), abs=1e-6)  # nothing is lost
    return found, run.absorbed


def test_a_layer_shares_by_what_each_input_contributes() -> None:
    weight, bias = double(2.0, -1.0, 0.5)[None], double(0.5)
    found, absorbed = passed(lambda x: F.linear(x, weight, bias), double(1.0, 2.0, 4.0)[None])
    assert found[0].tolist() == pytest.approx([2.0, -2.0, 2.0])
    assert absorbed == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        # contributions 2, −2, 2 and no bias: the sum is 2
        (RelevanceShares("gamma", 1e-12, 1.0), [2 * 4 / 6, 2 * -2 / 6, 2 * 4 / 6]),
        (RelevanceShares("alpha-beta", 1e-12, alpha=2.0), [2 * 2 * 2 / 4, -2.0, 2 * 2 * 2 / 4]),
        (RelevanceShares("alpha-beta", 1e-12, alpha=1.0), [1.0, 0.0, 1.0]),
    ],
)
def test_a_convolution_takes_the_variant(shares: RelevanceShares, expected: list[float]) -> None:
    weight = double(2.0, -1.0, 0.5).reshape(1, 3, 1, 1)
    found, _ = passed(lambda x: F.conv2d(x, weight), double(1.0, 2.0, 4.0).reshape(1, 3, 1, 1), shares)
    assert found.flatten().tolist() == pytest.approx(expected)


def test_at_the_photograph_deep_taylor_asks_what_a_pixel_adds_to_its_lowest_value() -> None:
    # z^B with pixels from 0 to 1: x w − 0 · w⁺ − 1 · w⁻ = 1, 0.5 for w = 2, −1 and x = 0.5
    weight = double(2.0, -1.0).reshape(1, 2, 1, 1)
    black, white = (torch.full((1, 2, 1, 1), bound, dtype=torch.float64).requires_grad_() for bound in (0.0, 1.0))
    shares = RelevanceShares("deep-taylor", 1e-12)
    run = Relevance(RULES, GATED, shares, Classifier(nn.Flatten(), Preprocessing((1, 4), None)), (black, white))
    entered = torch.full((1, 2, 1, 1), 0.5, dtype=torch.float64).requires_grad_()
    signal = run.enter(entered)
    with run:
        total = F.conv2d(signal, weight).sum()
    leaves = (entered, black, white)
    slopes = torch.autograd.grad(total, leaves)
    found = torch.stack([leaf.detach() * slope for leaf, slope in zip(leaves, slopes, strict=True)]).sum(0)
    assert found.flatten().tolist() == pytest.approx([0.5 * 1 / 1.5, 0.5 * 0.5 / 1.5])


def test_a_batch_norm_is_folded_into_the_layer_before_it() -> None:
    weight, mean, variance = double(2.0, -1.0).reshape(1, 2, 1, 1), double(0.5), double(3.0)

    def rule(x: Tensor) -> Tensor:
        return F.batch_norm(F.conv2d(x, weight), mean, variance, double(4.0), double(1.0), eps=1.0)

    found, absorbed = passed(rule, double(1.0, 3.0).reshape(1, 2, 1, 1))
    assert found.flatten().tolist() == pytest.approx([2 * 4 / 2, -3 * 4 / 2])  # scaled by γ / √(variance + ε) = 2
    assert absorbed == pytest.approx(1 - 0.5 * 4 / 2, abs=1e-9)


def test_a_layer_norm_centres_and_holds_its_deviation() -> None:
    inputs, weight = double(1.0, 2.0, 6.0), double(1.0, -2.0, 0.5)
    deviation = (inputs.var(correction=0) + 0.25).sqrt()
    centring = torch.eye(3, dtype=torch.float64) - 1 / 3
    expected = inputs * (centring / deviation * weight[:, None]).sum(0)
    found, _ = passed(lambda x: F.layer_norm(x, (3,), weight, double(0.5, 0.5, 0.5), 0.25), inputs[None])
    torch.testing.assert_close(found[0], expected)


@pytest.mark.parametrize("function", [F.gelu, F.silu, torch.tanh, F.relu6, torch.erf, F.elu])
def test_an_activation_passes_relevance_on_as_it_is(function: Callable[[Tensor], Tensor]) -> None:
    inputs = double(-1.0, 0.0, 0.5, 7.0)[None]
    found, absorbed = passed(function, inputs)
    torch.testing.assert_close(found, function(inputs))
    assert absorbed == 0


def test_an_activation_that_is_not_0_at_0_is_refused() -> None:
    with pytest.raises(NotApplicableError, match="is not 0 at 0"):
        passed(lambda x: x.clamp(min=0.5), double(1.0)[None])


def test_what_weighs_a_signal_is_held() -> None:
    inputs = double(-1.0, 2.0)[None]
    found, _ = passed(lambda x: x * x.sigmoid(), inputs)
    torch.testing.assert_close(found, inputs * inputs.sigmoid())
    found, _ = passed(lambda x: x * x.exp(), inputs)
    torch.testing.assert_close(found, inputs * inputs.exp())
    with pytest.raises(NotApplicableError, match="makes a gate in place"):
        passed(lambda x: x * x.clone().sigmoid_(), inputs)


def test_of_two_signals_each_gets_half() -> None:
    found, _ = passed(lambda x: x[:, :1] * x[:, 1:], double(3.0, -2.0)[None])
    assert found[0].tolist() == pytest.approx([-3.0, -3.0])
    found, _ = passed(lambda x: x[:, :1] @ x[:, 1:], double(3.0, -2.0)[None])
    assert found[0].tolist() == pytest.approx([-3.0, -3.0])


def test_a_constant_matrix_is_a_layer_on_either_side() -> None:
    weight = double(2.0, -1.0)[:, None]
    right, _ = passed(lambda x: x @ weight, double(1.0, 3.0)[None])
    left, _ = passed(lambda x: weight.T @ x.T, double(1.0, 3.0)[None])
    assert right[0].tolist() == left[0].tolist() == pytest.approx([2.0, -3.0])


def test_what_divides_by_a_signal_is_refused() -> None:
    for rule in (lambda x: x[:, :1] / x[:, 1:], lambda x: torch.ones_like(x) / x):
        with pytest.raises(NotApplicableError, match="divides by a signal"):
            passed(rule, double(3.0, 2.0)[None])


def test_weights_that_depend_on_the_photograph_are_refused() -> None:
    with pytest.raises(NotApplicableError, match="weights that depend on the photograph"):
        passed(lambda x: F.linear(x, x), double(3.0, 2.0)[None])


def test_attention_weighs_values_and_is_held() -> None:
    query, key = (torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(n)).double() for n in (0, 1))
    value = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(2)).double()
    weights = attention_weights(query, key, None, None)
    torch.testing.assert_close(weights @ value, F.scaled_dot_product_attention(query, key, value))
    found, _ = passed(lambda x: F.scaled_dot_product_attention(query, key, x), value)
    torch.testing.assert_close(found, weights.sum(1)[..., None] * value)
    hidden = torch.tensor([True, False, True])
    masked = attention_weights(query, key, hidden, 0.5)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=hidden.expand(3, 3), scale=0.5)
    torch.testing.assert_close(masked @ value, expected)
    with pytest.raises(NotApplicableError, match="values that do not depend on the photograph"):
        passed(lambda x: F.scaled_dot_product_attention(x, key, value) + x, query)


def test_a_softmax_hands_on_by_its_derivative() -> None:
    """R_i = x_i (R_i − s_i Σ R), of outputs that are weighed by 1, 2 and −1; constant weights are a layer on either side."""
    inputs, weight = double(1.0, -0.5, 2.0), double(1.0, 2.0, -1.0)
    shares = inputs.softmax(0)
    relevance = shares * weight
    expected = inputs * (relevance - shares * relevance.sum())
    for dim in (-1, 1):
        found, _ = passed(lambda x: x.softmax(dim) * weight, inputs[None], rules=ATTENTION_RULES)  # noqa: B023
        torch.testing.assert_close(found[0], expected)
    with pytest.raises(NotApplicableError, match="without the axis"):
        passed(lambda x: F.softmax(x, _stacklevel=5), inputs[None], rules=ATTENTION_RULES)


def test_attention_that_is_followed_shares_with_queries_and_keys() -> None:
    """Half to the values, half to the weights; a boolean mask leaves out what it hides."""
    tokens = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(0)).double()
    hidden = torch.tensor([True, False, True]).expand(3, 3)
    for mask in (None, hidden):
        fused = passed(lambda x: F.scaled_dot_product_attention(x, x, x, mask), tokens, rules=ATTENTION_RULES)  # noqa: B023
        steps = passed(lambda x: attention_weights(x, x, None, None) @ x, tokens, rules=ATTENTION_RULES)
        assert torch.allclose(fused[0], steps[0]) == (mask is None)
        assert bool(fused[0].isfinite().all())
    values, _ = passed(lambda x: F.scaled_dot_product_attention(tokens, tokens, x), tokens, rules=ATTENTION_RULES)
    weights = attention_weights(tokens, tokens, None, None)
    torch.testing.assert_close(values, weights.sum(1)[..., None] * tokens)


def test_a_length_is_held() -> None:
    found, _ = passed(lambda x: F.normalize(x), double(3.0, 4.0)[None])
    assert found[0].tolist() == pytest.approx([0.6, 0.8])


def test_the_winner_of_a_window_takes_all() -> None:
    inputs = double(1.0, 5.0, 2.0, 3.0).reshape(1, 1, 4)
    found, _ = passed(lambda x: F.max_pool1d(x, 2), inputs)
    assert found.flatten().tolist() == [0.0, 5.0, 0.0, 3.0]
    found, _ = passed(lambda x: x.amax(2), inputs)
    assert found.flatten().tolist() == [0.0, 5.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (lambda x: F.batch_norm(x, None, None, training=True), "normalises by its batch"),
        (lambda x: torch.einsum("ab,ab,ab->ab", x, x, x), "multiplies more than two tensors"),
        (lambda x: torch.cos(x), "is a function for which there is no rule"),
    ],
)
def test_what_has_no_rule_is_refused_by_name(rule: Any, why: str) -> None:
    with pytest.raises(NotApplicableError, match=why):
        passed(rule, double(3.0, 2.0, 1.0, 5.0).reshape(2, 2))
