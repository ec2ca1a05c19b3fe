"""Least-squares problems of every kind that a solver may meet."""

from __future__ import annotations

import torch
from torch import Tensor

from unseen.explainers.aggregation.quadratic import Quadratic

KINDS = ("regular", "few rows", "same twice", "almost the same", "of many sizes")


def least_squares(kind: str, n: int, k: int, seed: int) -> tuple[Tensor, Tensor]:
    """n problems |Sv − δ|²: S (n, rows, k) and δ (n, rows)."""
    stream = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=stream, dtype=torch.float64)

    rows = max(k // 2, 1) if kind == "few rows" else 3 * k
    columns = normal(n, rows, k) + normal(n, rows, 1) / 2
    if kind == "same twice":
        columns[..., -1] = columns[..., 0]
    if kind == "almost the same":
        columns[..., -1] = columns[..., 0] + 1e-6 * normal(n, rows)
    if kind == "of many sizes":
        columns *= 10 ** (3 * torch.rand(n, 1, k, generator=stream, dtype=torch.float64))
    return columns, columns.mean(-1) + normal(n, rows)


def quadratic_of(columns: Tensor, wanted: Tensor) -> Quadratic:
    return Quadratic(columns.mT @ columns, (columns.mT @ wanted[..., None])[..., 0], (wanted * wanted).sum(-1))


def problems(kind: str, n: int, k: int, seed: int) -> Quadratic:
    return quadratic_of(*least_squares(kind, n, k, seed))
