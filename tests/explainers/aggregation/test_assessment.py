"""What is held out is not fitted to; what is resampled scatters as it should."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.mixtures import by_hand, drawn, observed, segments
from unseen.explainers.aggregation.assessment import FOLDS, STRENGTHS, fitting_strength, folds, held_out, resampled
from unseen.explainers.aggregation.programs import Goal, Observed, program
from unseen.explainers.aggregation.quality import Changes, changes, hidings
from unseen.system.options import choices_of


@pytest.mark.parametrize(("near", "hidden"), [(6, 40), (8, 8), (2, 9), (30, 100)])
def test_every_observation_is_left_out_and_never_judged_where_it_was_fitted(near: int, hidden: int) -> None:
    for shares, count in zip(folds(observed(0, near=near, hidden=hidden)), (near, hidden), strict=True):
        assert shares.shape == (FOLDS, count)
        assert bool(((shares == 0) | (shares == 1)).all())
        assert bool((shares == 0).any(0).all())
        assert bool((shares == 1).any(1).all())


def test_of_one_observation_none_is_left_out_and_nothing_is_known() -> None:
    known = observed(0, near=1, hidden=40)
    assert bool((folds(known)[0] == 1).all())
    found = held_out(known, "both")
    assert bool(found.sensitivity.isnan().all())
    assert not bool(found.infidelity.isnan().any())
    assert fitting_strength(known, "robustness") == 0


@pytest.mark.parametrize("near", [3, 8, 11])
@pytest.mark.parametrize("hidden", [5, 40, 43])
@pytest.mark.parametrize("goal", choices_of(Goal))
def test_losses_are_those_of_a_loop_over_what_is_held_out(goal: Any, near: int, hidden: int) -> None:
    """Each observation counts once, as often as its fold comes up; weights are fitted to those of neither kind's fold."""
    maps, nearby, shown, drops = drawn(3, near=near, hidden=hidden)
    known = Observed(changes(maps, nearby), hidings(maps, shown, segments(), drops))
    found = held_out(known, goal)
    change: list[list[float]] = [[] for _ in range(near)]
    missed: list[list[float]] = [[] for _ in range(hidden)]
    area = (~shown).double() @ segments().flatten().bincount().double()
    spent = [0.0] * hidden
    for fold in range(FOLDS):
        kept = torch.arange(near) % min(FOLDS, near) != fold % min(FOLDS, near)
        rows = torch.arange(hidden) % min(FOLDS, hidden) != fold % min(FOLDS, hidden)
        part = Observed(
            Changes(known.changes.grams[kept], known.changes.maps),
            hidings(maps, shown[rows], segments(), drops[rows]),
        )
        weights = program(part, goal).weights()
        here = torch.einsum("k,khw->hw", weights, maps.double())
        for place in (~kept).nonzero().flatten().tolist():
            r = torch.einsum("k,khw->hw", weights, (maps - nearby[place]).double())
            change[place].append(float((r - r.mean()).norm() / (here - here.mean()).norm()))
        sums, cost = part.hidings.sums @ weights, part.hidings.drops
        scale = max(float(sums @ cost / (sums @ sums)), 0)
        said = torch.stack([float(here[~mask[segments()]].sum()) * torch.ones(()).double() for mask in shown])
        free = torch.stack([torch.ones(hidden).double(), area], 1)
        wrong, plain = (
            values - free @ torch.linalg.lstsq(free[rows], values[rows, None]).solution[:, 0]
            for values in (scale * said - drops, drops.double())
        )
        for place in (~rows).nonzero().flatten().tolist():
            times = sum(place % min(FOLDS, hidden) == other % min(FOLDS, hidden) for other in range(FOLDS))
            missed[place].append(float(wrong[place]) ** 2)
            spent[place] += float(plain[place]) ** 2 / times
    once = [sum(values) / len(values) for values in change]
    assert float(found.sensitivity[0]) == pytest.approx(sum(once) / near, rel=1e-5)
    total = sum(sum(values) / len(values) for values in missed)
    assert float(found.infidelity[0]) == pytest.approx(total / sum(spent), rel=1e-5)


@pytest.mark.parametrize("hidden", [4, 5, 6, 8, 16])
def test_few_hidden_parts_do_not_tell_of_those_that_are_left_out(hidden: int) -> None:
    """Drops that no map knows of: whatever is fitted to some of them predicts the others no better than none does."""
    found = []
    for seed in range(30):
        maps, _, shown, _ = drawn(seed, near=0, hidden=hidden)
        drops = torch.randn(hidden, generator=torch.Generator().manual_seed(seed))
        known = Observed(changes(maps, []), hidings(maps, shown, segments(), drops))
        found.append(float(held_out(known, "faithfulness").infidelity[0]))
    assert sum(found) / len(found) > 0.95


def test_where_hiding_costs_nothing_there_is_nothing_to_predict() -> None:
    known = by_hand(torch.eye(2).expand(4, 2, 2), torch.eye(2), torch.randn(9, 2), torch.zeros(9))
    assert bool(held_out(known, "faithfulness").infidelity.isnan().all())
    assert fitting_strength(known, "faithfulness") == 0
    assert bool(held_out(known, "robustness").sensitivity.isfinite().all())


def test_noise_is_not_taken_for_faithfulness() -> None:
    """Drops that no map explains: fitted weights seem to explain some, on what was held out they explain nothing."""
    losses = []
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        known = by_hand(
            torch.zeros(0, 5, 5),
            torch.eye(5),
            torch.randn(24, 5, generator=generator),
            torch.randn(24, generator=generator),
        )
        _near, hidden = known.alike
        weights = program(known, "faithfulness").weights()
        assert float(known.hidings.infidelity(weights, hidden, hidden)) <= 1
        losses.append(float(held_out(known, "faithfulness").infidelity[0]))
    assert sum(losses) / len(losses) > 1


@pytest.mark.parametrize("goal", choices_of(Goal))
def test_the_strength_is_one_of_those_that_are_tried(goal: Any) -> None:
    assert fitting_strength(observed(5), goal) in STRENGTHS


def test_a_strong_pull_is_chosen_where_the_observations_are_noise_and_none_where_they_are_not() -> None:
    """Maps that are equally good: only the mean is. One map that is clearly best: no pull."""
    pulled = []
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        truth = torch.randn(16, 1, generator=generator)
        noisy = by_hand(
            torch.zeros(0, 6, 6), torch.eye(6), truth + torch.randn(16, 6, generator=generator), truth[:, 0]
            + torch.randn(16, generator=generator),
        )  # fmt: skip
        pulled.append(fitting_strength(noisy, "faithfulness"))
    assert sum(strength >= 1 for strength in pulled) >= 7
    generator = torch.Generator().manual_seed(0)
    sums = torch.randn(60, 6, generator=generator)
    assert fitting_strength(by_hand(torch.zeros(0, 6, 6), torch.eye(6), sums, sums[:, 2]), "faithfulness") == 0


@pytest.mark.parametrize("near", [2, 4])
def test_the_strength_is_the_strongest_within_a_standard_error_of_as_many_folds_as_there_are(near: int) -> None:
    chosen = set()
    for seed in range(8):
        known = observed(seed, near=near, hidden=4)
        losses = []
        for place in range(near):
            kept = torch.arange(near) != place
            part = Observed(Changes(known.changes.grams[kept], known.changes.maps), known.hidings)
            weights = program(part, "robustness").drawn(torch.tensor(STRENGTHS)).weights()
            losses.append(known.changes.sensitivity(weights, (~kept).double()))
        values = torch.stack(losses, 1)
        best = int(values.mean(1).argmin())
        error = (values - values[best]).std(1) / near**0.5
        good = values.mean(1) <= values[best].mean() + error + 1e-12
        expected = max(strength for strength, one in zip(STRENGTHS, good.tolist(), strict=True) if one)
        assert fitting_strength(known, "robustness") == expected
        chosen.add(expected)
    assert len(chosen) > 1


@given(st.integers(0, 1000))
@settings(max_examples=10)
def test_resampled_weights_are_mixtures_around_the_weights(seed: int) -> None:
    known = observed(seed)
    found = resampled(known, "robustness", resamples=40, generator=torch.Generator().manual_seed(1))
    again = resampled(known, "robustness", resamples=40, generator=torch.Generator().manual_seed(1))
    assert torch.equal(found, again)
    assert torch.allclose(found.sum(1), torch.ones(40).double())
    assert float((found.mean(0) - program(known, "robustness").weights()).abs().max()) < 0.25


def test_more_observations_scatter_less() -> None:
    spread = [
        float(resampled(observed(0, near=near), "robustness", generator=torch.Generator().manual_seed(0)).std(0).mean())
        for near in (4, 64)
    ]
    assert spread[1] < 0.5 * spread[0]


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_the_gap_to_fresh_observations_is_within_its_bound(seed: int) -> None:
    """|Q̂(w) − Q(w)| ≤ max |Γ̂ᵢⱼ − Γᵢⱼ| for all w of the simplex, because ‖wwᵀ‖₁ = 1."""
    few, many = observed(seed, near=4).changes, observed(seed + 1, near=200).changes
    weights = program(Observed(few, observed(seed).hidings), "robustness").weights()
    one, other = (known.loss(torch.ones(len(known.grams))) for known in (few, Changes(many.grams, few.maps)))
    bound = float((one.matrix - other.matrix).abs().max())
    assert abs(float(one(weights)) - float(other(weights))) <= bound * (1 + 1e-9)


@pytest.mark.parametrize("goal", choices_of(Goal))
def test_a_map_that_stays_near_one_photograph_alone_can_be_resampled(goal: Any) -> None:
    """Left out or drawn, the observations that are left say that the first method does not change at all."""
    known = observed(0, k=3, near=3)
    known.changes.grams[1:, 0] = known.changes.grams[1:, :, 0] = 0
    assert fitting_strength(known, goal) in STRENGTHS
    assert bool(held_out(known, goal).sensitivity.isfinite().all())
    found = resampled(known, goal, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(found.sum(1), torch.ones(200).double())
    if goal == "robustness":
        assert int((found[:, 0] > 1 - 1e-6).sum()) == pytest.approx(200 * (2 / 3) ** 3, abs=25)
