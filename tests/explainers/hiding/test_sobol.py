from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import Rule, cell, conjunction, graded, masked
from unseen.errors import ParameterError
from unseen.explainers.hiding.sobol import Sobol, sobol, total_indices
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal.fills.constant import ConstantFill


def by_enumeration(rule: Rule) -> Tensor:
    """The total indices of 16 fair coins, from all 2^16 states: E[Var(f | all others)] / Var(f)."""
    states = torch.tensor(list(product((False, True), repeat=16)))
    f = rule(states)
    f = (torch.where(f, 2.0, -2.0) if f.dtype == torch.bool else f).double().reshape((2,) * 16)
    return torch.stack([f.var(dim=i, correction=0).mean() for i in range(16)]) / f.var(correction=0)


@pytest.mark.parametrize("rule", [graded(2, 5, 15), conjunction(2, 9), conjunction(0, 3, 9)])
def test_indices_are_those_of_all_states(rule: Rule) -> None:
    asked = masked(rule)
    found = sobol(asked, [0], Sobol(cells=16, designs=1024))
    truth = by_enumeration(rule)
    assert torch.allclose(found.total[0], truth, atol=0.12)
    assert bool(((found.total[0] - truth).abs() <= 4 * found.errors[0] + 1e-12).all())
    assert bool((found.total[0][truth == 0] == 0).all())


def test_alike_estimates_of_a_smooth_function() -> None:
    """The g-function of Sobol', whose indices are known: V_i = 1 / 3 (1 + a_i)², T_i = V_i Π_{j≠i} (1 + V_j) / V."""
    a = torch.tensor([0.0, 1.0, 4.5, 9.0], dtype=torch.float64)
    drawn = torch.quasirandom.SobolEngine(8, scramble=True, seed=3).draw(4096, dtype=torch.float64)
    one, other = drawn.chunk(2, 1)

    def g(x: Tensor) -> Tensor:
        return (((4 * x - 2).abs() + a) / (1 + a)).prod(-1, keepdim=True)

    exchanged = torch.stack([torch.where(torch.arange(4) == i, other, one) for i in range(4)])
    found = total_indices(g(one), g(other), g(exchanged), one - other)
    each = 1 / (3 * (1 + a) ** 2)
    whole = (1 + each).prod() - 1
    assert torch.allclose(found.variance[0], whole, rtol=0.02)
    assert torch.allclose(found.total[0], each * (1 + each).prod() / (1 + each) / whole, atol=0.02)


def test_errors_shrink_with_the_root_of_the_designs_and_cover_the_truth() -> None:
    truth = by_enumeration(conjunction(2, 9))[2]
    found = [sobol(masked(conjunction(2, 9)), [0], Sobol(cells=16, designs=64), seed=seed) for seed in range(30)]
    near = [float((one.total[0, 2] - truth).abs() / one.errors[0, 2]) for one in found]
    assert sum(distance < 3 for distance in near) >= 26
    more = sobol(masked(conjunction(2, 9)), [0], Sobol(cells=16, designs=1024))
    assert 2 < float(found[0].errors[0, 2] / more.errors[0, 2]) < 8


@given(seed=st.integers(0, 50))
def test_what_counts_against_the_class_is_negative(seed: int) -> None:
    against: Rule = lambda visible: 2.0 * visible[:, 3] - 3.0 * visible[:, 12]  # noqa: E731
    map_ = Sobol(cells=16, designs=16).attribute(Evaluator(masked(against), 0), seed, None).saliency
    assert float(map_[cell(3)].min()) > 0 > float(map_[cell(12)].max())
    unsigned = Sobol(cells=16, designs=16, signed=False).attribute(Evaluator(masked(against), 0), seed, None).saliency
    assert torch.equal(unsigned, map_.abs())


def test_hard_masks_that_are_the_same_are_evaluated_once() -> None:
    soft = masked(graded(2))
    hard = Cut("black").bind(soft.classifier, soft.image)
    sobol(soft, [0], Sobol(cells=16, designs=32))
    sobol(hard, [0], Sobol(cells=16, designs=32))
    assert soft.evaluations == Sobol(cells=16, designs=32).cost((32, 32)) == 32 * 18
    assert hard.evaluations < 0.65 * soft.evaluations


def test_the_batch_does_not_matter_and_seeds_do() -> None:
    maps = [sobol(masked(graded(2, 9), batch_size=size), [0], Sobol(cells=16, designs=8)).total for size in (1, 7, 100)]
    assert torch.allclose(maps[0], maps[1])
    assert torch.allclose(maps[0], maps[2])
    other = sobol(masked(graded(2, 9)), [0], Sobol(cells=16, designs=8), seed=1).total
    assert not torch.equal(maps[0], other)


def test_a_score_that_never_moves_gives_an_empty_map() -> None:
    findings = Sobol(cells=16, designs=4)(masked(lambda visible: 0.0 * visible[:, 0]), 0)
    assert not bool(findings.saliency.any())
    assert "varying the cells never changes the score of yes" in findings.notes[0]


def test_as_a_method_it_finds_a_part_that_suffices() -> None:
    findings = Sobol(cells=16, designs=16)(masked(graded(2, 9)), 0, confidence=(0.5,))
    assert findings.parts[0].verified
    assert findings.record["map"]["cells"] == 16


@pytest.mark.parametrize("settings", [{"cells": 1}, {"designs": 3}])
def test_bad_parameters_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        Sobol(**settings)


class Cut(ConstantFill):
    """A fill that takes masks of 0 and 1 only."""

    soft = False
