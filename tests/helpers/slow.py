"""Networks that take their time, or kill the process that asks them: for engines with many workers."""

from __future__ import annotations

import os
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


class Deadly(Slow):
    """The same; no process but that of the test survives a photograph with a red corner."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.immune = os.getpid()

    def forward(self, x: Tensor) -> Tensor:
        red = (x[:, 0, 0, 0] > 0.9) & (x[:, 1:, 0, 0].amax(1) < 0.1)
        if bool(red.any()) and os.getpid() != self.immune:
            os._exit(9)
        return super().forward(x)


def slow(seconds: float = 0.0, *, deadly: bool = False) -> Classifier:
    """A classifier of pictures of 24 × 32 pixels."""
    fed = Preprocessing((24, 32), None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier((Deadly if deadly else Slow)(seconds), fed, LABELS, name="slow")
