from __future__ import annotations

import pytest
import torch
from torch import nn

from unseen.classifier.outputs import Probabilities
from unseen.classifier.outputs.activation import Activations, before

Z = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)) * 40  # probabilities of 1 in float32 among them


@pytest.mark.parametrize("make", [nn.Softmax(1), lambda z: z.softmax(1), lambda z: torch.softmax(z, dim=1)])
def test_what_was_given_to_a_last_softmax_is_what_is_read(make: object) -> None:
    outputs = Probabilities()
    with outputs.watching():
        answer = make(Z)  # type: ignore[operator]
    assert outputs.scores(answer, 2, "Net") is Z


@pytest.mark.parametrize("make", [nn.Sigmoid(), torch.sigmoid, lambda z: nn.functional.sigmoid(input=z)])
def test_what_was_given_to_a_last_sigmoid_is_what_is_read(make: object) -> None:
    outputs = Probabilities("independent")
    with outputs.watching():
        answer = {"out": make(Z)}  # type: ignore[operator]
    assert torch.equal(outputs.scores(answer["out"], 2, "Net"), torch.cat([Z, -Z], 1))


def test_what_comes_after_the_softmax_is_not_taken_for_it() -> None:
    with Activations():
        assert before(Z.softmax(1).clone()) is None
        assert before(Z.log_softmax(1)) is None
    assert before(Z.softmax(1)) is None


@pytest.mark.parametrize("changed", ["given", "made"])
def test_what_was_changed_in_place_since_is_not_taken_for_it(changed: str) -> None:
    given = Z.clone()
    with Activations():
        probabilities = given.sigmoid()
    assert before(probabilities) is not None
    (given if changed == "given" else probabilities).mul_(0.5)
    assert before(probabilities) is None
