"""Small networks and photographs on which criteria are tried: every family of methods takes them.

They are rectified convolutions, an average over positions and a linear head, so that class activation maps, rules for
rectifiers and rules for layers all apply. All is in float64: what is equal is equal to 1e-12.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate

from unseen.criteria.verdict import Scene

T = TypeVar("T", bound=nn.Module)

SIDE = 32
"""Pixels along each side of the photographs."""

CHANNELS = 6


class Shown(nn.Module):
    """Multiplies features by 0 and 1: on what it does not show, the network cannot depend.

    Args:
        shown: the picture, at the resolution of photographs.
    """

    def __init__(self, shown: Float[Tensor, "*C H W"]) -> None:
        super().__init__()
        self.register_buffer("shown", shown[..., ::2, ::2].clone())

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x * self.get_buffer("shown")


def random_network(
    seed: int,
    *,
    kernel: int = 1,
    bias: bool = True,
    norm: bool = False,
    dense: bool = False,
    activation: type[nn.Module] = nn.ReLU,
    shown: Float[Tensor, "H W"] | None = None,
) -> nn.Sequential:
    """Two convolutions with rectifiers, the mean over positions, and a head of three classes; random weights.

    The first halves the resolution, each 2 × 2 pixels to a position, for methods that look for a smaller map.

    Args:
        seed: of the weights.
        kernel: side of the second convolution; with 1 its positions are joined by the mean alone.
        bias: whether layers have biases.
        norm: whether a batch norm follows the first convolution.
        dense: whether a rectified layer stands between the mean and the head.
        activation: in place of the first rectifier.
        shown: see :class:`Shown`.
    """
    first = nn.Conv2d(3, CHANNELS, 2, stride=2, bias=bias)
    parts: list[tuple[str, nn.Module]] = [("first", first)]
    parts += [("shown", Shown(shown))] if shown is not None else []
    parts += [("norm", nn.BatchNorm2d(CHANNELS))] if norm else []
    parts += [
        ("opened", activation()),
        ("second", nn.Conv2d(CHANNELS, CHANNELS, kernel, padding=kernel // 2, bias=bias)),
        ("rectified", nn.ReLU()),
        ("pooled", nn.AdaptiveAvgPool2d(1)),
        ("flat", nn.Flatten()),
    ]
    parts += [("dense", nn.Linear(CHANNELS, CHANNELS, bias=bias)), ("again", nn.ReLU())] if dense else []
    parts.append(("head", nn.Linear(CHANNELS, 3, bias=bias)))
    network = nn.Sequential(OrderedDict(parts)).double().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.3
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(drawn * scale)
        if norm:
            running = part(network, "norm", nn.BatchNorm2d)
            assert running.running_mean is not None
            assert running.running_var is not None
            running.weight.abs_().add_(0.5)
            running.running_mean.copy_(torch.randn(CHANNELS, generator=generator, dtype=torch.float32) * 0.3)
            running.running_var.copy_(torch.rand(CHANNELS, generator=generator, dtype=torch.float32) + 0.5)
    return network


def mirrored(network: nn.Sequential) -> nn.Sequential:
    """The network with filters that are their own mirror images: it treats left and right alike; changed in place."""
    filters = part(network, "first", nn.Conv2d).weight
    with torch.no_grad():
        filters.add_(filters.flip(3).clone()).div_(2)
    return network


def turned(network: nn.Sequential) -> nn.Sequential:
    """A copy whose filters are turned by a quarter: of a photograph that is turned, too, it says the same."""
    other = copy.deepcopy(network)
    with torch.no_grad():
        for layer in other:
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_(layer.weight.rot90(1, (2, 3)))
    return other


def explaining(network: nn.Sequential, image: Float[Tensor, "3 H W"]) -> Scene:
    """The scene in which class 0 is on top with a logit of 1, and of a black photograph −1; changes the head in place.

    Without biases it is 0 of a black one.
    """
    head = part(network, "head", nn.Linear)
    with torch.no_grad():
        features = network[:-1](torch.stack([image, torch.zeros_like(image)]))
        change = head.weight @ (features[0] - features[1])
        sign = 1 if float(change.max()) > 0 else -1
        order = (sign * change).argsort(descending=True)
        scale = (2 if "bias" in dict(head.named_parameters()) else 1) / change[order[0]]
        head.weight.copy_(head.weight[order] * scale)
        if "bias" in dict(head.named_parameters()):
            head.bias.copy_(-head.weight @ features.mean(0))
    return Scene(network, image)


def built(
    features: Sequence[Sequence[float]],
    offsets: Sequence[float],
    dense: tuple[Sequence[Sequence[float]], Sequence[float]] | None,
    head: Sequence[float],
    constant: float = 0.0,
    against: float = 0.5,
    shown: Float[Tensor, "C H W"] | None = None,
) -> nn.Sequential:
    """ReLU(features · mean of 2 × 2 pixels + offsets), their mean, ReLU of a dense layer if any, and two logits.

    Args:
        features: weights of the three colours, one row a channel.
        offsets: one a channel.
        dense: weights and biases of the layer between the mean and the head.
        head: weights of the first logit.
        constant: added to the first logit.
        against: the second logit.
        shown: see :class:`Shown`.
    """
    first = nn.Conv2d(3, len(features), 2, stride=2)
    parts: list[tuple[str, nn.Module]] = [("first", first)]
    parts += [("shown", Shown(shown))] if shown is not None else []
    parts += [("rectified", nn.ReLU())]
    parts += [("pooled", nn.AdaptiveAvgPool2d(1)), ("flat", nn.Flatten())]
    last = nn.Linear(len(head), 2)
    with torch.no_grad():
        first.weight.copy_(torch.tensor(features, dtype=torch.float32)[:, :, None, None] / 4)
        first.bias = nn.Parameter(torch.tensor(list(offsets), dtype=torch.float32))
        if dense is not None:
            layer = nn.Linear(len(dense[0][0]), len(dense[0]))
            layer.weight.copy_(torch.tensor(dense[0], dtype=torch.float32))
            layer.bias.copy_(torch.tensor(dense[1], dtype=torch.float32))
            parts += [("dense", layer), ("again", nn.ReLU())]
        last.weight.copy_(
            torch.stack([torch.tensor(list(head), dtype=torch.float32), torch.zeros(len(head), dtype=torch.float32)])
        )
        last.bias.copy_(torch.tensor([constant, against], dtype=torch.float32))
    return nn.Sequential(OrderedDict([*parts, ("head", last)])).double().eval()


def part(network: nn.Sequential, name: str, kind: type[T]) -> T:
    """A layer by its name."""
    layer = network.get_submodule(name)
    assert isinstance(layer, kind)
    return layer


# ---- photographs ------------------------------------------------------------------------------------------------


def texture(seed: int, low: float = 0.1, high: float = 0.9) -> Float[Tensor, "3 H W"]:
    """Smooth random colours between ``low`` and ``high``."""
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (low + (high - low) * interpolate(coarse, (SIDE, SIDE), mode="bilinear"))[0]


def halves(seed: int) -> Float[Tensor, "3 H W"]:
    """A texture, reddish on the left and bluish on the right, so that no superpixel is on both sides."""
    image = texture(seed, 0.0, 0.3)
    image[0, :, : SIDE // 2] += 0.7
    image[2, :, SIDE // 2 :] += 0.7
    return image


def quarters(seed: int) -> Float[Tensor, "3 H W"]:
    """Four flat colours."""
    colours = torch.rand(3, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (0.2 + 0.6 * colours).repeat_interleave(SIDE // 2, 1).repeat_interleave(SIDE // 2, 2)


def block(top: int, left: int, height: int = 4, width: int = 4) -> Float[Tensor, "H W"]:
    """1 in a rectangle, 0 elsewhere."""
    shown = torch.zeros(SIDE, SIDE, dtype=torch.float64)
    shown[top : top + height, left : left + width] = 1
    return shown


def painted(*blocks: tuple[Tensor, tuple[float, float, float]]) -> Float[Tensor, "3 H W"]:
    """A black photograph with blocks of a colour each."""
    image = torch.zeros(3, SIDE, SIDE, dtype=torch.float64)
    for shown, colour in blocks:
        image += shown * torch.tensor(colour, dtype=torch.float64)[:, None, None]
    return image
