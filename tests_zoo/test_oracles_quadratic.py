"""Minima on the simplex and of least squares against PIQP, an interior-point solver, through qpsolvers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from qpsolvers import solve_qp

from helpers.quadratics import KINDS, problems
from unseen.explainers.aggregation.quadratic import Quadratic, non_negative, on_simplex

N = 20


def of_peer(q: Quadratic, place: int, *, simplex: bool) -> np.ndarray:
    matrix, linear = q.matrix[place].numpy(), q.linear[place].numpy()
    k, scale = len(linear), np.abs(matrix).max()
    found = solve_qp(
        matrix / scale,
        -linear / scale,
        A=np.ones((1, k)) if simplex else None,
        b=np.ones(1) if simplex else None,
        lb=np.zeros(k),
        solver="piqp",
        eps_abs=1e-12,
        eps_rel=1e-12,
    )
    assert found is not None
    return found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "almost the same"])  # where PIQP gives up
@pytest.mark.parametrize("k", [2, 6, 25])
@pytest.mark.parametrize("simplex", [True, False])
def test_minima_are_those_of_piqp(kind: str, k: int, simplex: bool) -> None:
    """PIQP stops short of the minimum, by 10⁻⁸ at worst; ours is never above what it finds."""
    q = problems(kind, N, k, seed=20)
    ours = on_simplex(q) if simplex else non_negative(q)
    peers = torch.tensor(np.stack([of_peer(q, place, simplex=simplex) for place in range(N)]))
    excess = (q(ours) - q(peers)) / q.matrix.abs().amax((-2, -1))
    assert (excess <= 1e-11).all()
    assert (excess >= -1e-7).all()
    if kind == "regular":
        torch.testing.assert_close(ours, peers, rtol=0, atol=1e-4)
