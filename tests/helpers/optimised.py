"""A smooth network whose class 0 is owed to two cells of the photograph, and nothing else; class 1 to none."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from helpers.cells import SIDE, cell, masked
from unseen.removal import REMOVALS, MaskedClassifier

OWED = cell(5) | cell(10)


class Glow(nn.Module):
    """3 for each of cells 5 and 10 that is bright, softly, less 1."""

    def __init__(self) -> None:
        super().__init__()
        self.steepness = nn.Parameter(torch.tensor(6.0))

    def forward(self, x: Tensor) -> Tensor:
        bright = avg_pool2d(x[:, :1], SIDE).flatten(1)[:, [5, 10]]
        logit = 3 * torch.sigmoid(self.steepness * (bright - 0.5)).sum(1) - 1
        return torch.stack([logit, torch.zeros_like(logit)], 1)


def glowing(
    removal: str = "black", *, batch_size: int | None = None, network: nn.Module | None = None
) -> MaskedClassifier:
    """The network, bound to a white photograph."""
    plain = masked(lambda visible: visible[:, 0], model=network or Glow())
    return REMOVALS.create(removal).bind(plain.classifier, plain.image, batch_size=batch_size)
