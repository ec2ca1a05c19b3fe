"""Classifiers with a known answer: a Boolean rule on which cells of a small photograph are visible.

The photograph is white, hidden pixels are black; a cell counts as visible when more than half of it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from unseen import Classifier, Preprocessing
from unseen.removal import REMOVALS, MaskedClassifier

GRID, SIDE = 4, 8
SIZE = GRID * SIDE

Rule = Callable[[Tensor], Tensor]
"""Visible cells, bool (N, 16) → whether class 0 holds, bool (N,), or its logit against 0, float (N,)."""


class Cells(nn.Module):
    """Two classes; class 0 is on top where the rule holds."""

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.rule = rule

    def forward(self, x: Tensor) -> Tensor:
        answer = self.rule(avg_pool2d(x[:, :1], SIDE).flatten(1) > 0.5)
        logit = torch.where(answer, 2.0, -2.0) if answer.dtype == torch.bool else answer
        return torch.stack([logit, torch.zeros_like(logit)], dim=1)


class Wavering(Cells):
    """As on a processor that takes another kernel for another batch: the last bits of a logit depend on its size."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1 + (7 * len(x) % 5 - 2) * torch.finfo(torch.float32).eps)


def masked(rule: Rule, *, batch_size: int | None = None, model: nn.Module | None = None) -> MaskedClassifier:
    preprocessing = Preprocessing(size=(SIZE, SIZE), resize=None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    classifier = Classifier(model or Cells(rule), preprocessing, ["yes", "no"])
    return REMOVALS.create("black").bind(classifier, torch.ones(3, SIZE, SIZE), batch_size=batch_size)


def cells_of(part: Tensor) -> set[int]:
    """The cells of which a part shows anything."""
    return {i for i in range(GRID * GRID) if bool(cell(i)[part].any())}


def cell(index: int) -> Tensor:
    """The mask of one cell, numbered row by row."""
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    row, column = divmod(index, GRID)
    mask[row * SIDE : (row + 1) * SIDE, column * SIDE : (column + 1) * SIDE] = True
    return mask


def show(*indices: int) -> Tensor:
    """The mask that shows these cells and no others."""
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    for index in indices:
        mask |= cell(index)
    return mask


def segments(*, cells: int = 1) -> Tensor:
    """Segments of so many cells each, numbered row by row, int64."""
    numbers = torch.arange(GRID * GRID).reshape(GRID, GRID) // cells
    return numbers.repeat_interleave(SIDE, 0).repeat_interleave(SIDE, 1)


def conjunction(*indices: int) -> Rule:
    return lambda visible: visible[:, list(indices)].all(dim=1)


def disjunction(*indices: int) -> Rule:
    return lambda visible: visible[:, list(indices)].any(dim=1)


def majority(*indices: int) -> Rule:
    return lambda visible: 2 * visible[:, list(indices)].sum(dim=1) > len(indices)


def graded(*indices: int) -> Rule:
    """A logit that grows with each of these cells that is visible, positive from the first on."""
    return lambda visible: 1.0 * visible[:, list(indices)].sum(dim=1) - 0.5


def interacting(visible: Tensor) -> Tensor:
    """Eight cells that count in threes and fours: an order and its reverse, or a pair, settle what two share."""
    a, b, c, d, e, f, g, h = visible[:, ::2].float().unbind(1)
    return 2 * a * b * c - 1.5 * c * d * e + f * g * h + 3 * b * d * f * h - a * e * g + f
