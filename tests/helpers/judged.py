"""A case with a known answer, for metrics: a photograph of 4 × 4 cells and a rule on which of them are visible."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from helpers.cells import GRID, SIDE, Rule, graded, masked
from unseen.metrics.case import Case


def spread(values: Tensor) -> Tensor:
    """A map whose cells have these values, shape (16,), in order of rows."""
    return values.float().reshape(GRID, GRID).repeat_interleave(SIDE, 0).repeat_interleave(SIDE, 1)


def case(saliency: Tensor | None = None, *, rule: Rule | None = None, target: int = 0, **more: Any) -> Case:
    """A map of the white photograph under black pixels; by default one that is right about ``graded(0, 1, 2, 3)``."""
    if saliency is None:
        saliency = spread(torch.tensor([1.0] * 4 + [0.0] * 12))
    return Case(saliency, target, more.pop("masked", None) or masked(rule or graded(0, 1, 2, 3)), **more)
