"""The one-step metrics against loops, where their value is known, and under removals that take only hard masks."""

from __future__ import annotations

from math import isnan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import graded
from helpers.judged import case, spread
from helpers.networks import Network, bound
from unseen import Classifier
from unseen.errors import ParameterError
from unseen.metrics import METRICS
from unseen.metrics.case import Case, judge
from unseen.metrics.drop import (
    AverageDrop,
    AverageGain,
    IncreaseInConfidence,
    average_drop,
    average_gain,
    increase_in_confidence,
)
from unseen.metrics.soft import min_max, soft_views
from unseen.removal import REMOVALS

ALL = (AverageDrop, IncreaseInConfidence, AverageGain)


def network_case(removal: str, target: int) -> Case:
    masked = bound(Network(), double=False, removal=removal)
    return Case(torch.randn(masked.shape, generator=torch.Generator().manual_seed(5)), target, masked)


def slow(one: Case, levels: int) -> tuple[float, float, float]:
    """The three values from single pixels and passes: a soft mask, or its level sets one by one."""
    height, width = one.masked.shape
    low, high = float(one.saliency.min()), float(one.saliency.max())
    scaled = [[(float(one.saliency[y, x]) - low) / (high - low) for x in range(width)] for y in range(height)]

    def probability(mask: Tensor) -> float:
        return float(one.masked(mask[None])[0].double().softmax(0)[one.target])

    full = probability(torch.ones(height, width))
    if one.masked.removal.soft:
        shown = probability(torch.tensor(scaled).clamp(0, 1))
    else:
        shown = 0.0
        for level in range(levels):
            visible = [[scaled[y][x] >= (level + 0.5) / levels for x in range(width)] for y in range(height)]
            shown += probability(torch.tensor(visible)) / levels
    return max(0, full - shown) / full, float(shown > full), max(0, shown - full) / (1 - full)


@pytest.mark.parametrize("removal", ["black", "zero", "blur:2", "ad", "ad:pooled"])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_equal_a_loop(removal: str, target: int) -> None:
    one = network_case(removal, target)
    found = [kind(levels=5)(one) for kind in ALL]
    assert found == pytest.approx(slow(one, 5), abs=1e-5)
    assert found[0] == 0 or found[1] == found[2] == 0


@given(st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0, 1)), min_size=1, max_size=20))
def test_the_functions_are_their_formulas(pairs: list[tuple[float, float]]) -> None:
    full, shown = torch.tensor(pairs, dtype=torch.float64).T
    assert average_drop(full, shown).tolist() == pytest.approx([max(0, f - s) / f for f, s in pairs])
    assert increase_in_confidence(full, shown).tolist() == [float(s > f) for f, s in pairs]
    assert average_gain(full, shown).tolist() == pytest.approx([max(0, s - f) / (1 - f) for f, s in pairs])


def test_a_map_that_keeps_what_matters_loses_nothing_and_its_opposite_nearly_all() -> None:
    keeps = case(rule=graded(0, 1, 2, 3))
    loses = case(spread(torch.tensor([0.0] * 4 + [1.0] * 12)), rule=graded(0, 1, 2, 3))
    assert AverageDrop()(keeps) == 0
    full, nothing = torch.tensor([3.5, -0.5], dtype=torch.float64).sigmoid().tolist()
    assert AverageDrop()(loses) == pytest.approx((full - nothing) / full)
    assert IncreaseInConfidence()(keeps) == AverageGain()(keeps) == 0


def test_hiding_a_distraction_is_a_gain() -> None:
    def rule(visible: Tensor) -> Tensor:
        return 2.0 * visible[:, 0] - 1.0 * visible[:, 15]

    shows = case(spread(torch.tensor([1.0] * 8 + [0.0] * 8)), rule=rule)
    full, shown = torch.tensor([1.0, 2.0], dtype=torch.float64).sigmoid().tolist()
    assert AverageGain()(shows) == pytest.approx((shown - full) / (1 - full))
    assert IncreaseInConfidence()(shows) == 1
    assert AverageDrop()(shows) == 0


def test_what_is_not_defined_is_nan() -> None:
    assert all(isnan(kind()(case(torch.full((32, 32), 2.0)))) for kind in ALL)
    sure = case(rule=lambda visible: 1000.0 * torch.ones(len(visible)))
    assert isnan(AverageGain()(sure))
    assert AverageDrop()(sure) == 0


@pytest.mark.parametrize(("removal", "evaluations"), [("black", 2), ("ad", 9)])
def test_the_three_ask_together(removal: str, evaluations: int) -> None:
    one = network_case(removal, 0)
    values = judge([(one, kind()) for kind in ALL])
    assert one.masked.evaluations == evaluations
    assert values == [pytest.approx(kind()(network_case(removal, 0)), abs=1e-5) for kind in ALL]


@given(st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6), st.integers(1, 200))
def test_level_sets_average_to_the_mask(values: list[float], levels: int) -> None:
    mask = torch.tensor(values, dtype=torch.float64).reshape(2, 3)
    image = torch.rand(3, 2, 3)
    classifier = Classifier(torch.nn.Flatten())
    hard = Case(mask, 0, _Hard().bind(classifier, image))
    soft = Case(mask, 0, REMOVALS.create("black").bind(classifier, image))
    views = soft_views(hard, mask, levels)
    assert views.shape == (levels, 2, 3)
    assert views.dtype == torch.bool
    assert float((views.double().mean(0) - mask).abs().max()) <= 0.5 / levels + 1e-9
    assert torch.equal(soft_views(soft, mask, levels), mask[None])


class _Hard(type(REMOVALS.create("black"))):  # type: ignore[misc]
    """Black, for masks of 0 and 1 only."""

    soft = False

    def __init__(self) -> None:
        super().__init__("black")


def test_a_map_is_scaled_to_its_own_range() -> None:
    assert min_max(torch.tensor([[-1.0, 0.0], [1.0, 3.0]])).tolist() == [[0, 0.25], [0.5, 1]]
    assert min_max(torch.full((2, 2), 5.0)).tolist() == [[0, 0], [0, 0]]


def test_wrong_parameters_are_refused() -> None:
    for kind in ALL:
        with pytest.raises(ParameterError, match="levels must be at least 1, got 0"):
            kind(levels=0)
    with pytest.raises(ParameterError, match="must lie in"):
        soft_views(case(), torch.full((32, 32), 1.5))
    assert METRICS.create("average-drop:levels=3") == AverageDrop(3)
