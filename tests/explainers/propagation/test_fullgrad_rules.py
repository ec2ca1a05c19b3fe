from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.networks import bound
from unseen.classifier.intercepting import names_of
from unseen.explainers.propagation.fullgrad import full_gradient
from unseen.explainers.propagation.fullgrad_rules import Calls, Place

FUNCTIONS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], float]] = {
    "linear": (lambda a, b: 2 * a - 3 * b, 0.0),
    "constant": (lambda a, b: a - b + 4, 4.0),
    "rectifier": (lambda a, b: F.relu(a - b), 0.0),
    "maximum of a window": (lambda a, b: F.max_pool1d(torch.stack([a, b], 2), 2)[:, 0], 0.0),
    "square": (lambda a, _: a.square(), -0.25),
    "exponential": (lambda a, _: a.exp(), 0.5 * 2.718281828459045**0.5),
    "product": (lambda a, b: a * b, -0.1),
    "quotient": (lambda a, b: a / b, 2.5),
    "reciprocal": (lambda _, b: torch.ones_like(b) / b, 10.0),
    "in place": (lambda a, b: (a * 1).div_(b), 2.5),
    "length": (lambda a, b: F.normalize(torch.cat([a, b], 1), dim=1)[:, :1], 0.5 / 0.29**0.5),
}
"""A function of two values, and what of its value at (0.5, 0.2) is not its derivative times them."""


class Of(nn.Module):
    def __init__(self, rule: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.rule = rule

    def forward(self, x: Tensor) -> Tensor:
        value = self.rule(x[:, 0, 0], x[:, 1, 0])
        return torch.cat([value, value * 0], 1)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_lacks_to_its_derivative_is_bias(name: str) -> None:
    rule, bias = FUNCTIONS[name]
    image = torch.tensor([0.5, 0.2, 0.5])[:, None, None].double()
    found = full_gradient(bound(Of(rule), image=image, normalise=False), 0, placed=False)
    assert found.biases == ()
    assert found.elsewhere == pytest.approx(bias, abs=1e-6)
    assert float(found.product.sum()) == pytest.approx(found.logit - bias, abs=1e-6)


def test_a_call_is_known_again_in_another_pass() -> None:
    network = nn.Sequential(nn.ReLU())
    values = torch.zeros(1, 2, 3)
    first, again = (Calls(names_of(network)) for _ in range(2))
    places = [first.place(torch.relu, values), first.place(torch.relu, values), first.place(torch.relu, values[0])]
    assert places[:2] == [Place("", "torch.relu", (1, 2, 3), number) for number in (0, 1)]
    assert places[2].number == 0
    assert [again.place(torch.relu, values) for _ in range(2)] == places[:2]
