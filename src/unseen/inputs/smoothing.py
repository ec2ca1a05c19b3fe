"""Gaussian smoothing along an axis, as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
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
def smoothing(length: int, width: float, reach: int | None = None) -> Float[Tensor, "L L"]:
    """The Gaussian along one axis as a matrix, float64: each row holds the weights of one output, which sum to 1.

    Args:
        length: of the axis, in pixels.
        width: standard deviation in pixels, > 0.
        reach: weights beyond so many pixels are left out; three standard deviations, rounded up, unless given.
    """
    position = torch.arange(length, dtype=torch.float64)
    distance = (position[:, None] - position).abs()
    reach = ceil(3 * width) if reach is None else reach
    weights = torch.where(distance <= reach, torch.exp(-0.5 * (distance / width) ** 2), 0.0)
    return weights / weights.sum(1, keepdim=True)


def smoothed(values: Float[Tensor, "..."], axes: int, width: float, reach: int | None = None) -> Float[Tensor, "..."]:
    """Values smoothed along each of their last axes, in their own dtype; see :func:`smoothing`."""
    matrices = [smoothing(side, width, reach).to(values) for side in values.shape[values.ndim - axes :]]
    return along_axes(values, matrices)


def along_axes(values: Float[Tensor, "..."], matrices: Sequence[Float[Tensor, "_ _"]]) -> Float[Tensor, "..."]:
    """A matrix applied along each of the last axes, one after the other from the front.

    Args:
        values: of any shape with at least as many axes as there are matrices.
        matrices: one an axis, shape (new length, length).

    Returns:
        The last axes with their new lengths.
    """
    for axis, matrix in enumerate(matrices, start=-len(matrices)):
        if axis == -1:
            values = values @ matrix.T
        else:
            rest = values.shape[axis + 1 :]
            values = matrix @ values.flatten(axis + 1)
            values = values.reshape(*values.shape[:-1], *rest)
    return values
