"""The losses of a mixture against plain loops over its map."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.mixtures import drawn, mixtures, segments
from unseen.explainers.aggregation.quadratic import on_simplex
from unseen.explainers.aggregation.quality import changes, hidings, scale_of
from unseen.metrics.faithfulness import infidelity
from unseen.metrics.sensitivity import sensitivity

seeds = st.integers(0, 10_000)


def centred(values: torch.Tensor) -> torch.Tensor:
    return values.double() - values.double().mean((-2, -1), keepdim=True)


@given(seeds)
def test_change_is_that_of_the_mixed_map(seed: int) -> None:
    maps, nearby, *_ = drawn(seed)
    found = changes(maps, nearby)
    alike = torch.ones(len(nearby))
    for weights in mixtures(len(maps), seed, 5):
        here = torch.einsum("k,khw->hw", weights, centred(maps))
        there = [torch.einsum("k,khw->hw", weights, centred(other)) for other in nearby]
        expected = sum(float((here - other).square().sum()) for other in there) / len(there)
        assert float(found.loss(alike)(weights)) == pytest.approx(expected, rel=1e-9)
        ours = float(found.sensitivity(weights, alike))
        assert ours == pytest.approx(float(sensitivity(here, torch.stack(there)).mean()), rel=1e-9)


@given(seeds)
def test_a_mixture_changes_less_than_its_methods_by_how_much_they_differ(seed: int) -> None:
    """Decker et al. 2024: Q(φ_w) = Σ wᵢ Q(φᵢ) − Σ wᵢ E‖rᵢ − r_w‖²."""
    maps, nearby, *_ = drawn(seed)
    loss = changes(maps, nearby).loss(torch.ones(len(nearby)))
    r = [centred(maps) - centred(other) for other in nearby]
    for weights in mixtures(len(maps), seed, 5):
        alone = sum(float(w) * float(loss(e)) for w, e in zip(weights, torch.eye(len(maps)).double(), strict=True))
        apart = sum(
            float(w)
            * sum(float((one[i] - torch.einsum("k,khw->hw", weights, one)).square().sum()) for one in r)
            / len(r)
            for i, w in enumerate(weights)
        )
        assert float(loss(weights)) == pytest.approx(alone - apart, rel=1e-8)


@given(seeds)
def test_the_seeds_program_is_no_worse_than_any_method_and_better_exactly_if_one_disagrees(seed: int) -> None:
    """Decker et al. 2024: min Q(φ_w) ≤ min Q(φᵢ), and < if and only if some Γᵢⱼ < Γᵢᵢ at the best i."""
    maps, nearby, *_ = drawn(seed)
    loss = changes(maps, nearby).loss(torch.ones(len(nearby)))
    alone = loss.matrix.diagonal()
    best = int(alone.argmin())
    optimum = float(loss(on_simplex(loss)))
    assert optimum <= float(alone[best]) * (1 + 1e-9)
    disagrees = bool((loss.matrix[best] < alone[best] * (1 - 1e-6)).any())
    assert (optimum < float(alone[best]) * (1 - 1e-12)) == disagrees


def test_where_none_disagrees_with_the_best_it_is_best_alone() -> None:
    maps = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(0))
    change = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    loss = changes(maps, [maps + torch.tensor([1.0, 2.0, 3.0])[:, None, None] * change]).loss(torch.ones(1))
    assert on_simplex(loss).tolist() == [1, 0, 0]


@given(seeds)
def test_unfaithfulness_is_that_of_the_mixed_map(seed: int) -> None:
    """Where all parts have one area it is the metric's relative infidelity."""
    maps, _, shown, drops = drawn(seed)
    cells = segments()
    cells[0, 0] = 0
    shown = torch.rand(len(shown), 9, generator=torch.Generator().manual_seed(seed)).argsort(1) >= 3
    found = hidings(maps, shown, cells, drops)
    alike = torch.ones(len(drops))
    for weights in mixtures(len(maps), seed, 5):
        mixed = torch.einsum("k,khw->hw", weights, maps.double())
        sums = torch.tensor([float(mixed[~mask[cells]].sum()) for mask in shown], dtype=torch.float64)
        ours = float(found.infidelity(weights, alike, alike))
        assert ours == pytest.approx(infidelity(sums, drops.double()), abs=1e-6)


@given(seeds)
def test_a_constant_adds_nothing_and_a_constant_map_is_nothing(seed: int) -> None:
    maps, nearby, shown, drops = drawn(seed)
    shifted = maps + torch.tensor([5.0, -3.0, 0.0, 1.0])[:, None, None]
    one, other = (hidings(some, shown, segments(), drops) for some in (maps, shifted))
    assert torch.allclose(one.sums, other.sums, atol=1e-4)
    still = [near + torch.tensor([5.0, -3.0, 0.0, 1.0])[:, None, None] for near in nearby]
    assert torch.allclose(changes(maps, nearby).grams, changes(shifted, still).grams, rtol=1e-4, atol=1e-3)
    flat = hidings(torch.ones_like(maps[:1]), shown, segments(), drops)
    assert not bool(flat.sums.any())
    assert not bool(changes(torch.ones_like(maps[:1]), [torch.ones_like(maps[:1])]).maps.any())


def test_the_scale_is_the_least_squares_one_and_never_negative() -> None:
    maps, _, shown, drops = drawn(3)
    loss = hidings(maps, shown, segments(), drops).loss(torch.ones(len(drops)))
    for weights in mixtures(4, 1, 10):
        scale = float(scale_of(loss, weights))
        assert scale >= 0
        for other in (0.0, scale * 0.9, scale * 1.1, 1e-4):
            assert float(loss(scale * weights)) <= float(loss(other * weights)) + 1e-12


def test_shares_are_repeated_observations() -> None:
    maps, nearby, shown, drops = drawn(5, near=3, hidden=12)
    counts = torch.tensor([2.0, 0, 1])
    again = [nearby[0], nearby[0], nearby[2]]
    one, other = changes(maps, nearby), changes(maps, again)
    weights = mixtures(4, 2, 3)
    assert torch.allclose(one.loss(counts)(weights), other.loss(torch.ones(3))(weights), rtol=1e-12)
    assert torch.allclose(one.sensitivity(weights, counts), other.sensitivity(weights, torch.ones(3)), rtol=1e-12)
    found = hidings(maps, shown, segments(), drops)
    twice = torch.cat([torch.ones(6), 2 * torch.ones(6)])
    rows = torch.cat([torch.arange(12), torch.arange(6, 12)])
    repeated = type(found)(found.sums[rows], found.drops[rows], found.known[rows])
    assert torch.allclose(found.loss(twice).matrix, repeated.loss(torch.ones(18)).matrix, rtol=1e-12)


def test_drops_that_the_area_explains_leave_nothing_to_predict() -> None:
    maps, _, shown, _ = drawn(0)
    area = (~shown).float() @ segments().flatten().bincount().float()
    loss = hidings(maps, shown, segments(), 3 * area + 1).loss(torch.ones(len(shown)))
    assert float(loss.constant) == 1
    assert not bool(loss.linear.any())
