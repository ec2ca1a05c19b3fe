"""A network whose gradient is not that of what it computes is noted by whatever uses the gradient, and by no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.networks import Network, bound
from unseen.explainers import METHODS
from unseen.removal.masked import MaskedClassifier
from unseen.removal.slope import note_false_slope

Pass = Callable[[Network, Tensor], Tensor]


class Backwards(torch.autograd.Function):
    """A step forwards, a straight line backwards."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        del ctx
        return (x > 0).to(x) * 0.1

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        del ctx
        return 5 * gradient


FALSE: dict[str, Pass] = {
    "detached": lambda net, x: net.judge(net.first(x).relu() * 0.1 + 0.9 * net.first(x).relu().detach()),
    "straight through": lambda net, x: net.judge(net.first(x) + ((net.first(x) > 0) * 0.1 - net.first(x)).detach()),
    "of its own": lambda net, x: net.judge(Backwards.apply(net.first(x))),
    "turned": lambda net, x: net.judge(2 * net.first(x).detach() - net.first(x)),
}
TRUE: dict[str, Pass | None] = {
    "plain": None,
    "smooth": lambda net, x: net.judge(F.gelu(net.second(F.gelu(net.first(x))))),
    "pooled": lambda net, x: net.judge(F.max_pool2d(net.first(x), 2)),
}


def noted(masked: MaskedClassifier) -> bool:
    return any("as steeply as that says" in note for note in masked.notes)


@pytest.mark.parametrize("name", FALSE)
def test_a_gradient_that_is_no_slope_is_noted_once(name: str) -> None:
    masked = bound(Network(FALSE[name]))
    for _ in range(2):
        note_false_slope(masked, 1)
    assert noted(masked)
    assert len(masked.notes) == 1
    assert masked.evaluations == 0


@pytest.mark.parametrize("name", TRUE)
@pytest.mark.parametrize("double", [True, False])
def test_a_gradient_that_is_one_is_not(name: str, double: bool) -> None:
    masked = bound(Network(TRUE[name]), double=double)
    for target in range(3):
        note_false_slope(masked, target)
    assert masked.notes == ()


@pytest.mark.parametrize(
    "spec",
    [
        "saliency",
        "input-x-gradient",
        "smoothgrad:samples=2",
        "integrated-gradients",
        "expected-gradients:samples=4",
        "grad-cam",
        "layer-cam",
        "opti-cam:rounds=2",
    ],
)
def test_methods_that_use_the_gradient_note_it(spec: str) -> None:
    masked = bound(Network(FALSE["detached"]), double=False)
    METHODS.create(spec)(masked, 1)
    assert noted(masked)


@pytest.mark.parametrize("spec", ["occlusion:window=0.5", "rise:masks=20", "score-cam"])
def test_methods_that_do_not_use_it_do_not(spec: str) -> None:
    masked = bound(Network(FALSE["detached"]), double=False)
    METHODS.create(spec)(masked, 1)
    assert not noted(masked)


def test_what_is_noted_of_a_photograph_nearby_is_noted_here() -> None:
    masked = bound(Network(FALSE["detached"]))
    with masked.for_image(masked.image * 0.9) as other:
        note_false_slope(other, 1)
    assert noted(masked)


def test_a_network_is_asked_until_it_is_right_and_again_when_its_weights_change() -> None:
    network = Network()
    masked = bound(network)
    note_false_slope(masked, 1)
    network.join = FALSE["turned"]
    note_false_slope(masked, 1)
    assert masked.notes == ()
    with torch.no_grad():
        network.head.weight.mul_(2)
    note_false_slope(masked, 1)
    assert noted(masked)


def test_no_gradient_at_all_and_half_precision_say_nothing_of_the_slope() -> None:
    flat = bound(Network(lambda net, x: net.judge(net.first(x) * 0)))
    note_false_slope(flat, 1)
    assert flat.notes == ()
    half = bound(Network(FALSE["turned"]).to(torch.bfloat16), double=False)
    note_false_slope(half, 1)
    assert half.notes == ()
