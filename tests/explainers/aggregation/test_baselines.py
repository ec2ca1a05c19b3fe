"""Joining maps without a look at quality: cases worked by hand, and what must hold of every way."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explainers.aggregation.baselines import (
    Goal,
    borda,
    complexity,
    least_complex,
    mean,
    median,
    official,
    variance_weighted,
)
from unseen.explainers.aggregation.quadratic import Quadratic, on_simplex
from unseen.system.options import choices_of

Way = Callable[[Tensor], Tensor]
WAYS: dict[str, Way] = {
    "mean": mean,
    "median": median,
    "variance-weighted": variance_weighted,
    "borda": borda,
    "least complex": lambda maps: least_complex(maps).saliency,
}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def maps_of(k: int, seed: int, side: int = 6) -> Tensor:
    return torch.randn(k, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("way", [mean, median, variance_weighted, borda])
@given(k=st.integers(1, 6), seed=st.integers(0, 10**6), chance=st.randoms(use_true_random=False))
def test_the_order_of_the_maps_does_not_matter(way: Way, k: int, seed: int, chance: object) -> None:
    maps, order = maps_of(k, seed), list(range(k))
    chance.shuffle(order)  # type: ignore[attr-defined]
    torch.testing.assert_close(way(maps[order]), way(maps))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_the_maps_does_not_matter_to_the_least_complex(seed: int) -> None:
    """But for rounding, which kinks of the magnitudes enlarge on the way down."""
    maps, order = maps_of(4, seed), [2, 0, 3, 1]
    torch.testing.assert_close(
        least_complex(maps[order]).weights, least_complex(maps).weights[order], rtol=0, atol=1e-3
    )


@pytest.mark.parametrize("way", [mean, median, variance_weighted, borda])
@given(k=st.integers(1, 6), seed=st.integers(0, 10**6), size=st.floats(1e-3, 1e3))
def test_the_scale_of_all_maps_is_that_of_the_result_or_none(way: Way, k: int, seed: int, size: float) -> None:
    maps = maps_of(k, seed)
    expected = way(maps) if way is borda else size * way(maps)
    torch.testing.assert_close(way(size * maps), expected)


def test_the_scale_of_all_maps_does_not_matter_to_the_weights_of_least_complexity() -> None:
    maps = maps_of(3, 8)
    torch.testing.assert_close(least_complex(1024 * maps).weights, least_complex(maps).weights, rtol=0, atol=1e-3)


@pytest.mark.parametrize("way", [mean, median, variance_weighted, borda])
def test_the_places_of_the_pixels_do_not_matter(way: Way) -> None:
    maps, order = maps_of(3, 0), torch.randperm(36)
    turned = maps.flatten(1)[:, order].reshape(maps.shape)
    torch.testing.assert_close(way(turned).flatten(), way(maps).flatten()[order])


@every_way
def test_one_map_stays_as_it_is_and_so_do_several_that_are_the_same(way: Way) -> None:
    one = maps_of(1, 1)
    expected = borda(one) if way is borda else one[0]
    torch.testing.assert_close(way(one), expected)
    torch.testing.assert_close(way(one.expand(4, 6, 6)), expected)


@every_way
def test_constant_maps_give_a_constant_map(way: Way) -> None:
    joined = way(torch.tensor([1.0, 2.0, 5.0])[:, None, None].expand(3, 4, 4).double())
    torch.testing.assert_close(joined, joined[0, 0].expand(4, 4))


@every_way
def test_the_result_has_the_type_of_the_maps(way: Way) -> None:
    joined = way(maps_of(3, 2).float())
    assert joined.dtype == torch.float32
    assert joined.shape == (6, 6)


@every_way
@pytest.mark.parametrize("maps", [torch.zeros(0, 4, 4), torch.full((2, 4, 4), torch.nan)])
def test_no_maps_and_maps_that_are_not_finite_are_refused(way: Way, maps: Tensor) -> None:
    with pytest.raises(ParameterError, match="cannot be joined"):
        way(maps)


def test_mean_and_median_of_even_and_odd_numbers() -> None:
    pixels = torch.tensor([-3.0, 1.0, 2.0, 10.0])[:, None, None]
    assert mean(pixels).item() == 2.5
    assert median(pixels).item() == 1.5
    assert median(pixels[:3]).item() == 1.0


def test_variance_weighted_is_the_mean_over_the_spread() -> None:
    """Pixels 2 ± 0 and 2 ± 1 have σ of 0 and 1, and ε is ½."""
    joined = variance_weighted(torch.tensor([[[2.0, 1.0]], [[2.0, 3.0]]]))
    torch.testing.assert_close(joined, torch.tensor([[2.0, 2 / 3]]))


def test_borda_is_the_mean_of_scipys_ranks() -> None:
    maps = maps_of(4, 3).mul(2).round()
    ranks = torch.tensor(rankdata(maps.flatten(1).numpy(), axis=1)).reshape(maps.shape)
    torch.testing.assert_close(borda(maps), ((ranks - 0.5) / 36).mean(0))
    assert (borda(torch.zeros(2, 3, 3)) == 0.5).all()


def test_complexity_is_the_entropy_of_the_shares() -> None:
    assert complexity(torch.tensor([[0.0, -3.0], [0.0, 0.0]])).item() == 0
    assert complexity(torch.full((2, 3), -2.0)).item() == pytest.approx(math.log(6))
    assert complexity(torch.tensor([1.0, -3.0])).item() == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(4 / 3))
    assert complexity(torch.zeros(2, 2)).item() == pytest.approx(math.log(4))


def test_least_complex_takes_the_single_pixel_rather_than_the_flat_map() -> None:
    spike = torch.zeros(4, 4, dtype=torch.float64)
    spike[1, 2] = 2.0
    joined, weights = least_complex(torch.stack([torch.ones(4, 4).double(), spike]))
    assert weights.tolist() == [0.0, 1.0]
    assert torch.equal(joined, spike)


def test_least_complex_cancels_what_is_noise_in_both() -> None:
    """Opposite noise under one peak is gone at weights ⅔ and ⅓, less complex than either."""
    peak, noise = torch.zeros(6, 6).double(), maps_of(1, 4)[0]
    peak[0, 0], noise[0, 0] = 9.0, 0.0
    joined, weights = least_complex(torch.stack([peak + noise, peak - 2 * noise]), steps=400)
    torch.testing.assert_close(weights, torch.tensor([2 / 3, 1 / 3]).double(), rtol=0, atol=1e-3)
    assert complexity(joined) < 0.1 * complexity(peak + noise)


@settings(max_examples=20)
@given(k=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_least_complex_is_never_more_complex_than_the_mean(k: int, seed: int) -> None:
    maps = maps_of(k, seed)
    joined, weights = least_complex(maps)
    assert (weights >= 0).all()
    assert weights.sum().item() == pytest.approx(1)
    assert complexity(joined) <= complexity(mean(maps)) + 1e-12
    torch.testing.assert_close(joined, torch.tensordot(weights, maps, 1))


def test_least_complex_of_opposites_stays_where_it_is() -> None:
    maps = maps_of(1, 5)
    joined, weights = least_complex(torch.cat([maps, -maps]))
    assert weights.tolist() == [0.5, 0.5]
    assert not joined.any()


def ingredients(seed: int = 6, masks: int = 30) -> tuple[Tensor, Tensor, Tensor]:
    stream = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(shape, generator=stream, dtype=torch.float64) for shape in ((masks, 3), (masks,), (8, 5, 3))]
    return drawn[0].abs(), drawn[1], drawn[2].mT @ drawn[2]


def test_official_robust_weights_are_inverse_to_the_changes_where_these_are_independent() -> None:
    changes = torch.diag(torch.tensor([1.0, 2.0, 4.0]).double()).expand(5, 3, 3)
    sums, drops, _ = ingredients()
    torch.testing.assert_close(official(sums, drops, changes, "robustness"), torch.tensor([4, 2, 1]).double() / 7)


def test_official_cannot_tell_a_map_from_its_opposite() -> None:
    """The fault of a β of its own in every slot: what foretells −δ is thought as faithful as what foretells δ."""
    stream = torch.Generator().manual_seed(7)
    drops = torch.rand(40, generator=stream).double()
    noise = torch.randn(40, 2, generator=stream).double()
    sums = torch.stack([drops + 0.1 * noise[:, 0], -(drops + 0.1 * noise[:, 0])], 1)
    weights = official(sums, drops, torch.zeros(1, 2, 2).double(), "faithfulness")
    torch.testing.assert_close(weights, torch.tensor([0.5, 0.5]).double(), rtol=0, atol=1e-5)


def test_official_faithful_weights_minimise_the_errors_of_every_slot_by_itself() -> None:
    sums, drops, changes = ingredients()
    weights = official(sums, drops, changes, "faithfulness", slot=12)
    losses = {}
    for others in [weights, *torch.eye(3).double(), torch.full((3,), 1 / 3).double()]:
        total = 0.0
        for start in (0, 12, 24):
            part, falls = sums[start : start + 12], drops[start : start + 12]
            scales = torch.stack(
                [torch.linalg.lstsq(part[:, i : i + 1], falls[:, None]).solution[0, 0] for i in range(3)]
            )
            total += float(((part * scales) @ others - falls).square().sum())
        losses[total] = others
    assert min(losses) == pytest.approx(next(iter(losses)))


def by_the_letter(sums: Tensor, drops: Tensor, changes: Tensor, slot: int) -> Tensor:
    """Γ of ``both``, mask by mask: halves of two means, each over the Frobenius norm of all that it is the mean of."""
    k = sums.shape[1]
    mistakes = torch.zeros(slot, k, k).double()
    for start in range(0, len(drops), slot):
        part, falls = sums[start : start + slot], drops[start : start + slot]
        scale = (part * falls[:, None]).mean(0) / (part * part).mean(0)
        for place, (seen, fall) in enumerate(zip(part, falls, strict=True)):
            error = scale * seen - fall
            mistakes[place] += torch.outer(error, error)
    halves = [0.5 * stack.mean(0) / stack.square().sum().sqrt() for stack in (changes, mistakes)]
    return halves[0] + halves[1]


@pytest.mark.parametrize("slot", [5, 10, 12])
def test_official_both_divides_each_loss_by_the_norm_of_its_matrices(slot: int) -> None:
    sums, drops, changes = ingredients()
    matrix = by_the_letter(sums, drops, changes, slot)
    weights = official(sums, drops, changes, "both", slot)
    nothing = torch.zeros(3).double()
    torch.testing.assert_close(weights, on_simplex(Quadratic(matrix, nothing, nothing[0])), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [1e-9, 1e9])
def test_official_both_does_not_depend_on_units(size: float) -> None:
    """Of the maps' changes, of the sums, and of the score."""
    sums, drops, changes = ingredients()
    weights = official(sums, drops, changes, "both")
    for others in ((sums, drops, size * changes), (size * sums, drops, changes), (sums, size * drops, changes)):
        torch.testing.assert_close(official(*others, "both"), weights, rtol=0, atol=1e-6)


def test_official_both_follows_the_robust_loss_where_sums_explain_little() -> None:
    """The squared drops are the same for all weights, and fill the norm by which the rest is divided."""
    _, drops, changes = ingredients(masks=200)
    sums = torch.randn(200, 3, generator=torch.Generator().manual_seed(8)).double()
    robust, faithful, both = (official(sums, drops, changes, goal, slot=50) for goal in choices_of(Goal))
    assert (robust - faithful).norm() > 0.1
    assert (both - robust).norm() < 0.25 * (both - faithful).norm()


def test_official_both_of_changes_or_drops_of_zero_is_the_other_goal() -> None:
    sums, drops, changes = ingredients()
    for goal, made_of in (
        ("faithfulness", (sums, drops, torch.zeros(0, 3, 3).double())),
        ("faithfulness", (sums, drops, 0 * changes)),
        ("robustness", (0 * sums, 0 * drops, changes)),
    ):
        torch.testing.assert_close(official(*made_of, "both"), official(*made_of, goal), rtol=0, atol=1e-6)


@pytest.mark.parametrize("goal", ["robustness", "faithfulness", "both"])
def test_official_weights_follow_the_order_of_the_maps(goal: Goal) -> None:
    sums, drops, changes = ingredients()
    order = [2, 0, 1]
    turned = official(sums[:, order], drops, changes[:, order][:, :, order], goal)
    torch.testing.assert_close(turned, official(sums, drops, changes, goal)[order], rtol=0, atol=1e-8)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("goal", "slot", "named"),
    [("beauty", 10, "goal must be .*, got 'beauty'"), ("both", 0, "slot must be at least 1, got 0")],
)
def test_official_refuses_what_it_does_not_know(goal: Goal, slot: int, named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        official(*ingredients(), goal, slot)
