"""The weights of each goal against enumeration, random mixtures and known answers."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.mixtures import by_hand, mixtures, observed
from unseen.errors import ParameterError
from unseen.explainers.aggregation.programs import Goal, PerSpread, program
from unseen.system.options import choices_of

seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("goal", choices_of(Goal))
@given(seeds)
@settings(max_examples=25)
def test_no_mixture_is_better(goal: Any, seed: int) -> None:
    made = program(observed(seed), goal)
    weights = made.weights()
    assert float(weights.sum()) == pytest.approx(1)
    assert bool((weights >= 0).all())
    assert float(made.certificate(weights)) < 1e-6
    assert float(made.loss(weights)) <= float(made.loss(mixtures(4, seed)).min()) * (1 + 1e-9)


@given(seeds, st.integers(2, 5))
@settings(max_examples=25)
def test_the_steadiest_mixture_is_the_best_of_all_faces(seed: int, k: int) -> None:
    """On each face the minima are eigenvectors of (Γ, C) with positive entries: k is small enough for all of them."""
    made = program(observed(seed, k), "robustness")
    assert isinstance(made, PerSpread)
    least = float("inf")
    for size in range(1, k + 1):
        for face in map(list, combinations(range(k), size)):
            gram, spread = (m[face][:, face] for m in (made.matrix, made.spread))
            root = torch.linalg.cholesky(spread)
            half = torch.linalg.solve_triangular(root, gram, upper=False)
            values, vectors = torch.linalg.eigh(torch.linalg.solve_triangular(root, half.T, upper=False))
            vectors = torch.linalg.solve_triangular(root.T, vectors, upper=True)
            for value, vector in zip(values.tolist(), vectors.T, strict=True):
                if bool((vector > 0).all()) or bool((vector < 0).all()):
                    least = min(least, value)
    assert float(made.loss(made.weights())) == pytest.approx(least, rel=1e-6)


def test_maps_that_have_nothing_in_common_gain_nothing_by_cancelling() -> None:
    """Three orthogonal maps of one length and three orthogonal changes of one length: every mixture is as steady."""
    made = program(by_hand(torch.eye(3)[None], 4 * torch.eye(3), torch.zeros(0, 3), torch.zeros(0)), "robustness")
    assert float(made.loss(made.weights())) == pytest.approx(0.25)
    assert made.loss(mixtures(3)).tolist() == pytest.approx([0.25] * 54)


def test_maps_that_agree_gain_by_what_their_changes_do_not_share() -> None:
    """The same map twice, independent changes of variance 1 and 4: weights are as the inverse variances."""
    made = program(
        by_hand(torch.diag(torch.tensor([1.0, 4.0]))[None], torch.ones(2, 2), torch.zeros(0, 2), torch.zeros(0)),
        "robustness",
    )
    assert made.weights().tolist() == pytest.approx([0.8, 0.2], rel=1e-6)
    assert float(made.loss(made.weights())) == pytest.approx(0.8)


OPPOSITE = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])


def test_a_map_and_its_opposite_are_not_mixed_to_nothing() -> None:
    """Their mean says nothing, so that it is no mixture at all; each alone is as steady as the other."""
    made = program(by_hand(0.1 * OPPOSITE[None], OPPOSITE, torch.zeros(0, 2), torch.zeros(0)), "robustness")
    assert isinstance(made, PerSpread)
    assert sorted(made.weights().tolist()) == [0, 1]
    assert float(made.loss(torch.tensor([0.5, 0.5]).double())) == torch.inf
    third = torch.block_diag(OPPOSITE, torch.ones(1, 1))
    steady = by_hand(torch.diag(torch.tensor([0.4, 0.4, 0.1]))[None], third, torch.zeros(0, 3), torch.zeros(0))
    assert float(program(steady, "robustness").weights()[2]) > 0.5


@pytest.mark.parametrize("goal", ["robustness", "both"])
def test_changes_that_cancel_make_a_mixture_that_does_not_change(goal: Any) -> None:
    sums = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    known = by_hand(OPPOSITE[None], torch.ones(2, 2), sums, sums.sum(1))
    made = program(known, goal, 1.0)
    assert made.weights().tolist() == pytest.approx([0.5, 0.5], abs=1e-6)
    assert float(known.changes.sensitivity(made.weights(), known.alike[0])) < 1e-6


@pytest.mark.parametrize("goal", choices_of(Goal))
@given(seeds)
@settings(max_examples=8)
def test_steps_downhill_never_end_above_a_method_or_the_mean(goal: Any, seed: int) -> None:
    """Maps of few pixels, of which some agree, some are opposite and some do not move near one photograph."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randint(-1, 2, (5, 6), generator=generator).double()
    moves = torch.randint(-1, 2, (3, 5, 6), generator=generator).double()
    moves[0, seed % 5] = 0
    sums, drops = torch.randn(9, 5, generator=generator), torch.randn(9, generator=generator)
    for shares in (torch.ones(3), torch.tensor([1.0, 0, 0])):
        made = program(
            by_hand(moves @ moves.mT, maps @ maps.T, sums, drops),
            goal,
            shares=(shares.double(), torch.ones(9).double()),
        )
        weights = made.weights()
        assert float(weights.sum()) == pytest.approx(1) or not bool(weights.any())
        others = torch.cat([torch.eye(5), torch.full((1, 5), 0.2)]).double()
        assert float(made.loss(weights)) <= float(made.loss(others).min()) * (1 + 1e-9) + 1e-12


def test_faithfulness_finds_the_mixture_that_was_planted() -> None:
    generator = torch.Generator().manual_seed(0)
    sums = torch.randn(30, 3, generator=generator, dtype=torch.float64)
    planted = torch.tensor([0.2, 0.0, 0.6], dtype=torch.float64)
    made = program(by_hand(torch.zeros(0, 3, 3), torch.eye(3), sums, 7 * sums @ planted), "faithfulness")
    assert made.weights().tolist() == pytest.approx([0.25, 0, 0.75])
    assert made.loss(made.weights()) == pytest.approx(1)


def test_where_no_method_is_faithful_there_are_no_weights() -> None:
    sums = torch.randn(30, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64).expand(-1, 3)
    known = by_hand(torch.eye(3)[None], torch.eye(3), sums, -sums[:, 0])
    for goal in ("faithfulness", "both"):
        made = program(known, goal)  # type: ignore[arg-type]
        assert made.weights().tolist() == [0, 0, 0]
        assert made.loss(made.weights()) == torch.inf


@given(seeds)
@settings(max_examples=20)
def test_lambda_leads_from_the_most_faithful_to_the_steadiest(seed: int) -> None:
    known = observed(seed)
    near, hidden = known.alike
    weights = program(known, "both", torch.linspace(0, 1, 9)).weights()
    unfaithful = known.hidings.infidelity(weights, hidden, hidden)
    assert bool((unfaithful.diff() >= -1e-9).all())
    assert bool((known.changes.loss(near)(weights / (1 - unfaithful)[:, None]).isfinite()).all())
    assert torch.allclose(weights[0], program(known, "faithfulness").weights(), atol=1e-6)
    for place, balance in enumerate(torch.linspace(0, 1, 9).tolist()):
        assert torch.allclose(program(known, "both", balance).weights(), weights[place], atol=1e-9)


@pytest.mark.parametrize("goal", choices_of(Goal))
def test_a_batch_is_as_one_by_one(goal: Any) -> None:
    known = observed(2)
    shares = tuple(
        torch.randint(1, 4, (5, len(one)), generator=torch.Generator().manual_seed(1)).double() for one in known.alike
    )
    together = program(known, goal, shares=shares).weights()  # type: ignore[arg-type]
    for place in range(5):
        alone = program(known, goal, shares=(shares[0][place], shares[1][place])).weights()
        assert torch.allclose(together[place], alone, atol=1e-7)


@pytest.mark.parametrize("goal", choices_of(Goal))
def test_a_pull_leads_to_the_weights_that_it_is_towards(goal: Any) -> None:
    towards = torch.tensor([0.1, 0.2, 0.3, 0.4])
    made = program(observed(1), goal)
    apart = [float((made.drawn(strength, towards).weights() - towards).norm()) for strength in (0, 1, 100, 1e6)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1e-4
    even = made.drawn(1e6).weights()
    assert torch.allclose(even, torch.full((4,), 0.25).double(), atol=1e-4)
    pulled = made.drawn(1.0, towards)
    assert float(pulled.certificate(pulled.weights())) < 1e-6


@pytest.mark.parametrize("goal", choices_of(Goal))
def test_the_unit_of_a_map_does_not_matter_to_what_is_mixed(goal: Any) -> None:
    """Each map times a factor: the mixture's direction is the same map."""
    known = observed(4)
    by = torch.tensor([1e-3, 1.0, 50.0, 7.0]).double()
    other = by_hand(
        known.changes.grams * by[:, None] * by, known.changes.maps * by[:, None] * by, known.hidings.sums * by,
        known.hidings.drops,
    )  # fmt: skip
    one, two = program(known, goal).weights(), program(other, goal).weights() * by
    if goal != "both":  # there τ runs over a grid in units of the curvature
        assert torch.allclose(one, two / two.sum(), atol=1e-5)


def test_what_was_not_observed_is_asked_for() -> None:
    nothing = by_hand(torch.zeros(0, 2, 2), torch.eye(2), torch.zeros(0, 2), torch.zeros(0))
    with pytest.raises(ParameterError, match="nearby photographs"):
        program(nothing, "robustness")
    with pytest.raises(ParameterError, match="drops of the score"):
        program(nothing, "faithfulness")
    with pytest.raises(ParameterError, match=r"balance must be in \[0, 1\], got 1\.5"):
        program(nothing, "both", 1.5)
