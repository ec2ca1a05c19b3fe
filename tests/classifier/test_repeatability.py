"""A model that answers at random, or that changes with every call, is refused by the name of what does it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import unseen
from unseen import Classifier, Preprocessing
from unseen.classifier.repeatability import check_repeatable
from unseen.errors import ModelError

PHOTO = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
Head = Callable[["Network", Tensor], Tensor]


class Network(nn.Module):
    """Does something with its features (N, 8) before it judges by them."""

    def __init__(self, head: Head) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head, self.first, self.last = head, nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, 5)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("mean", torch.zeros(8))
        self.calls = 0
        self.met: list[Tensor] = []
        self.generator = np.random.default_rng()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.head(self, self.first(x).relu().mean((2, 3))))


def classifier(head: Head) -> Classifier:
    return Classifier(Network(head), Preprocessing((16, 16), None))


def drop_path(_: Network, x: Tensor, p: float = 0.0005) -> Tensor:
    return x * x.new_empty(len(x), 1).bernoulli_(1 - p)


def attention(_: Network, x: Tensor, p: float = 0.3) -> Tensor:
    tokens = x[:, None, None] * torch.arange(1.0, 5)[:, None]
    return F.scaled_dot_product_attention(tokens, tokens, tokens, dropout_p=p).mean((1, 2))


def counted(network: Network, x: Tensor) -> Tensor:
    network.calls += 1
    return x * (1 + network.calls)


def averaged(network: Network, x: Tensor) -> Tensor:
    network.mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
    return x - network.mean


def silently_averaged(network: Network, x: Tensor) -> Tensor:
    network.mean.mul_(0.9).add_(0.1 * x.detach().mean(0))
    return x


def remembered(network: Network, x: Tensor) -> Tensor:
    network.met.append(x.detach())
    return x * len(network.met)


RANDOM: dict[str, tuple[Head, str]] = {
    "dropout": (lambda _, x: F.dropout(x, 0.3), r"functional\.dropout .*test_repeatability.py.*pass training=self.training"),
    "dropout of maps": (lambda _, x: F.dropout1d(x[..., None], 0.5)[..., 0], r"functional\.dropout1d"),
    "alpha dropout": (lambda _, x: F.alpha_dropout(x, 0.5, True), r"functional\.alpha_dropout"),
    "leaky rectifier": (lambda _, x: F.rrelu(x - 0.3, training=True), r"functional\.rrelu"),
    "stochastic depth": (drop_path, r"torch\.bernoulli_ .*bernoulli_\(1 - p\)"),
    "attention": (attention, r"pass dropout_p=p if self.training else 0.0"),
    "noise": (lambda _, x: x + 1e-6 * torch.randn_like(x), r"torch\.randn_like .*line \d+"),
    "noise in place": (lambda _, x: x.clone().uniform_(), r"torch\.uniform_"),
    "a distribution": (lambda _, x: x + torch.distributions.Normal(0.0, 1.0).sample(x.shape), r"torch\.normal"),
    "a choice": (lambda _, x: F.gumbel_softmax(x), r"functional\.gumbel_softmax"),
    "rare": (lambda _, x: 2 * x if float(torch.rand(())) < 1e-6 else x, r"torch\.rand "),
    "mixes the batch": (lambda _, x: x[torch.randperm(len(x))], r"torch\.randperm"),
    "numpy": (lambda _, x: x * float(np.random.rand()), r"outside torch, from numpy\.random"),  # noqa: NPY002
    "python": (lambda _, x: x * random.random(), r"outside torch, from Python's random"),
    "its own generator": (lambda n, x: x * float(n.generator.random()), "outside torch, from a generator of its own"),
    "the system": (lambda _, x: x * int.from_bytes(os.urandom(4)), "keeps between calls what is no attribute"),
    "a counter": (counted, r"changes with every call \(calls\)"),
    "a running mean": (averaged, r"changes with every call \(mean\)"),
    "a list": (remembered, r"changes with every call \(met\)"),
    "a running mean for later": (silently_averaged, r"changes itself with every call, .*\(mean\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_what_is_random_is_named(name: str) -> None:
    head, words = RANDOM[name]
    with pytest.raises(ModelError, match=words) as refused:
        check_repeatable(classifier(head), PHOTO)
    assert "batch size" not in str(refused.value)


@pytest.mark.parametrize("name", [name for name in RANDOM if name != "mixes the batch"])
@pytest.mark.parametrize("batch_size", [1, None])
def test_before_anything_else_at_every_batch_size(name: str, batch_size: int | None) -> None:
    head, words = RANDOM[name]
    with pytest.raises(ModelError, match=words):
        unseen.explain(PHOTO, classifier(head), method="occlusion", removal="zero", batch_size=batch_size)


def test_the_module_is_named() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Sequential(Always()), nn.Linear(12, 3))
    with pytest.raises(ModelError, match=r"functional\.dropout \(module '1\.0', test_repeatability\.py"):
        check_repeatable(Classifier(network, Preprocessing((2, 2), None)), torch.rand(3, 2, 2))


class Always(nn.Module):
    """Dropout that does not ask."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x)


STEADY: dict[str, Head] = {
    "a module": lambda n, x: n.drop(x),
    "the remedy for dropout": lambda n, x: F.dropout(x, 0.3, training=n.training),
    "the remedy for attention": lambda n, x: attention(n, x, 0.3 if n.training else 0.0),
    "the remedy for the rest": lambda n, x: x * float(np.random.rand()) if n.training else x,  # noqa: NPY002
    "probability 0": lambda _, x: F.dropout(x, 0.0),
    "noise that is not used": lambda _, x: x + 0 * torch.randn_like(x),
    "a draw that is not used": lambda n, x: x * torch.rand(()) if n.training and random.random() < 0.5 else x,
    "a seeded generator": lambda _, x: x + torch.randn(x.shape, generator=torch.Generator().manual_seed(1)),
    "a tensor kept for hooks": lambda n, x: vars(n).update(met=[x.detach()]) or x,
    "how often it was called": lambda n, x: vars(n).update(calls=n.calls + 1) or x,
}


@pytest.mark.parametrize("name", STEADY)
def test_what_is_not_random_passes(name: str) -> None:
    asked = classifier(STEADY[name])
    chance = torch.get_rng_state()
    check_repeatable(asked, PHOTO)
    if "draw" not in name and "noise" not in name and "seeded" not in name:
        assert torch.equal(chance, torch.get_rng_state())


@pytest.mark.parametrize("head", [averaged, silently_averaged])
def test_buffers_are_as_before(head: Head) -> None:
    asked = classifier(head)
    with pytest.raises(ModelError):
        check_repeatable(asked, PHOTO)
    assert not asked.model.get_buffer("mean").any()


def test_it_is_asked_once_for_each_size_and_when_weights_are_replaced() -> None:
    asked = classifier(STEADY["how often it was called"])
    network = asked.model
    assert isinstance(network, Network)
    for _ in range(3):
        check_repeatable(asked, PHOTO)
    assert network.calls == 2
    check_repeatable(asked, PHOTO, alone=True)
    assert network.calls == 4
    check_repeatable(asked, torch.rand(3, 20, 20))
    assert network.calls == 6
    network.last = nn.Linear(8, 5)
    check_repeatable(asked, PHOTO)
    assert network.calls == 8


def test_asking_twice_does_not_import_torchs_compiler() -> None:
    code = """
import sys
import torch
from unseen import Classifier, Preprocessing
from unseen.classifier.decision import decide
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))
before = "torch._dynamo" in sys.modules
decide(torch.rand(3, 8, 8), Classifier(network, Preprocessing((8, 8), None)))
sys.exit("torch._dynamo" in sys.modules and not before)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
