"""Whose fault it is that a pass failed is told truly: the network's, or ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import unseen
from unseen import Classifier, Preprocessing
from unseen.errors import InternalError, ModelError, UnseenError
from unseen.explainers.propagation import deeplift_rules, lrp_rules
from unseen.metrics.disconnected import Disconnected
from unseen.removal.deactivation.activation import RULES

PHOTO = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
FOLLOWED = [
    ("occlusion", "ad", RULES),
    ("lrp-epsilon", "zero", lrp_rules.RULES),
    ("deeplift", "zero", deeplift_rules.RULES),
]


class Network(nn.Module):
    """Convolution, whatever is asked for, and a head."""

    def __init__(self, between: Callable[[Tensor], Tensor] = torch.relu) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.between, self.first, self.last = between, nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.between(self.first(x)).mean((2, 3)))


def ask(network: nn.Module, method: str, removal: str) -> None:
    unseen.explain(PHOTO, Classifier(network, Preprocessing((16, 16), None)), method=method, removal=removal)


def broken(*_: object, **__: object) -> Tensor:
    raise KeyError("what we forgot")


@pytest.mark.parametrize("error", [KeyError, RuntimeError, AttributeError])
@pytest.mark.parametrize(("method", "removal", "rules"), FOLLOWED)
def test_a_fault_in_a_rule_is_ours(
    method: str, removal: str, rules: dict[object, object], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Tensor:
        raise error("what we forgot")

    monkeypatch.setitem(rules, torch.relu, broken)
    with pytest.raises(
        InternalError,
        match=rf"internal error \({error.__name__}: .*what we forgot.*torch\.relu.*please report .*"
        rf"unseen {unseen.__version__}, torch {torch.__version__.split('+')[0]}",
    ) as ours:
        ask(Network(), method, removal)
    assert isinstance(ours.value, UnseenError)
    assert not isinstance(ours.value, ModelError)
    assert ours.value.__cause__ is not None


@pytest.mark.parametrize(("method", "removal", "rules"), FOLLOWED)
def test_a_fault_beside_the_rules_is_ours(
    method: str, removal: str, rules: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    del rules
    from unseen.explainers.propagation import propagation
    from unseen.removal.deactivation import interception

    for module in (propagation, interception):
        monkeypatch.setattr(module, "operands_of", broken)
    with pytest.raises(InternalError, match="what we forgot"):
        ask(Network(), method, removal)


@pytest.mark.parametrize("network", [Disconnected(nn.Sequential(nn.Flatten(), nn.LazyLinear(3)), 2)])
def test_a_fault_in_a_module_of_ours_is_ours(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    from unseen.metrics import disconnected

    ask(network, "occlusion", "zero")
    monkeypatch.setattr(disconnected, "places", None)
    with pytest.raises(InternalError, match=r"not callable.*metrics/disconnected.py"):
        Classifier(network, Preprocessing((16, 16), None)).logits(PHOTO[None])


def wrong_shape(x: Tensor) -> Tensor:
    return x + torch.ones(7)


def wrong_argument(x: Tensor) -> Tensor:
    return x.relu().transpose(0, 9)


def asserts(x: Tensor) -> Tensor:
    assert x.shape[1] == 3, "three channels please"
    return x


def no_such_key(x: Tensor) -> Tensor:
    return {"a": x}["b"]


NETWORKS = [Network(between) for between in (wrong_shape, wrong_argument, asserts, no_such_key)]
NETWORKS += [nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(7, 3))]  # type: ignore[list-item]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("method", "removal"), [("occlusion", "ad"), ("lrp-epsilon", "zero"), ("saliency", "zero")])
def test_a_fault_of_the_network_is_the_networks(network: nn.Module, method: str, removal: str) -> None:
    with pytest.raises(
        ModelError, match=r"fails on images of shape .*check size and channels in its preprocessing .*, and its code"
    ):
        ask(network, method, removal)


def test_a_fault_that_a_pass_meets_first_under_a_mask_is_the_networks() -> None:
    """With a part switched off the network raises, and by itself it does not: the network's code did it."""

    def picky(x: Tensor) -> Tensor:
        raise_if = x.relu().mean((2, 3))
        if float(raise_if.detach().min()) < 1e-6:
            raise ValueError("nothing to see")
        return x

    with pytest.raises(UnseenError, match=r"Network fails .*nothing to see"):
        ask(Network(picky), "occlusion", "ad")


def test_a_network_of_ours_that_fails_inside_torch_is_not_our_fault() -> None:
    network = Disconnected(nn.Sequential(nn.Flatten(), nn.Linear(7, 3)), 2)
    with pytest.raises(ModelError, match="fails on images"):
        Classifier(network, Preprocessing((16, 16), None)).logits(PHOTO[None])
