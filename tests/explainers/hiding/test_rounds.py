from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.cells import conjunction, graded, interacting, masked, segments
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.lime import Lime, lime
from unseen.explainers.hiding.rise import Rise, rise
from unseen.explainers.hiding.rounds import between_halves, relative, rounds
from unseen.explainers.hiding.shapley import Shapley, shapley


@given(budget=st.integers(1, 10_000), least=st.integers(1, 500), tolerance=st.sampled_from([0.0, 0.1]))
def test_rounds_spend_the_budget_without_a_gap(budget: int, least: int, tolerance: float) -> None:
    found = rounds(budget, least, tolerance)
    assert found[0][0] == 0
    assert found[-1][1] == budget
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(first < last for first, last in found)
    if not tolerance:
        assert len(found) == 1
    elif budget > least:
        assert found[0][1] == least


def test_half_the_difference_of_two_halves_is_as_large_as_the_error_of_their_mean() -> None:
    """400 estimates of a known vector: the error that is told is that which is made."""
    generator = torch.Generator().manual_seed(0)
    truth = torch.linspace(-1, 2, 200).double().expand(400, -1)
    one, other = (truth + 0.3 * torch.randn(400, 200, generator=generator).double() for _ in range(2))
    made = relative((one + other) / 2 - truth, truth)
    assert float(between_halves(one, other).mean() / made.mean()) == pytest.approx(1, abs=0.05)


def test_the_error_of_nothing_is_not_known() -> None:
    assert relative(torch.zeros(1, 3), torch.tensor([[0.0, 0, 0]])).tolist() == [torch.inf]


def rise_of(seed: int, **settings: Any) -> tuple[torch.Tensor, float, int]:
    asked = masked(graded(2, 9))
    found = rise(asked, [0], Rise(grid=4, score="logit", **settings), seed=seed)
    assert found.masks == asked.evaluations
    return found.values[0].double(), float(found.error), found.masks


def lime_of(seed: int, **settings: Any) -> tuple[torch.Tensor, float, int]:
    asked = masked(interacting)
    found = lime(asked, [0], segments(), Lime(score="logit", strength=0.01, **settings), seed=seed)
    return found.coefficients[0], float(found.error), found.samples


def shapley_of(seed: int, **settings: Any) -> tuple[torch.Tensor, float, int]:
    asked = masked(interacting)
    found = shapley(asked, [0], segments(), Shapley(**settings), seed=seed)
    return found.values[0], float(found.error), asked.evaluations


BUDGETS = [
    (rise_of, "masks", 6000, 20_000, 0.1),
    (lime_of, "samples", 4000, 20_000, 0.15),
    (shapley_of, "budget", 4000, 20_000, 0.15),
]


@pytest.mark.parametrize(("found", "budget", "ceiling", "much", "tolerance"), BUDGETS)
def test_what_stops_early_is_as_exact_as_it_was_asked_to_be(
    found: Any, budget: str, ceiling: int, much: int, tolerance: float
) -> None:
    truth = found(100, **{budget: much})[0]
    runs = [found(seed, **{budget: ceiling}, tolerance=tolerance) for seed in range(20)]
    made = torch.tensor([float((values - truth).norm() / truth.norm()) for values, _, _ in runs])
    assert max(count for _, _, count in runs) < 0.7 * ceiling
    assert all(error <= tolerance for _, error, _ in runs)
    assert float(made.square().mean().sqrt()) < 1.25 * tolerance
    assert float(made.square().mean().sqrt()) > 0.3 * tolerance  # no more is spent than is needed


@pytest.mark.parametrize(("found", "budget", "ceiling", "much", "tolerance"), BUDGETS)
def test_a_smaller_tolerance_costs_more_and_the_same_masks_come_first(
    found: Any, budget: str, ceiling: int, much: int, tolerance: float
) -> None:
    del much
    loose, tight = (found(0, **{budget: ceiling}, tolerance=share * tolerance)[2] for share in (2, 1))
    whole = found(0, **{budget: ceiling})[0]
    spent = found(0, **{budget: ceiling}, tolerance=1e-6)[0]
    assert loose < tight
    assert torch.allclose(whole, spent, atol=1e-6)


@pytest.mark.parametrize(
    "method", ["rise:masks=150,grid=4", "lime:samples=80,segments=16", "shapley:budget=90,segments=16"]
)
def test_a_budget_that_did_not_suffice_says_so_and_a_larger_one_helps(method: str) -> None:
    few = METHODS.create(f"{method},tolerance=0.25,steps=2")(masked(conjunction(2, 9, 12)), 0)
    option, value = method.split(":")[1].split(",")[0].split("=")
    said = [note for note in few.notes if f"{option}={value} did not suffice for tolerance=0.25" in note]
    assert len(said) == 1
    assert few.record["map"]["relative_error"] > 0.25
    larger = method.replace(f"{option}={value}", f"{option}=20000")
    enough = METHODS.create(f"{larger},tolerance=0.25,steps=2")(masked(conjunction(2, 9, 12)), 0)
    assert not any("did not suffice" in note for note in enough.notes)
    assert enough.record["map"]["relative_error"] <= 0.25
    assert sum(enough.record["evaluations"].values()) < 20_000


@pytest.mark.parametrize("method", ["rise:masks=300", "lime:samples=100,segments=16", "shapley:budget=90,segments=16"])
def test_where_nothing_counts_the_whole_budget_is_spent_in_search_of_it(method: str) -> None:
    findings = METHODS.create(f"{method},tolerance=0.5,steps=2")(masked(graded()), 0)
    assert not bool(findings.saliency.any())
    assert findings.record["map"]["relative_error"] is None
    assert any("is not known" in note for note in findings.notes)


def test_all_coalitions_leave_no_error() -> None:
    findings = METHODS.create("shapley:segments=4,tolerance=0.5,steps=2")(masked(graded(2)), 0)
    assert findings.record["map"]["exact"]
    assert findings.record["map"]["relative_error"] == 0
    assert not any("suffice for tolerance" in note for note in findings.notes)


@pytest.mark.parametrize("method", ["rise", "lime", "shapley"])
@pytest.mark.parametrize("tolerance", ["-0.1", "1", "nan"])
def test_a_tolerance_out_of_range_is_named(method: str, tolerance: str) -> None:
    with pytest.raises(ParameterError, match="tolerance"):
        METHODS.create(f"{method}:tolerance={tolerance}")
