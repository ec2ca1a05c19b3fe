"""All last maps, each with the gradient that the others leave it, and whether anything passes beside them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.memory import tensors, uncollected
from helpers.networks import CHANNELS, Network, bound, logit
from unseen.removal.deactivation.features import last_features


def features(net: Network, x: Tensor) -> Tensor:
    return net.second(net.first(x).relu()).relu()


def early_and_late(net: Network, x: Tensor) -> Tensor:
    first = net.first(x).relu()
    late = net.second(first).relu()
    return net.head(first.mean((2, 3)) + late.mean((2, 3)))


def tokens(net: Network, x: Tensor, layers: int = 1) -> Tensor:
    words = torch.cat([net.dense.bias.expand(len(x), 1, -1), net.tokens(x)], 1)
    for _ in range(layers):
        normal = F.layer_norm(words, (CHANNELS,))
        words = words + net.attention(normal, normal, normal, need_weights=False)[0]
    return net.head(words[:, 0])


WAYS: dict[str, tuple[Callable[..., Tensor], int]] = {
    "one": (lambda net, x: net.judge(features(net, x)), 1),
    "gated": (lambda net, x: net.judge((lambda h: h * h.mean((2, 3), keepdim=True).sigmoid())(features(net, x))), 1),
    "pooled early and late": (early_and_late, 2),
    "ensemble": (lambda net, x: net.judge(features(net, x)) - net.judge(net.second(x.repeat(1, 2, 1, 1)).relu()), 2),
    "copies": (lambda net, x: net.judge(features(net, torch.cat([x, x.flip(2)]))).view(2, len(x), 3).mean(0), 2),
    "interleaved copies": (lambda net, x: net.judge(features(net, x.repeat_interleave(3, 0))).view(-1, 3, 3).sum(1), 3),
    "largest of two": (lambda net, x: torch.stack([net.judge(features(net, y)) for y in (x, x.mT)]).amax(0), 1),
    "a residual with a class token": (tokens, 1),
}


@pytest.mark.parametrize("name", WAYS)
def test_as_many_maps_are_found_as_ways_lead_to_the_score(name: str) -> None:
    join, count = WAYS[name]
    assert len(last_features(bound(Network(join)), 1).maps) == count


@pytest.mark.parametrize("name", WAYS)
def test_gradients_announce_what_changed_channels_do(name: str) -> None:
    """Together, too: what an early map does through a later one is counted once."""
    masked = bound(Network(WAYS[name][0]))
    found = last_features(masked, 1)
    direction = torch.randn(found.channels, generator=torch.Generator().manual_seed(0)).double()
    steps = 1 + 1e-5 * torch.tensor([[-1.0], [1.0]]).double() * direction
    below, above = found.scores(lambda first, last: steps[first:last], 2).values[:, 0].tolist()
    terms = torch.cat([(one.gradients.double() * one.activations).sum((1, 2)) for one in found.maps])
    if name == "pooled early and late":  # the late map is made from the early one, and follows it
        direction[:CHANNELS] = 0
        steps = 1 + 1e-5 * torch.tensor([[-1.0], [1.0]]).double() * direction
        below, above = found.scores(lambda first, last: steps[first:last], 2).values[:, 0].tolist()
    expected = float(direction @ terms)
    assert (above - below) / 2e-5 == pytest.approx(expected, rel=1e-2, abs=1e-3 * float(terms.abs().sum()))


@pytest.mark.parametrize("name", ["one", "pooled early and late", "ensemble", "copies", "interleaved copies"])
def test_where_all_is_averaged_the_maps_hold_the_whole_logit(name: str) -> None:
    masked = bound(Network(WAYS[name][0]))
    bias = masked.classifier.model.head.bias[1].item()
    biases = {"ensemble": 0.0, "interleaved copies": 3 * bias}.get(name, bias)
    found = last_features(masked, 1)
    total = sum(float((one.gradients.double() * one.activations).sum()) for one in found.maps)
    assert total == pytest.approx(logit(masked, 1) - biases, rel=1e-4)
    assert found.beside == 0


def test_what_a_class_token_has_taken_up_passes_beside_the_last_map() -> None:
    """Before the first attention it knows nothing of the photograph."""
    assert last_features(bound(Network(tokens)), 1).beside == 0
    later = last_features(bound(Network(lambda net, x: tokens(net, x, 2))), 1)
    assert "layer_norm" in later.layer
    assert 0.01 < later.beside < 1


def test_nothing_is_kept_alive_but_the_maps() -> None:
    masked: Any = bound(Network(WAYS["pooled early and late"][0]))
    last_features(masked, 0)
    with uncollected():
        last_features(masked, 1)
        after = len(tensors())
        gc.collect()
        assert len(tensors()) == after < 40
