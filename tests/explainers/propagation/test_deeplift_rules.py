"""Each rule of DeepLIFT alone, on tensors of a few numbers: its formula worked by hand, and that it adds up."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers.propagation.deeplift_rules import Differences

Rule = Callable[[Tensor], Tensor]


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def credited(rule: Rule, inputs: Tensor, baseline: Tensor) -> Tensor:
    """What each input is credited of the change of the sum of the outputs; they add up to it."""
    classifier = Classifier(nn.Flatten(), Preprocessing((1, 4), None))
    tape: list[Tensor] = []
    totals = []
    for recording, values in ((True, baseline), (False, inputs)):
        entered = values.clone().requires_grad_()
        run = Differences(classifier, tape, recording=recording)
        signal = run.enter(entered)
        with run:
            output = rule(signal)
        torch.testing.assert_close(output.detach(), rule(values))  # the network sees the values that it expects
        totals.append(output.sum())
    (slope,) = torch.autograd.grad(totals[1], entered)
    found = slope * (inputs - baseline)
    assert float(found.sum()) == pytest.approx(float((totals[1] - totals[0]).detach()), abs=1e-9)
    return found


@pytest.mark.parametrize(
    ("function", "here", "there", "change"),
    [
        (F.relu, 2.0, -1.0, 2.0),
        (F.relu, -2.0, 3.0, -3.0),
        (torch.exp, 1.0, 0.0, exp(1) - 1),
        (torch.sqrt, 4.0, 0.0, 2.0),  # whose derivative at the baseline is infinite
        (torch.reciprocal, 2.0, 4.0, 0.25),
        (torch.square, 3.0, -3.0, 0.0),
    ],
)
def test_a_function_of_each_value_has_the_slope_from_the_baseline(
    function: Rule, here: float, there: float, change: float
) -> None:
    assert float(credited(function, double(here)[None], double(there)[None])) == pytest.approx(change)


def test_where_a_value_stays_its_derivative_is_the_slope() -> None:
    # x · relu(y) with y at 2 in both: x is credited 2 Δx
    found = credited(lambda x: x[:, :1] * F.relu(x[:, 1:]), double(3.0, 2.0)[None], double(1.0, 2.0)[None])
    assert found[0].tolist() == pytest.approx([4.0, 0.0])


def test_each_factor_is_credited_at_the_mean_of_the_other() -> None:
    inputs, baseline = double(3.0, 5.0)[None], double(1.0, -1.0)[None]
    expected = [2 * 2.0, 6 * 2.0]  # Δx · mean y, Δy · mean x
    assert credited(lambda x: x[:, :1] * x[:, 1:], inputs, baseline)[0].tolist() == pytest.approx(expected)
    assert credited(lambda x: x[:, :1] @ x[:, 1:], inputs, baseline)[0].tolist() == pytest.approx(expected)
    assert credited(lambda x: x.square(), inputs, baseline)[0].tolist() == pytest.approx([8.0, 24.0])


def test_a_quotient_is_a_product_with_a_reciprocal() -> None:
    # a / b from 1 / 2 to 6 / 4: Δa · mean 1/b, Δ(1/b) · mean a
    found = credited(lambda x: x[:, :1] / x[:, 1:], double(6.0, 4.0)[None], double(1.0, 2.0)[None])
    assert found[0].tolist() == pytest.approx([5 * (0.25 + 0.5) / 2, (0.25 - 0.5) * 3.5])


def test_of_two_classes_softmax_is_split_by_the_logarithmic_mean() -> None:
    inputs, baseline = double(log(3.0), 0.0)[None], double(0.0, 0.0)[None]
    found = credited(lambda x: x.softmax(1)[:, :1], inputs, baseline)
    assert found[0].tolist() == pytest.approx([0.25, 0.0])  # only the first moved: all is its
    both = credited(lambda x: x.softmax(1)[:, :1], double(log(3.0), -log(3.0))[None], baseline)
    assert both[0].tolist() == pytest.approx([0.2, 0.2])  # from ½ to 9 / 10, by each as much


@pytest.mark.parametrize(
    "rule",
    [
        lambda x: x.softmax(1).square(),
        lambda x: F.layer_norm(x, (4,), double(1.0, 2.0, -1.0, 0.5), double(1.0, 0.0, 0.0, 3.0)),
        lambda x: F.group_norm(x, 2),
        lambda x: F.normalize(x, dim=1),
        lambda x: F.scaled_dot_product_attention(x[:, None], 2 * x[:, None], x[:, None] - 1),
        lambda x: torch.einsum("na,nb->ab", x, x),
        lambda x: torch.sigmoid(x) * torch.tanh(x) / (1 + x.exp()),
        lambda x: F.batch_norm(x, double(0, 0, 1, 1), double(1, 2, 3, 4), eps=0.1),
        lambda x: F.linear(x, drawn(3, 4), double(1.0, 2.0, 3.0)).relu().amax(1),
    ],
)
def test_the_credit_adds_up_to_the_change(rule: Rule) -> None:
    credited(rule, drawn(3, 4, seed=1), drawn(3, 4, seed=2))


def test_a_boolean_mask_and_a_scale_of_attention_are_followed() -> None:
    hidden = torch.tensor([[True, False, True]]).expand(3, 3)
    credited(
        lambda x: F.scaled_dot_product_attention(x, x.flip(1), x, attn_mask=hidden, scale=0.3),
        drawn(1, 3, 2, seed=1),
        drawn(1, 3, 2, seed=2),
    )


def test_a_maximum_is_credited_to_the_one_that_made_the_change() -> None:
    inputs, baseline = double(1.0, 5.0, 2.0, 3.0).reshape(1, 1, 4), double(4.0, 0.0, 0.0, 1.0).reshape(1, 1, 4)
    for rule in (lambda x: F.max_pool1d(x, 2), lambda x: x.reshape(1, 1, 2, 2).amax(3)):
        found = credited(rule, inputs, baseline).flatten().tolist()
        assert found == pytest.approx([0.0, 1.0, 0.0, 2.0])  # from 4 to 5 by the new winner; from 1 to 3
    # it falls: the old winner is to blame
    assert credited(lambda x: x.amax(2), baseline, inputs).flatten().tolist() == pytest.approx([0.0, -1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (lambda x: F.batch_norm(x, None, None, training=True), "normalises by its batch"),
        (lambda x: F.linear(x, x), "weights that depend on the photograph"),
        (lambda x: F.normalize(x, p=1.0), "is no Euclidean norm"),
        (lambda x: torch.einsum("ab,ab,ab->ab", x, x, x), "multiplies more than two tensors"),
        (lambda x: x.amax(), "to one number"),
        (lambda x: torch.div(x, x, rounding_mode="floor"), "rounds"),
        (lambda x: torch.cumsum(x, 1).sort(1)[0], "no rule"),
    ],
)
def test_what_has_no_rule_is_refused_by_name(rule: Any, why: str) -> None:
    with pytest.raises(NotApplicableError, match=why):
        credited(rule, drawn(2, 2), drawn(2, 2, seed=1))


def test_a_pass_that_meets_more_than_the_baselines_is_refused() -> None:
    passes = 0

    def rule(x: Tensor) -> Tensor:
        nonlocal passes
        passes += 1
        return x.relu() if passes < 3 else x.relu().exp()  # of the baseline with its check, then of the photograph

    with pytest.raises(NotApplicableError, match="not on the baseline's"):
        credited(rule, double(1.0)[None], double(-1.0)[None])
