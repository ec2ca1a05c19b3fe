"""Localisation metrics against loops over pixels."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.judged import case, spread
from unseen.errors import NotApplicableError, ParameterError
from unseen.metrics import METRICS
from unseen.metrics.localisation import (
    f1_score,
    intersection_over_union,
    localisation_energy,
    pointing_game,
    rank_accuracy,
)

NAMES = ("pointing-game", "localisation-energy", "rank-accuracy", "iou", "f1")


def drawn(seed: int, levels: int = 5) -> tuple[Tensor, Tensor]:
    """A map with many equal values, some negative, and an object."""
    stream = torch.Generator().manual_seed(seed)
    saliency = torch.randint(-1, levels, (7, 9), generator=stream).float()
    annotation = torch.rand(7, 9, generator=stream) > 0.8
    annotation[3, 4] = True
    return saliency, annotation


SEEDS = st.integers(0, 10**6)


def pixels(mask: Tensor) -> set[tuple[int, ...]]:
    return {tuple(place) for place in mask.nonzero().tolist()}


def overlap(shown: set[tuple[int, ...]], true: set[tuple[int, ...]]) -> tuple[float, float]:
    """IoU and F1, by precision and recall."""
    both = len(shown & true)
    precision, recall = both / len(shown) if shown else 0, both / len(true)
    return both / len(shown | true), 2 * precision * recall / (precision + recall) if both else 0.0


@given(SEEDS, st.sampled_from([0.0, 1.0, 1.5, 3.0]))
def test_pointing_is_a_loop_over_maxima(seed: int, tolerance: float) -> None:
    saliency, annotation = drawn(seed)
    hits = [
        any(math.dist(top, other) <= tolerance for other in pixels(annotation))
        for top in pixels(saliency == saliency.max())
    ]
    assert pointing_game(saliency, annotation, tolerance) == pytest.approx(sum(hits) / len(hits))


def test_pointing_misses_by_a_pixel() -> None:
    saliency, annotation = torch.zeros(40, 40), torch.zeros(40, 40, dtype=torch.bool)
    saliency[20, 5], annotation[20, 20] = 1.0, True
    assert pointing_game(saliency, annotation) == 1
    assert pointing_game(saliency, annotation, 14.9) == 0
    assert pointing_game(torch.zeros(40, 40), annotation, 0) == pytest.approx(1 / 1600)


@given(SEEDS)
def test_energy_is_a_sum_over_pixels(seed: int) -> None:
    saliency, annotation = drawn(seed)
    positive = {place: max(0.0, float(saliency[place])) for place in pixels(saliency > -9)}
    inside = sum(positive[place] for place in pixels(annotation))
    assert localisation_energy(saliency, annotation) == pytest.approx(inside / sum(positive.values()))
    assert math.isnan(localisation_energy(-saliency.abs(), annotation))


@given(SEEDS, st.sampled_from([None, 1, 10, 63, 100]))
def test_rank_accuracy_is_the_mean_over_orders_of_equal_values(seed: int, count: int | None) -> None:
    saliency, annotation = drawn(seed)
    k = min(count or int(annotation.sum()), 63)
    ranked = sorted(((float(saliency[p]), bool(annotation[p])) for p in pixels(saliency > -9)), reverse=True)
    last = ranked[k - 1][0]
    sure = [inside for value, inside in ranked if value > last]
    level = [inside for value, inside in ranked if value == last]
    expected = (sum(sure) + (k - len(sure)) * sum(level) / len(level)) / k
    assert rank_accuracy(saliency, annotation, count) == pytest.approx(expected)


@given(SEEDS, st.sampled_from([0.0, 0.3, 0.75]))
def test_overlap_at_a_threshold_counts_pixels(seed: int, threshold: float) -> None:
    saliency, annotation = drawn(seed)
    iou, f1 = overlap(pixels(saliency > threshold * saliency.max()), pixels(annotation))
    assert intersection_over_union(saliency, annotation, threshold) == pytest.approx(iou)
    assert f1_score(saliency, annotation, threshold) == pytest.approx(f1)


@given(SEEDS)
def test_the_best_overlap_is_the_best_of_all_values(seed: int) -> None:
    saliency, annotation = drawn(seed)
    all_of_them = [overlap(pixels(saliency >= value), pixels(annotation)) for value in saliency.unique()]
    assert intersection_over_union(saliency, annotation, None) == pytest.approx(max(iou for iou, _ in all_of_them))
    assert f1_score(saliency, annotation, None) == pytest.approx(max(f1 for _, f1 in all_of_them))


@given(SEEDS, st.sampled_from([None, 0.0, 0.3, 0.9]))
def test_f1_follows_from_iou(seed: int, threshold: float | None) -> None:
    saliency, annotation = drawn(seed)
    iou = intersection_over_union(saliency, annotation, threshold)
    assert f1_score(saliency, annotation, threshold) == pytest.approx(2 * iou / (1 + iou))


def test_a_map_without_positive_values_shows_nothing() -> None:
    _, annotation = drawn(0)
    assert intersection_over_union(-torch.ones(7, 9), annotation) == 0
    assert f1_score(torch.zeros(7, 9), annotation) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_object_itself_scores_one_and_its_opposite_none(name: str) -> None:
    """The object is the first four of sixteen cells."""
    metric = METRICS.create(name + (":tolerance=0" if name == "pointing-game" else ""))
    annotation = spread(torch.arange(16) < 4) > 0
    judged = case(annotation.float(), annotation=annotation)
    assert metric(judged) == 1
    assert metric(case((~annotation).float(), annotation=annotation)) == 0
    assert judged.masked.evaluations == 0
    with pytest.raises(NotApplicableError, match="annotated"):
        metric(case())


def test_a_constant_map_scores_the_objects_share() -> None:
    annotation = spread(torch.arange(16) < 4) > 0
    judged = case(torch.ones(32, 32), annotation=annotation)
    values = {name: METRICS.create(name)(judged) for name in ("localisation-energy", "rank-accuracy", "iou", "f1")}
    assert values == pytest.approx({"localisation-energy": 0.25, "rank-accuracy": 0.25, "iou": 0.25, "f1": 0.4})


@pytest.mark.parametrize(
    "spec",
    ["pointing-game:tolerance=-1", "pointing-game:tolerance=nan", "rank-accuracy:0", "iou:1", "f1:threshold=-0.1"],
)
def test_wrong_parameters_are_refused(spec: str) -> None:
    with pytest.raises(ParameterError, match=r"must (be|lie)"):
        METRICS.create(spec)
