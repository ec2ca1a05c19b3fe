"""Signals, images and volumes, and networks whose answer depends on one part of them and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helpers.processor import generator
from unseen import Classifier, Preprocessing

SPACES = {"signal": (64,), "image": (16, 16), "volume": (8, 12, 10)}
"""By the kind of input, its extent."""


def part_of(space: tuple[int, ...]) -> Tensor:
    """The part that counts: bool, an eighth of a signal's length, or a quarter of each side, off the middle."""
    part = torch.zeros(space, dtype=torch.bool)
    sides = [max(2, length // (8 if len(space) == 1 else 4)) for length in space]
    part[tuple(slice(length // 2, length // 2 + side) for length, side in zip(space, sides, strict=True))] = True
    return part


class Looking(nn.Module):
    """Two classes: how bright the part is, and a constant."""

    def __init__(self, space: tuple[int, ...], channels: int = 2, weight: float = 12.0) -> None:
        super().__init__()
        self.register_buffer("part", part_of(space).float())
        self.scale = nn.Parameter(torch.tensor(weight / channels))

    def forward(self, x: Tensor) -> Tensor:
        bright = (x * self.part).flatten(2).sum(2).sum(1) / self.part.sum() * self.scale
        return torch.stack([bright, torch.full_like(bright, 4.0)], 1)


def looking(space: tuple[int, ...], channels: int = 2) -> Classifier:
    """A classifier that looks at :func:`part_of`: it says 0 where that is bright."""
    preprocessing = Preprocessing(space, None, mean=(0.0,) * channels, std=(1.0,) * channels)
    return Classifier(Looking(space, channels), preprocessing, ["bright", "dark"])


def bright(space: tuple[int, ...], channels: int = 2) -> Tensor:
    """Noise around 0.3, the part around 0.8."""
    noise = 0.2 * torch.rand(channels, *space, generator=generator(2))
    return noise + 0.2 + 0.5 * part_of(space)
