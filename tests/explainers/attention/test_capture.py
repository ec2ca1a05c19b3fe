"""The attention that a pass shows, in every spelling, against what the network computed; and where there is none."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.transformers import PATCH, SIDE, WIDTH, Reads, Spelling, Transformer, bound
from unseen.classifier.differentiation import differentiated
from unseen.errors import NotApplicableError
from unseen.explainers import METHODS, map_of
from unseen.explainers.attention.capture import attention_of
from unseen.removal.deactivation.masked_model import masked_model

PHOTO = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
SPELLINGS: tuple[Spelling, ...] = ("fused", "eager", "einsum", "module")


@pytest.mark.parametrize(
    ("spelling", "reads"),
    [*((one, "class") for one in SPELLINGS), ("fused", "mean"), ("module", "pool"), ("eager", "weighed")],
)
def test_every_spelling_shows_what_the_network_computes(spelling: Spelling, reads: Reads) -> None:
    plain = Transformer("eager", reads)
    masked = bound(plain, PHOTO)
    with masked.classifier.frozen(), torch.enable_grad():
        value = plain(masked.classifier.normalise(PHOTO[None]).requires_grad_())[0, 1]
        computed = [layer.weights for layer in plain.layers]
        slopes = differentiated(masked.classifier, value, computed)
    found = attention_of(bound(Transformer(spelling, reads), PHOTO), 1)
    assert len(found.layers) == len(computed)
    for layer, weights, slope in zip(found.layers, computed, slopes, strict=True):
        assert torch.allclose(layer.weights.sum(-1), torch.ones(()), atol=1e-5)
        assert torch.allclose(layer.weights, weights.mean(1), atol=1e-5)
        assert torch.allclose(layer.relevant, (slope * weights).clamp(min=0).mean(1), atol=1e-5)
    assert (found.pool is not None) == (reads in ("pool", "weighed"))
    if found.pool is not None:
        assert torch.allclose(found.pool.weights[0], plain.pooled(PHOTO), atol=1e-5)
    own = reads == "class"
    assert found.placed.tolist() == [[False] * own + [True] * 16]
    assert found.read.tolist() == [[True] + [False] * 16 if own else [True] * 16]


def test_of_a_partly_hidden_photograph_only_visible_tokens_are_attended_to() -> None:
    """The same as in a network that has dropped the others: its own attention, computed by hand."""
    visible = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    visible[:, :PATCH], visible[:PATCH] = True, True
    network = Transformer("fused")
    whole = bound(network, PHOTO, "ad")
    found = attention_of(bound(masked_model(whole, visible).model, PHOTO), 1)
    kept = torch.cat([torch.tensor([True]), visible[::PATCH, ::PATCH].flatten()])
    tokens = torch.cat([network.first, network.patches(PHOTO[None]).flatten(2).transpose(1, 2)], 1)[:, kept]
    dropped = Transformer("eager")
    for number, layer in enumerate(dropped.layers):
        tokens = layer(tokens)
        weights = found.layers[number].weights
        assert torch.allclose(weights[:, kept][:, :, kept], layer.weights.mean(1), atol=1e-5)
        assert not bool(weights[..., ~kept].any())


def test_copies_in_one_batch_lie_where_each_looked() -> None:
    """A network that looks at the photograph and its mirror image in one batch, and takes the mean of what it says."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Transformer("fused")

        def forward(self, x: Tensor) -> Tensor:
            return self.net(torch.cat([x, x.flip(-1)])).reshape(2, len(x), -1).mean(0)

    attention = attention_of(bound(Both(), PHOTO), 1)
    tokens = torch.zeros(2, 17)
    tokens[:, 1] = 1  # the first patch of either
    found = attention.on_photograph(tokens)
    assert torch.equal(found, found.flip(-1))
    assert float(found[0, 0]) > 0.9
    assert not bool(found[PATCH * 2 :].any())


class Windows(Transformer):
    """Attends within the halves of the photograph."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = self.layers[0](tokens.reshape(2 * len(x), 8, WIDTH)).reshape(len(x), 16, WIDTH)
        return self.head(self.layers[1](tokens).mean(1))


class Fewer(Transformer):
    """Its last layer attends to every other patch."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.layers[0](self.patches(x).flatten(2).transpose(1, 2))
        return self.head(self.layers[1](tokens[:, ::2]).mean(1))


class Parallel(Transformer):
    """Both layers read the same tokens."""

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.head((self.layers[0](tokens) + self.layers[1](tokens)).mean(1))


class Sigmoids(nn.Module):
    """Weighs by sigmoids, which do not sum to 1."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens + (tokens @ tokens.transpose(1, 2)).sigmoid() @ tokens


def convolved(tokens: Tensor) -> Tensor:
    """Neighbouring patches are joined between two layers."""
    planes = tokens.transpose(1, 2).unflatten(2, (4, 4))
    return F.avg_pool2d(planes, 3, 1, 1).flatten(2).transpose(1, 2)


def of_sigmoids() -> nn.Module:
    network = Transformer(reads="mean")
    network.layers = nn.ModuleList([Sigmoids()])
    return network


REFUSED = {
    "convolutions": (lambda: nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(588, 3)), "no atten"),
    "windows": (Windows, "attend within windows"),
    "fewer tokens": (Fewer, "attend to different tokens"),
    "parallel": (Parallel, "do not follow one after the other"),
    "sigmoids": (of_sigmoids, "sum of 1"),
    "hybrid": (lambda: Transformer(reads="mean", between=convolved), "join them by more than attention"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_networks_are_refused_and_the_remedies_work(name: str) -> None:
    make, why = REFUSED[name]
    masked = bound(make(), PHOTO)
    with pytest.raises(NotApplicableError, match=f"no attention map.*{why}.*; choose another method") as told:
        map_of(METHODS.create("chefer"), masked, 0)
    offered = re.findall("'([a-z-]+)'", str(told.value))
    assert offered
    assert all(bool(map_of(METHODS.create(one), masked, 0).any()) for one in offered)
