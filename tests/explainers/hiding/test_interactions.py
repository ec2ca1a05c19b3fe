"""What pairs of segments add, against games whose answer is known and against the definition solved by hand."""

from __future__ import annotations

from itertools import combinations
from math import comb
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.cells import SIZE, masked
from helpers.networks import Network, bound
from unseen.errors import ParameterError
from unseen.explainers import METHODS
from unseen.explainers.hiding.interactions import interactions
from unseen.explainers.hiding.segments import grid
from unseen.explainers.hiding.shapley import Shapley, shapley
from unseen.explainers.sufficient.search import findings_of

CELLS = grid((SIZE, SIZE), 16)


def stripes(count: int) -> Tensor:
    """Of a photograph of 16 × 16."""
    return (torch.arange(16) * count // 16).expand(16, 16)


def game(cells: Tensor) -> Tensor:
    """2 for cell 0; 3 for cells 0 and 5 together, −1 for 2 and 3: at least one of them would do."""
    shown = cells.float()
    return 2 * shown[:, 0] + 3 * shown[:, 0] * shown[:, 5] + shown[:, 2] + shown[:, 3] - shown[:, 2] * shown[:, 3]


@pytest.mark.parametrize("budget", [600, 410])
def test_of_a_score_that_is_made_of_pairs_they_are_found(budget: int) -> None:
    """Exactly, from any coalitions that tell them apart."""
    found = interactions(masked(game), [0], CELLS, budget=budget)
    assert not found.exact
    alone, pairs = torch.zeros(16, dtype=torch.float64), torch.zeros(16, 16, dtype=torch.float64)
    alone[0], alone[2], alone[3] = 2, 1, 1
    pairs[0, 5], pairs[2, 3] = 3, -1
    torch.testing.assert_close(found.alone[0], alone, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.pairs[0], pairs + pairs.T, atol=1e-5, rtol=0)
    assert float(found.r2[0]) == pytest.approx(1)
    assert (float(found.hidden[0]), float(found.whole[0])) == (0, 6)


def test_they_are_what_the_definition_says() -> None:
    """Equation 14 with a multiplier for what all must add up to; solved over all coalitions."""
    one, segments, count = bound(Network(), double=False), grid((16, 16), 6), 6
    found = interactions(one, [1], segments)
    assert found.exact
    sets = [(i,) for i in range(count)] + list(combinations(range(count), 2))
    matrix, right, worth = np.zeros((len(sets) + 1,) * 2), np.zeros(len(sets) + 1), {}
    for size in range(count + 1):
        for chosen in combinations(range(count), size):
            shown = torch.isin(segments, torch.tensor(chosen, dtype=torch.long)).float()
            worth[chosen] = float(one(shown[None])[0, 1])
    for chosen, value in worth.items():
        size = len(chosen)
        if 0 < size < count:
            weight = (count - 1) / (comb(count, size) * size * (count - size))
            row = np.array([set(some) <= set(chosen) for some in sets], dtype=float)
            matrix[:-1, :-1] += weight * np.outer(row, row)
            right[:-1] += weight * row * (value - worth[()])
    matrix[-1, :-1] = matrix[:-1, -1] = 1
    right[-1] = worth[tuple(range(count))] - worth[()]
    expected = np.linalg.solve(matrix, right)
    ours = [*found.alone[0].tolist(), *(float(found.pairs[0][pair]) for pair in sets[count:])]
    np.testing.assert_allclose(ours, expected[:-1], atol=1e-5)
    assert float(found.shares.sum()) == pytest.approx(right[-1], abs=1e-6)


def test_from_some_coalitions_they_are_nearly_those_from_all() -> None:
    one, segments = bound(Network(), double=False), stripes(8)
    exact, drawn = (interactions(one, [1], segments, budget=budget) for budget in (256, 240))
    assert (exact.exact, drawn.exact) == (True, False)
    assert float((drawn.pairs - exact.pairs).abs().max()) < 0.2 * float(exact.pairs.abs().max())
    assert float(drawn.shares.sum()) == pytest.approx(float(exact.whole - exact.hidden), abs=1e-6)


def test_where_pairs_say_all_a_segments_share_is_its_shapley_value() -> None:
    found = interactions(masked(game), [0], CELLS)
    expected = shapley(masked(game), [0], CELLS, Shapley(budget=3000, sampling="permutation"))
    assert torch.allclose(found.shares, expected.values, atol=0.05)


def test_as_a_method_it_keeps_what_it_found(tmp_path: Path) -> None:
    np.save(tmp_path / "cells.npy", CELLS.numpy())
    method = METHODS.create(f"shapley-interactions:file={tmp_path / 'cells.npy'}")
    found = findings_of(method, masked(game), 0)
    assert float(found.saliency.sum()) == pytest.approx(6, abs=1e-4)
    pairs = np.array(found.record["pairs"])
    assert pairs[0, 5] == pairs[5, 0] == pytest.approx(3, abs=1e-5)
    assert found.record["centres"][5] == [12, 12]
    assert found.notes == ()


def test_the_budget_that_is_asked_for_tells_pairs_apart() -> None:
    for seed in range(8):
        found = interactions(masked(game), [0], CELLS, budget=410, seed=seed)
        assert float(found.pairs[0, 0, 5]) == pytest.approx(3, abs=1e-4)


def test_coalitions_that_do_not_tell_pairs_apart_are_refused_with_a_budget_that_does() -> None:
    """Of 7 segments the few coalitions that are drawn often come up again."""
    one, segments, refused = bound(Network(), double=False), stripes(7), []
    for seed in range(20):
        try:
            interactions(one, [1], segments, budget=86, seed=seed)
        except ParameterError as error:
            refused.append(int(str(error).rpartition("budget=")[2]))
    assert 0 < len(refused) < 20
    assert set(refused) == {128}
    assert interactions(one, [1], segments, budget=128).exact


def test_what_pairs_do_not_describe_is_said() -> None:
    """Four cells are needed together, and no two of them do anything."""
    found = findings_of(METHODS.create("shapley-interactions:segments=16"), masked(lambda cells: cells.all(1)), 0)
    assert any("hardly describe the classifier" in note for note in found.notes)


def test_a_budget_that_is_too_small_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"too small for the 136 values of 16 segments and .* at least budget=410"):
        interactions(masked(game), [0], CELLS, budget=409)
    with pytest.raises(ParameterError, match="shape"):
        interactions(masked(game), [0], CELLS[:5])
