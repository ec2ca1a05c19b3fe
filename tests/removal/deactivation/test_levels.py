"""Feature maps on the way, of networks that move the photograph about before they look: each in its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen import Classifier, Preprocessing
from unseen.explainers.hiding.spatial_attention import attention
from unseen.removal.deactivation.levels import feature_levels

SIDE = 32


class Looks(nn.Module):
    """A small network, and how it is asked."""

    def __init__(self, join: Callable[[nn.Module, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(5, 6, 2, stride=2), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2),
        )  # fmt: skip
        self.join = join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self.net, x)


def levels(join: Callable[[nn.Module, Tensor], Tensor], image: Tensor) -> list[Tensor]:
    return feature_levels(classifier(join), image, most=2)


def classifier(join: Callable[[nn.Module, Tensor], Tensor]) -> Classifier:
    return Classifier(Looks(join).eval(), Preprocessing((SIDE, SIDE), None))


def photo() -> Tensor:
    return torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


MOVES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "mirror": (lambda x: x.flip(-1), lambda x: x.flip(-1)),
    "quarter turn": (lambda x: x.rot90(1, (-2, -1)), lambda x: x.rot90(-1, (-2, -1))),
    "roll": (lambda x: x.roll(8, -1), lambda x: x.roll(-8 * x.shape[-1] // SIDE, -1)),
    "crop": (lambda x: x[..., 8:24, 16:], lambda x: F.pad(x, (x.shape[-1], 0, x.shape[-2] // 2, x.shape[-2] // 2))),
}


@pytest.mark.parametrize("name", MOVES)
def test_levels_are_moved_back_to_the_photograph(name: str) -> None:
    move, back = MOVES[name]
    model, image = classifier(lambda net, x: net(move(x))), photo()
    found = feature_levels(model, image, most=2)
    net, x = model.model.net, move(model.normalise(image[None]))  # type: ignore[union-attr]
    with torch.no_grad():
        for level, depth in zip(found, (2, 4), strict=True):
            torch.testing.assert_close(level, back(net[:depth](x)[0]), atol=1e-5, rtol=1e-4)  # type: ignore[index, operator]


@pytest.mark.parametrize("batched", [False, True])
def test_every_look_has_its_own_levels(batched: bool) -> None:
    def join(net: nn.Module, x: Tensor) -> Tensor:
        if batched:
            return torch.stack(net(torch.cat([x, x.flip(-1)])).chunk(2)).mean(0)
        logits: Tensor = (net(x) + net(x.flip(-1))) / 2
        return logits

    found = levels(join, photo())
    own, mirrored = levels(lambda net, x: net(x), photo()), levels(lambda net, x: net(x.flip(-1)), photo())
    expected = [level for pair in zip(own, mirrored, strict=True) for level in pair]
    assert [tuple(level.shape) for level in found] == [(5, 16, 16), (5, 16, 16), (6, 8, 8), (6, 8, 8)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_attention_of_a_mirrored_network_looks_where_the_photograph_is() -> None:
    """Two halves of one colour each: attention stays within them."""
    image = torch.zeros(3, SIDE, SIDE)
    image[:, :, :12] = torch.tensor([1.0, 0.1, 0.1])[:, None, None]
    look = attention(classifier(lambda net, x: net(x.flip(-1))), image, temperature=0.01)
    spot = torch.zeros(SIDE, SIDE)
    spot[10:20, 2:8] = 1
    moved = look(spot)
    assert float(moved[:, :8].mean()) > 10 * float(moved[:, 20:].mean())
