"""A network that takes its time: for engines with many workers."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from helpers.toys import LABELS, Sides
from unseen import Classifier, Preprocessing


class Slow(nn.Module):
    """Which side is brighter, after a while."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.sides, self.seconds = Sides(), seconds

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(self.seconds)
        return torch.as_tensor(self.sides(x))


def slow(seconds: float = 0.0) -> Classifier:
    """A classifier of pictures of 24 × 32 pixels."""
    fed = Preprocessing((24, 32), None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(Slow(seconds), fed, LABELS, name="slow")
