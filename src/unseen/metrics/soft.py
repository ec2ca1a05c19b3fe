"""A map as a soft mask, under removals that take soft masks and under those that do not."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.errors import ParameterError
from unseen.metrics.case import Case
from unseen.system.options import Count, check

LEVELS = 8
"""Level sets that stand for a soft mask where masks must be hard."""

Levels = Annotated[
    int,
    Count("how many level sets stand for a soft mask under removals that take hard ones; the score is their mean"),
]


def min_max(saliency: Float[Tensor, "*space"]) -> Float[Tensor, "*space"]:
    """The map scaled linearly to [0, 1]; zeros where it is constant, for which there is no such scale."""
    low, high = saliency.aminmax()
    return (saliency - low) / (high - low) if high > low else torch.zeros_like(saliency)


def soft_views(
    case: Case, mask: Float[Tensor, "*space"], levels: int = LEVELS
) -> Float[Tensor, "N *space"] | Bool[Tensor, "N *space"]:
    """Masks whose mean answer stands for that to a soft mask, under the case's removal.

    Where the removal takes soft masks it is the mask itself, N = 1. Elsewhere (``ad``) it is its layer cake: a soft
    mask is the mean of its level sets {mask ≥ t} over t in (0, 1], and here t takes the mid-points of ``levels`` equal
    intervals. The mean of the *scores* under them is what the caller takes; for a model that is not linear it differs
    from the score of a blend, which such a removal does not define.

    Args:
        case: whose removal decides.
        mask: values in [0, 1], 1 = visible.
        levels: level sets, at least 1.

    Raises:
        ParameterError: values outside [0, 1], or no levels.
    """
    check("levels", levels, Levels)
    if not bool(((mask >= 0) & (mask <= 1)).all()):
        raise ParameterError("a soft mask must lie in [0, 1]; scale the map first, for example by min_max")
    if case.masked.removal.soft:
        return mask[None]
    heights = (torch.arange(levels, device=mask.device, dtype=mask.dtype) + 0.5) / levels
    return mask[None] >= heights.reshape(-1, *[1] * mask.ndim)
