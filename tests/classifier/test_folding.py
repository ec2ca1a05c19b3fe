from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from helpers.networks import convolutional
from unseen import Classifier, Preprocessing

TINY = Preprocessing(size=(8, 8), resize=None)


class Shared(nn.Module):
    """One convolution used before two different batch norms: folding either into it would break the other."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.other, self.unshared = convolutional(), nn.BatchNorm2d(6), nn.Conv2d(6, 6, 1)
        self.last = nn.BatchNorm2d(6)
        nn.init.normal_(self.other.weight)

    def forward(self, images: Tensor) -> Tensor:
        first = self.body[1](self.body[0](images))
        second = self.other(self.body[0](images.flip(-1)))
        return self.body[5](self.body[4](self.body[3](self.last(self.unshared(first + second)))))


class Branching(nn.Module):
    """Cannot be traced: what it does depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.body = convolutional()

    def forward(self, images: Tensor) -> Tensor:
        return self.body(images) if images.mean() > -100 else self.body(-images)


@pytest.mark.parametrize(("network", "norms"), [(convolutional(), 0), (Shared(), 2), (Branching(), 1)])
def test_optimised_folds_what_can_be_folded(network: nn.Module, norms: int) -> None:
    classifier = Classifier(network.train(), TINY)
    fast = classifier.optimised()
    images = torch.rand(3, 3, 8, 8)
    torch.testing.assert_close(fast.logits(images), classifier.logits(images), atol=1e-5, rtol=1e-4)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in fast.model.modules()) == norms
    assert not any(p.requires_grad for p in fast.model.parameters())


class Activated(nn.Module):
    """Only the first activation is alone with what the convolution before it made."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))
        self.alone, self.beside, self.shared, self.doubled = nn.ReLU6(), nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Tensor:
        first = self.alone(self.one(images))
        second = self.two(first)
        third = self.beside(second) + second
        fourth = self.shared(self.three(third)) - self.shared(third)
        logits: Tensor = self.head(self.doubled(fourth + third) + fourth)
        return logits


def test_optimised_overwrites_only_what_nobody_else_reads() -> None:
    torch.manual_seed(0)
    classifier = Classifier(Activated(), TINY)
    fast = classifier.optimised()
    in_place = {name for name, module in fast.model.named_modules() if getattr(module, "inplace", False)}
    assert in_place == {"alone"}
    assert not any(getattr(module, "inplace", False) for module in classifier.model.modules())
    images = torch.rand(3, 3, 8, 8)
    gradients = [
        torch.autograd.grad(asked.forward(given).square().sum(), given)[0]
        for asked in (classifier, fast)
        for given in [images.clone().requires_grad_()]
    ]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(fast.logits(images), classifier.logits(images), rtol=1e-4, atol=1e-6)
