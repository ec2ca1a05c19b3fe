"""Functions that only move elements: shuffled channels, channels last, tokens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks import Toy, assert_reference
from helpers.reference import Map, Reference

BOTH = ({}, {"travel": "pooled", "threshold": 0.35})


class Between(Toy):
    """A change of layout between two convolutions that leaves the values where ``order`` says."""

    def __init__(self, change: Callable[[Tensor], Tensor], order: list[int] | None = None) -> None:
        super().__init__()
        self.change, self.order = change, order or list(range(6))
        self.stem, self.mix, self.head = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(self.change(F.silu(self.stem(x)))).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.each(r.conv(x, self.stem), F.silu)
        return self.head(r.mean(r.conv(x.with_values(x.values[self.order]), self.mix)))


def shuffled(x: Tensor) -> Tensor:
    n, c, h, w = x.size()
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)


def shuffled_as_tokens(x: Tensor) -> Tensor:
    n, c, h, w = x.shape
    return x.reshape(n, 2, c // 2, h * w).permute(0, 2, 1, 3).reshape(n, c, h, w)


def there_and_back(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, x.shape[1]).movedim(1, 2).unflatten(-1, x.shape[2:])


def flattened_and_back(x: Tensor) -> Tensor:
    return F.relu(x.flatten(1)).view(x.shape)


SHUFFLE = [0, 3, 1, 4, 2, 5]
SHUFFLES: dict[str, tuple[Callable[[Tensor], Tensor], list[int] | None]] = {
    "view, transpose, view": (shuffled, SHUFFLE),
    "tokens": (shuffled_as_tokens, SHUFFLE),
    "nn.ChannelShuffle": (nn.ChannelShuffle(2), SHUFFLE),
    "F.channel_shuffle": (lambda x: F.channel_shuffle(input=x, groups=2), SHUFFLE),
    "cat of slices": (lambda x: torch.cat([x[:, ::2], x[:, 1::2]], 1), [0, 2, 4, 1, 3, 5]),
    "cat of chunks": (lambda x: torch.cat(x.chunk(3, dim=1)[::-1], -3), [4, 5, 2, 3, 0, 1]),
    "cat of single channels": (lambda x: torch.cat([x[:, i].unsqueeze(1) for i in (5, 0, 1, 2, 3, -2)], 1), [5, 0, 1, 2, 3, 4]),
    "permute there and back": (there_and_back, None),
    "permute by keywords": (lambda x: torch.permute(input=x, dims=(0, 2, 3, 1)).swapaxes(2, 3).swapdims(1, 2), None),
    "same shape": (lambda x: x.reshape(x.shape).view(-1, *x.shape[1:]), None),
    "extra axes": (lambda x: x.unsqueeze(2).squeeze(2)[:, :, :, :].unsqueeze(-1).squeeze(-1), None),
}  # fmt: skip


@pytest.mark.parametrize("size", [(9, 7), (6, 6), (2, 3), (3, 2)])  # 6 channels: h = w = C and h·w = C
@pytest.mark.parametrize("name", SHUFFLES)
def test_changes_of_layout_between_convolutions(name: str, size: tuple[int, int]) -> None:
    assert_reference(Between(*SHUFFLES[name]), size, BOTH)


class ChannelsLast(Toy):
    """ConvNeXt: permute, LayerNorm, Linear, GELU, Linear, layer scale, permute back; and its own LayerNorm2d."""

    def __init__(self, spelling: str) -> None:
        super().__init__()
        self.spelling = spelling
        self.stem, self.depthwise = nn.Conv2d(3, 4, 2, 2), nn.Conv2d(4, 4, 5, padding=2, groups=4)
        self.norm, self.grow, self.shrink = nn.LayerNorm(4), nn.Linear(4, 8), nn.Linear(8, 4)
        self.scale = nn.Parameter(torch.ones(4))
        self.mix, self.head = nn.Conv2d(4, 4, 2), nn.Linear(4, 2)

    def block(self, x: Tensor) -> Tensor:
        return self.shrink(F.gelu(self.grow(self.norm(x))))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.depthwise(x)
        if self.spelling == "permute":
            y = (self.scale * self.block(y.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        elif self.spelling == "movedim":
            y = torch.movedim(self.block(y.movedim(1, -1)) * self.scale, -1, 1)
        elif self.spelling == "tokens":
            n, c, h, w = y.shape
            y = (self.block(y.flatten(2).transpose(1, 2)) * self.scale).transpose(1, 2).reshape(n, c, h, w)
        elif self.spelling == "NHWC tokens":
            n, c, h, w = y.shape
            y = (
                (self.block(y.permute(0, 2, 3, 1).view(n, h * w, c)) * self.scale)
                .unflatten(1, (h, w))
                .permute(0, 3, 1, 2)
            )
        else:
            mean = y.mean(1, keepdim=True)
            var = (y - mean).pow(2).mean(dim=1, keepdim=True)
            y = (y - mean) / torch.sqrt(var + self.norm.eps)
            y = self.norm.weight[:, None, None] * y + self.norm.bias[:, None, None]
            y = (
                F.conv2d(
                    F.gelu(F.conv2d(y, self.grow.weight[..., None, None], self.grow.bias)),
                    self.shrink.weight[..., None, None],
                    bias=self.shrink.bias,
                )
                * self.scale[:, None, None]
            )
        return self.head(self.mix(x + y).mean((2, 3)))

    def slow(self, r: Reference, x: Map) -> Tensor:
        x = r.conv(x, self.stem)
        y = r.channels(r.conv(x, self.depthwise), lambda v: self.block(v) * self.scale)
        return self.head(r.mean(r.conv(r.add(x, y), self.mix)))


@pytest.mark.numerics
@pytest.mark.parametrize("spelling", ["permute", "movedim", "tokens", "NHWC tokens", "by hand"])
@pytest.mark.parametrize("size", [(8, 8), (10, 6)])  # 4 × 4 positions of 4 channels: every axis looks alike
def test_channels_last(spelling: str, size: tuple[int, int]) -> None:
    assert_reference(ChannelsLast(spelling), size)
