"""Gaussian smoothing along an axis, as a matrix."""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.system.options import Positive

Width = Annotated[
    float,
    Positive("the standard deviation of the narrowest Gaussian, in pixels of the network's input"),
]


@lru_cache(maxsize=32)
def smoothing(length: int, width: float) -> Float[Tensor, "L L"]:
    """The Gaussian along one axis as a matrix, float64: each row holds the weights of one output, which sum to 1.

    Args:
        length: of the axis, in pixels.
        width: standard deviation in pixels, > 0; weights beyond three of them, rounded up, are left out.
    """
    position = torch.arange(length, dtype=torch.float64)
    distance = (position[:, None] - position).abs()
    weights = torch.where(distance <= ceil(3 * width), torch.exp(-0.5 * (distance / width) ** 2), 0.0)
    return weights / weights.sum(1, keepdim=True)
