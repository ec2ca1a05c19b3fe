from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import Rule, cell, conjunction, graded, masked
from unseen.errors import ParameterError
from unseen.explainers.hiding.hsic import Hsic, dependence, hsic
from unseen.explainers.sufficient.evaluation import Evaluator


def literal(shown: Tensor, scores: Tensor) -> Tensor:
    """tr(K H L H) / (N − 1)², cell by cell, from the kernels as the papers write them."""
    number = len(scores)
    centring = torch.eye(number, dtype=torch.float64) - 1 / number
    apart = (scores[:, None] - scores).abs()
    width = apart[tuple(torch.triu_indices(number, number, 1))].median()
    outputs = torch.exp(-(apart**2) / (2 * width**2))
    kernels = [(column[:, None] == column).double() for column in shown.T]
    return torch.stack([torch.trace(k @ centring @ outputs @ centring) / (number - 1) ** 2 for k in kernels])


@given(seed=st.integers(0, 100), number=st.integers(4, 30), cells=st.integers(1, 5))
def test_it_is_the_trace_of_the_papers(seed: int, number: int, cells: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    shown = torch.rand(number, cells, generator=generator) < 0.5
    scores = torch.randn(number, generator=generator, dtype=torch.float64)
    found, _, _ = dependence(shown, scores)
    assert torch.allclose(found, literal(shown, scores).clamp(min=0), atol=1e-12)


def test_the_cells_that_count_are_told_from_chance_and_no_others() -> None:
    found = hsic(masked(graded(2, 9)), [0], Hsic(cells=16, masks=300))
    counting = found.p_values[0] <= 0.05
    assert set(counting.nonzero().flatten().tolist()) == {2, 9}
    assert float(found.hsic[0, counting].min()) > 5 * float(found.hsic[0, ~counting].max())


def test_chance_is_named_as_rarely_as_promised() -> None:
    """Scores that depend on no cell: in one run of twenty, any cell is below 0.05."""
    generator = torch.Generator().manual_seed(0)
    wrong = 0
    for _ in range(100):
        shown = torch.rand(40, 6, generator=generator) < 0.5
        orders = [torch.randperm(40, generator=generator) for _ in range(99)]
        _, p_values, _ = dependence(shown, torch.randn(40, generator=generator, dtype=torch.float64), orders)
        wrong += bool((p_values <= 0.05).any())
    assert wrong <= 13  # of 100 at 0.05: more has a probability of 0.0003


def test_a_change_of_spread_is_seen_though_the_mean_stays() -> None:
    generator = torch.Generator().manual_seed(1)
    shown = torch.rand(400, 3, generator=generator) < 0.5
    scores = torch.randn(400, generator=generator, dtype=torch.float64) * torch.where(shown[:, 1], 3.0, 0.3)
    orders = [torch.randperm(400, generator=generator) for _ in range(99)]
    _, p_values, _ = dependence(shown, scores, orders)
    assert float(p_values[1]) == 0.01
    assert float(p_values[[0, 2]].min()) > 0.05


def test_what_counts_against_the_class_is_negative() -> None:
    against: Rule = lambda visible: 2.0 * visible[:, 3] - 3.0 * visible[:, 12]  # noqa: E731
    found = Hsic(cells=16, masks=200).attribute(Evaluator(masked(against), 0), 0, None).saliency
    assert float(found[cell(3)].min()) > 0 > float(found[cell(12)].max())
    unsigned = Hsic(cells=16, masks=200, signed=False).attribute(Evaluator(masked(against), 0), 0, None).saliency
    assert torch.equal(unsigned, found.abs())


def test_scores_of_two_values_have_a_width() -> None:
    found = hsic(masked(conjunction(2, 9, 11)), [0], Hsic(cells=16, masks=300))
    assert set(found.hsic[0].topk(3).indices.tolist()) == {2, 9, 11}


def test_a_score_that_never_moves_gives_an_empty_map() -> None:
    findings = Hsic(cells=16, masks=20)(masked(lambda visible: 0.0 * visible[:, 0]), 0)
    assert not bool(findings.saliency.any())
    assert "no mask changes the score of yes" in findings.notes[0]


def test_a_map_that_may_be_noise_is_called_so_and_more_masks_help() -> None:
    few, enough = (
        Hsic(cells=16, masks=masks).attribute(Evaluator(masked(graded(2, 9)), 0), 0, None) for masks in (4, 300)
    )
    assert "raise the masks" in few.notes[0]
    assert not enough.notes


def test_the_batch_does_not_matter_and_seeds_do() -> None:
    maps = [hsic(masked(graded(2, 9), batch_size=size), [0], Hsic(cells=16, masks=50)).hsic for size in (1, 7, 100)]
    assert torch.allclose(maps[0], maps[1])
    assert torch.allclose(maps[0], maps[2])
    assert not torch.equal(maps[0], hsic(masked(graded(2, 9)), [0], Hsic(cells=16, masks=50), seed=1).hsic)


def test_as_a_method_it_finds_a_part_that_suffices() -> None:
    findings = Hsic(cells=16, masks=100)(masked(graded(2, 9)), 0, confidence=(0.5,))
    assert findings.parts[0].verified
    assert findings.record["evaluations"]["random halves of cells"] == 100


@pytest.mark.parametrize("settings", [{"cells": 1}, {"masks": 3}, {"masks": 20_001}])
def test_bad_parameters_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        Hsic(**settings)
