"""Networks of convolutions along one axis and along three, with random weights, as people build them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.processor import generator

KINDS: dict[int, dict[str, Any]] = {
    axes: {
        name: getattr(nn, f"{name}{axes}d")
        for name in "Conv ConvTranspose BatchNorm InstanceNorm MaxPool AvgPool AdaptiveAvgPool AdaptiveMaxPool".split()
    }
    for axes in (1, 2, 3)
}


class Plain(nn.Module):
    """Convolutions with a norm, a pool and a mean: nothing in it knows how many axes there are."""

    def __init__(self, axes: int, channels: int = 2, norm: str = "batch", pool: str = "max", stride: int = 2) -> None:
        super().__init__()
        layer = KINDS[axes]
        norms = {
            "batch": layer["BatchNorm"],
            "group": lambda c: nn.GroupNorm(2, c),
            "instance": lambda c: layer["InstanceNorm"](c, affine=True),
        }
        pools = {"max": layer["MaxPool"](2), "avg": layer["AvgPool"](2), "overlapping": layer["MaxPool"](3, 2, 1)}
        self.body = nn.Sequential(
            layer["Conv"](channels, 6, 3, padding=1), norms[norm](6), nn.ReLU(), pools[pool],
            layer["Conv"](6, 8, 3, stride, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.head = nn.Sequential(layer["AdaptiveAvgPool"](1), nn.Flatten(), nn.Linear(8, 3))
        seeded(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


class Residual(nn.Module):
    """A block with a shortcut of stride 2, two branches that are concatenated, and squeeze-and-excitation."""

    def __init__(self, axes: int, channels: int = 2) -> None:
        super().__init__()
        layer = KINDS[axes]
        self.axes = axes
        self.stem = layer["Conv"](channels, 8, 3, padding=1)
        self.first, self.second = layer["Conv"](8, 8, 3, 2, 1), layer["Conv"](8, 8, 3, padding=1)
        self.short = layer["Conv"](8, 8, 1, 2)
        self.wide, self.narrow = layer["Conv"](8, 4, 5, padding=2), layer["Conv"](8, 4, 1)
        self.pool = layer["AdaptiveMaxPool"](1)
        self.squeeze = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)
        seeded(self)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        x = F.relu(self.second(F.relu(self.first(x))) + self.short(x))
        x = torch.cat([self.wide(x), self.narrow(x)], 1)
        space = tuple(range(2, x.ndim))
        weight = torch.sigmoid(self.squeeze(x.mean(space))).reshape(len(x), 8, *(1,) * self.axes)
        return self.head(self.pool(x * weight).flatten(1))


class Hourglass(nn.Module):
    """Down, up again by a transposed convolution and by interpolation, and joined."""

    def __init__(self, axes: int, channels: int = 2) -> None:
        super().__init__()
        layer = KINDS[axes]
        self.down, self.up = layer["Conv"](channels, 6, 2, 2), layer["ConvTranspose"](6, 6, 2, 2)
        self.side, self.head = layer["Conv"](channels, 6, 3, padding="same"), nn.Linear(6, 3)
        seeded(self)

    def forward(self, x: Tensor) -> Tensor:
        low = F.relu(self.down(x))
        mode = {3: "linear", 4: "bilinear", 5: "trilinear"}[x.ndim]
        large = self.up(low) + F.interpolate(low, scale_factor=2, mode=mode, align_corners=False) + self.side(x)
        return self.head(large.relu().mean(tuple(range(2, x.ndim))))


class Causal(nn.Module):
    """Dilated convolutions that see only what came before, as WaveNet's, with gates and skips."""

    def __init__(self, channels: int = 2, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv1d(channels, width, 1)
        self.layers = nn.ModuleList(nn.Conv1d(width, 2 * width, 2, dilation=2**n) for n in range(4))
        self.head = nn.Linear(width, 3)
        seeded(self)

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.stem(x), []
        for layer in self.layers:
            value, gate = layer(F.pad(x, (layer.dilation[0], 0))).chunk(2, 1)
            x = x + torch.tanh(value) * torch.sigmoid(gate)
            skips.append(x)
        return self.head(F.relu(skips[0] + skips[1] + skips[2] + skips[3]).mean(2))


class Inception(nn.Module):
    """Kernels of several lengths side by side, as InceptionTime's."""

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        self.bottle = nn.Conv1d(channels, 4, 1, bias=False)
        self.branches = nn.ModuleList(nn.Conv1d(4, 4, size, padding="same", bias=False) for size in (9, 5, 3))
        self.pool = nn.Sequential(nn.MaxPool1d(3, 1, 1), nn.Conv1d(channels, 4, 1, bias=False))
        self.norm = nn.BatchNorm1d(16)
        self.head = nn.Linear(16, 3)
        seeded(self)

    def forward(self, x: Tensor) -> Tensor:
        low = self.bottle(x)
        both = torch.cat([*(branch(low) for branch in self.branches), self.pool(x)], 1)
        return self.head(self.norm(both).relu().mean(-1))


class Tokens(nn.Module):
    """Patches as tokens, a transformer layer, their mean."""

    def __init__(self, axes: int, channels: int = 2, patch: int = 4) -> None:
        super().__init__()
        self.patches = KINDS[axes]["Conv"](channels, 8, patch, patch)
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)
        seeded(self)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = tokens + self.attend(tokens, tokens, tokens, need_weights=False)[0]
        return self.head(self.norm(tokens).mean(1))


class Recurrent(nn.Module):
    """Convolutions, and an LSTM over what they leave of time."""

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        self.body = nn.Conv1d(channels, 6, 3, padding=1)
        self.lstm, self.head = nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 3)
        seeded(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.body(x).transpose(1, 2))[0][:, -1])


def seeded(network: nn.Module) -> None:
    """Random weights that keep the scale of what passes; running statistics away from 0 and 1."""
    stream = generator(9)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.3
            parameter.copy_(torch.randn(parameter.shape, generator=stream) * scale + (parameter.ndim == 1) * 0.2)
        for name, buffer in network.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(torch.randn(buffer.shape, generator=stream) * 0.2)
            if name.endswith("running_var"):
                buffer.copy_(torch.rand(buffer.shape, generator=stream) + 0.5)


NETWORKS: dict[str, Any] = {
    **{f"{kind}{axes}d": (lambda axes=axes, make=make: make(axes)) for axes in (1, 3) for kind, make in {
        "plain": Plain,
        "group-avg": lambda axes: Plain(axes, norm="group", pool="avg"),
        "instance-overlapping": lambda axes: Plain(axes, norm="instance", pool="overlapping"),
        "residual": Residual,
        "hourglass": Hourglass,
        "tokens": Tokens,
    }.items()},
    "causal1d": Causal,
    "inception1d": Inception,
}  # fmt: skip
"""By name, the digit of which says along how many axes they look."""

SPACES = {1: (64,), 3: (16, 16, 16)}


def space_of(name: str) -> tuple[int, ...]:
    """What a network looks at."""
    return SPACES[int(name[-2])]
