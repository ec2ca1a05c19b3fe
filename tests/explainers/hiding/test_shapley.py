from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import SIZE, Rule, cell, conjunction, graded, interacting, majority, masked, segments
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.shapley import Sampling, Shapley, _by_regression, from_kernel, shapley

SAMPLINGS: tuple[Sampling, ...] = ("kernel", "permutation")


def anything(seed: int) -> Rule:
    """A game with no structure at all: every set of visible cells has a random logit of its own."""
    table = torch.randn(2**16, generator=torch.Generator().manual_seed(seed))
    return lambda visible: table[visible.long() @ 2 ** torch.arange(16)]


def by_definition(rule: Rule, cells: int) -> Tensor:
    """The mean gain over all orders of the segments, one after the other."""
    asked, parts = masked(rule), segments(cells=cells)
    count = 16 // cells
    total = torch.zeros(count).double()
    orders = list(permutations(range(count)))
    for order in orders:
        shown = torch.zeros(count + 1, SIZE, SIZE)
        for place, segment in enumerate(order):
            shown[place + 1] = shown[place] + (parts == segment)
        total[list(order)] += asked(shown)[:, 0].double().diff()
    return total / len(orders)


@pytest.mark.parametrize("rule", [anything(0), anything(1), interacting, majority(0, 5, 10)])
def test_all_coalitions_give_the_mean_gain_over_all_orders(rule: Rule) -> None:
    asked = masked(rule)
    found = shapley(asked, [0, 1], segments(cells=4), Shapley(budget=16))
    assert found.exact
    assert asked.evaluations == 16
    assert torch.allclose(found.values[0], by_definition(rule, 4), atol=1e-6)
    assert not bool(found.values[1].any())
    assert not bool(found.errors.any())


def test_cells_that_are_needed_together_share_alike() -> None:
    found = shapley(masked(conjunction(0, 3, 9)), [0], segments(cells=2), Shapley(budget=256))
    expected = torch.zeros(8).double()
    expected[[0, 1, 4]] = 4 / 3
    assert torch.allclose(found.values[0], expected)


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("budget", [66, 300])
def test_what_adds_up_is_found_without_error(sampling: Sampling, budget: int) -> None:
    asked = masked(graded(2, 5, 15))
    found = shapley(asked, [0], segments(), Shapley(budget=budget, sampling=sampling))
    expected = torch.zeros(16).double()
    expected[[2, 5, 15]] = 1
    assert not found.exact
    assert torch.allclose(found.values[0], expected)
    assert float(found.errors.max()) < 1e-9
    assert asked.evaluations <= budget


def test_an_order_and_its_reverse_settle_what_two_cells_share() -> None:
    found = shapley(masked(conjunction(2, 9)), [0], segments(), Shapley(budget=66, sampling="permutation"))
    expected = torch.zeros(16).double()
    expected[[2, 9]] = 2
    assert torch.allclose(found.values[0], expected)


@given(seed=st.integers(0, 10_000), sampling=st.sampled_from(SAMPLINGS), budget=st.integers(66, 400))
def test_values_add_up_to_the_change(seed: int, sampling: Sampling, budget: int) -> None:
    asked = masked(anything(seed))
    found = shapley(
        asked, [0, 1], segments(), Shapley(budget=budget, sampling=sampling, score="probability"), seed=seed
    )
    assert torch.allclose(found.values.sum(1), found.whole - found.hidden, atol=1e-9, rtol=0)
    assert asked.evaluations <= budget
    ends = torch.stack([torch.zeros(SIZE, SIZE), torch.ones(SIZE, SIZE)])
    assert torch.allclose(torch.stack([found.hidden, found.whole]), asked(ends).softmax(1).double(), atol=1e-6)


def test_the_regression_is_that_of_kernel_shap() -> None:
    """Both coalitions of each pair as rows, the efficiency constraint by a Lagrange multiplier."""
    coalitions = from_kernel(7, 40, torch.Generator().manual_seed(0))
    rows = torch.cat([coalitions, ~coalitions]).double()
    scores = torch.randn(80, 2, generator=torch.Generator().manual_seed(1)).double()
    change = torch.tensor([0.7, -2.0]).double()
    system = torch.zeros(8, 8).double()
    system[:7, :7], system[:7, 7], system[7, :7] = rows.T @ rows, 1, 1
    literal = torch.linalg.solve(system, torch.cat([rows.T @ scores, change[None]]))[:7]
    values, _ = _by_regression(coalitions, (scores[:40] - scores[40:]) / 2, change)
    assert torch.allclose(values, literal)


def test_coalitions_that_do_not_tell_segments_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    coalitions = torch.tensor([[True, True, False, False], [True, True, True, False]]).repeat(8, 1)
    _, errors = _by_regression(coalitions, torch.zeros(16, 1).double(), torch.zeros(1).double())
    assert bool(errors.isinf().all())
    monkeypatch.setattr("unseen.explainers.hiding.shapley.from_kernel", lambda *_: coalitions.repeat(1, 4))
    with pytest.raises(ParameterError, match=r"32 coalitions drawn do not tell all 16 segments apart.*budget=64"):
        shapley(masked(graded(2)), [0], segments(), Shapley(budget=66))


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_standard_errors_are_the_spread_over_seeds(sampling: Sampling) -> None:
    def found(budget: int, seed: int = 0) -> Any:
        return shapley(
            masked(interacting), [0], segments(cells=2), Shapley(budget=budget, sampling=sampling), seed=seed
        )

    truth = found(256).values[0]
    runs = [found(200, seed) for seed in range(200)]
    values, errors = (torch.stack([getattr(run, name)[0] for run in runs]) for name in ("values", "errors"))
    spread = (values - truth).square().mean(0).sqrt()
    assert bool((values.mean(0) - truth).abs().max() < 4 * spread.max() / 200**0.5)
    assert bool(((errors.square().mean(0).sqrt() / spread) > 0.85).all())
    assert bool(((errors.square().mean(0).sqrt() / spread) < 1.2).all())
    assert 0.9 < float(((values - truth).abs() <= 2 * errors).double().mean()) < 0.98


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_seeds_differ_and_repeat_and_the_batch_does_not_matter(sampling: Sampling) -> None:
    def found(seed: int, batch: int) -> Tensor:
        asked = masked(interacting, batch_size=batch)
        return shapley(asked, [0], segments(), Shapley(budget=100, sampling=sampling), seed=seed).values

    assert torch.equal(found(0, 7), found(0, 7))
    assert torch.allclose(found(0, 1), found(0, 100), atol=1e-6)
    assert not torch.allclose(found(0, 100), found(1, 100), atol=1e-3)


def test_one_segment_has_it_all() -> None:
    found = shapley(masked(graded(2)), [0], torch.zeros(SIZE, SIZE, dtype=torch.long), Shapley(budget=2))
    assert found.values.tolist() == [[1.0]]


def test_a_budget_that_is_too_small_says_how_much_is_needed() -> None:
    with pytest.raises(ParameterError) as caught:
        shapley(masked(graded(2)), [0], segments(), Shapley(budget=65))
    said = "budget 65 is too small for 16 segments: give at least budget=66, or fewer segments, such as segments=7"
    assert str(caught.value) == said
    for remedy in ("segments=16,budget=66", "segments=7,budget=65"):
        assert METHODS.create(f"shapley:{remedy}")(masked(graded(2)), 0).saliency.any()


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_as_a_method_its_map_adds_up(sampling: Sampling) -> None:
    findings = Shapley(segments=16, budget=600, sampling=sampling)(masked(conjunction(2, 9)), 0)
    record = findings.record["map"]
    assert float(findings.saliency.sum()) == pytest.approx(record["whole"] - record["hidden"], abs=1e-4)
    assert record["efficiency_gap"] < 1e-5
    assert len(record["values"]) == len(record["standard_errors"]) == record["segments"] == 16
    assert findings.parts[0].verified
    assert findings.record["evaluations"]["coalitions of segments"] <= 600
    counting = cell(2) | cell(9)
    assert float(findings.saliency[counting].mean()) > 5 * float(findings.saliency[~counting].abs().mean())


def test_few_segments_are_enumerated() -> None:
    findings = Shapley(segments=4)(masked(graded(2)), 0)
    assert findings.record["map"]["exact"]
    assert findings.record["evaluations"]["coalitions of segments"] == Shapley(segments=4).cost((SIZE, SIZE)) == 16


def test_a_map_that_may_be_noise_is_told() -> None:
    findings = Shapley(segments=16, budget=70, steps=2)(masked(anything(0)), 0)
    assert any("may be noise; raise the budget" in note for note in findings.notes)
    patient = Shapley(segments=16, budget=2000, steps=2)(masked(anything(0)), 0)
    assert not any("may be noise" in note for note in patient.notes)


@pytest.mark.parametrize("settings", [{"segments": 0}, {"budget": 1}, {"steps": 1}])
def test_bad_parameters_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        Shapley(**settings)


@pytest.mark.usefixtures("unchecked_types")
def test_a_sampling_that_there_is_not_is_refused() -> None:
    with pytest.raises(ParameterError, match="sampling must be 'kernel' or 'permutation', got 'sobol'"):
        Shapley(sampling="sobol")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="sobol"):
        METHODS.create("shapley:sampling=sobol")
