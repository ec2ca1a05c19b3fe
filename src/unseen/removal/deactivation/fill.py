"""Neighbour fill: what a switched-off position shows to a window that also sees switched-on ones.

The idea is that of layer masking (Balasubramanian & Feizi, ICCV 2023): instead of zeros, which the layer has only
seen as padding, a switched-off position takes the mean of its switched-on neighbours, ring by ring.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.removal.deactivation.grid import Grid


def neighbour_fill(features: Tensor, grid: Grid, rings: int) -> Tensor:
    """Fill switched-off positions from their eight neighbours, ``rings`` times; what stays empty is zero.

    Args:
        features: shape (N, C, h, w).
        grid: its positions; explicit padding is neither filled nor a source.
        rings: how far from a switched-on position a window can reach.

    Returns:
        Features of the same shape; switched-on positions unchanged.
    """
    known = grid.active
    features = features * grid.keep
    padding = grid.padding
    for _ in range(rings):
        sources = features if padding is None else features * known
        weight = F.avg_pool2d(known, 3, 1, 1)
        empty = (known == 0) & (weight > 0)
        if padding is not None:
            empty = empty & (padding == 0)
        if not bool(empty.any()):
            break
        mean = F.avg_pool2d(sources, 3, 1, 1) / weight.clamp(min=torch.finfo(weight.dtype).tiny)
        features = features + mean * empty  # unlike torch.where, this keeps the memory format
        known = torch.where(empty, torch.ones_like(known), known)
    return features
