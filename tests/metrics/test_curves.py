"""Areas and correlations along a ranking against loops, on models whose curve is known, and what they cost."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import SIZE, graded
from helpers.judged import case, spread
from helpers.networks import Network, bound
from unseen import Classifier
from unseen.errors import ParameterError
from unseen.explanation.ranking import rank
from unseen.metrics import METRICS
from unseen.metrics.case import Case, judge
from unseen.metrics.curves import Deletion, DeletionCorrelation, Insertion, InsertionCorrelation, means, sizes
from unseen.metrics.similarity import correlation
from unseen.removal import REMOVALS

ALL = (Deletion, Insertion, DeletionCorrelation, InsertionCorrelation)


def network_case(removal: str = "grey", *, batch_size: int | None = None, seed: int = 0) -> Case:
    masked = bound(Network(), double=False, removal=removal, batch_size=batch_size)
    saliency = torch.rand(masked.shape, generator=torch.Generator().manual_seed(5 + seed))
    return Case(saliency, 1, masked, seed=seed)


def slow_curve(one: Case, steps: int, score: str, *, hide: bool) -> tuple[list[float], list[float], list[float]]:
    """Shares, scores after each step, and each step's mean saliency: one pixel, one mask and one pass after another."""
    order = rank(one.saliency, seed=one.seed).order.tolist()
    height, width = one.masked.shape
    shares, scores, saliencies = [], [], []
    visible = torch.full((height, width), hide)
    begun = 0
    for step in range(steps + 1):
        end = round(len(order) * step / steps)
        for pixel in order[begun:end]:
            visible[pixel // width, pixel % width] = not hide
        if step:
            saliencies.append(sum(float(one.saliency[p // width, p % width]) for p in order[begun:end]) / (end - begun))
        begun = end
        logits = one.masked(visible[None])[0].double()
        shares.append(end / len(order))
        scores.append(float((logits.softmax(0) if score == "probability" else logits)[one.target]))
    return shares, scores, saliencies


@pytest.mark.parametrize(("removal", "steps"), [("grey", 56), ("black", 7), ("blur:2", 9), ("ad", 7)])
@pytest.mark.parametrize("score", ["probability", "logit"])
def test_equal_a_loop_over_pixels(removal: str, score: str, steps: int) -> None:
    one = network_case(removal)
    for area_of, correlation_of, hide in (
        (Deletion, DeletionCorrelation, True),
        (Insertion, InsertionCorrelation, False),
    ):
        shares, scores, saliencies = slow_curve(one, steps, score, hide=hide)
        found = area_of(steps=steps, score=score)(one)  # type: ignore[arg-type]
        assert found == pytest.approx(np.trapezoid(scores, shares), rel=1e-5)
        changes = np.diff(scores) * (-1 if hide else 1)
        expected = np.corrcoef(changes, saliencies)[0, 1]
        assert correlation_of(steps=steps, score=score)(one) == pytest.approx(expected, abs=1e-4)  # type: ignore[arg-type]
        if score == "probability":
            full = scores[0 if hide else -1]
            assert area_of(steps=steps, normalised=True)(one) == pytest.approx(found / full, rel=1e-5)


def sigmoid(x: float) -> float:
    return float(torch.tensor(x, dtype=torch.float64).sigmoid())


def test_a_model_of_four_cells_has_a_known_area() -> None:
    """One cell a step: the first four carry the class, each a logit more."""
    ranked = spread(torch.arange(16, 0, -1))
    shown = [sigmoid(min(cells, 4) - 0.5) for cells in range(17)]
    hidden = [sigmoid(4 - min(cells, 4) - 0.5) for cells in range(17)]
    one = case(ranked, rule=graded(0, 1, 2, 3))
    assert Insertion(steps=16)(one) == pytest.approx(sum(shown[1:-1]) / 16 + (shown[0] + shown[-1]) / 32, abs=1e-6)
    assert Deletion(steps=16)(one) == pytest.approx(sum(hidden[1:-1]) / 16 + (hidden[0] + hidden[-1]) / 32, abs=1e-6)
    wrong = case(-ranked, rule=graded(0, 1, 2, 3))
    assert Insertion(steps=16)(wrong) < Insertion(steps=16)(one)
    assert Deletion(steps=16)(wrong) > Deletion(steps=16)(one)


def test_a_map_of_the_true_effects_correlates_fully() -> None:
    effects = torch.zeros(16)
    effects[:5] = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0])

    def rule(visible: Tensor) -> Tensor:
        return (visible * effects).sum(1)

    for metric in (DeletionCorrelation(16, "logit"), InsertionCorrelation(16, "logit")):
        assert metric(case(spread(3 * effects + 1), rule=rule)) == pytest.approx(1)
        assert metric(case(spread(effects.amax() - effects), rule=rule)) == pytest.approx(-1)


def test_a_constant_map_or_curve_has_no_correlation_but_an_area() -> None:
    flat = case(torch.full((SIZE, SIZE), 0.3))
    deaf = case(spread(torch.arange(16)), rule=lambda visible: 0.7 * torch.ones(len(visible)))
    for one in (flat, deaf):
        assert isnan(DeletionCorrelation()(one))
        assert isnan(InsertionCorrelation()(one))
    assert Deletion()(deaf) == pytest.approx(sigmoid(0.7))
    assert 0 < Deletion()(flat) < 1


def test_ties_are_broken_by_the_cases_seed() -> None:
    values = {
        seed: Deletion(8)(Case(torch.zeros(16, 16), 0, bound(Network(), double=False), seed=seed)) for seed in (0, 1)
    }
    assert values[0] != values[1]
    assert values[0] == Deletion(8)(Case(torch.zeros(16, 16), 0, bound(Network(), double=False), seed=0))


def test_all_four_cost_no_more_than_the_two_areas() -> None:
    one = network_case(batch_size=200)
    together = judge([(one, kind()) for kind in ALL])
    assert one.masked.evaluations == 2 * 56
    assert together == [pytest.approx(kind()(network_case()), rel=1e-4) for kind in ALL]


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_batches_do_not_matter(batch_size: int) -> None:
    for kind in ALL:
        assert kind(10)(network_case(batch_size=batch_size)) == pytest.approx(kind(10)(network_case()), rel=1e-4)


def test_hiding_is_the_complement_of_showing() -> None:
    one = network_case()
    assert torch.equal(Deletion(9).masks(one), ~Insertion(9).masks(one))


@given(st.integers(1, 300), st.integers(1, 80))
def test_steps_are_equal_up_to_one_pixel(pixels: int, steps: int) -> None:
    found = sizes(pixels, steps)
    assert found[0] == 0
    assert found[-1] == pixels
    assert len(found) == min(pixels, steps) + 1
    assert max(np.diff(found)) - min(np.diff(found)) <= 1


@given(st.lists(st.integers(0, 5), min_size=12, max_size=12), st.sets(st.integers(0, 12)))
def test_prefixes_are_the_prefix_of_each_size(values: list[int], asked: set[int]) -> None:
    ranking = rank(torch.tensor(values, dtype=torch.float32).reshape(3, 4))
    for size, visible in zip(sorted(asked), ranking.prefixes(sorted(asked)), strict=True):
        assert torch.equal(visible, ranking.prefix(size))
    inside = rank(torch.rand(3, 4), domain=torch.arange(12).reshape(3, 4) % 2 == 0)
    assert torch.equal(inside.prefixes([0, 2, 6])[1], inside.prefix(2))


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=3, max_size=30),
    st.floats(0.1, 10),
    st.floats(-5, 5),
)
def test_pearson_is_numpys_and_knows_no_scale(pairs: list[tuple[float, float]], scale: float, shift: float) -> None:
    one, other = torch.tensor(pairs, dtype=torch.float64).T
    if one.max() - one.min() < 1e-3 or other.max() - other.min() < 1e-3:
        return
    assert float(correlation(one, other)) == pytest.approx(np.corrcoef(one, other)[0, 1], abs=1e-9)
    assert float(correlation(scale * one + shift, other)) == pytest.approx(float(correlation(one, other)), abs=1e-6)
    assert isnan(correlation(torch.full_like(one, 0.3), other))


def test_the_mean_of_each_piece() -> None:
    assert means(torch.tensor([4.0, 2.0, 1.0, 0.0]), [0, 1, 4]).tolist() == [4, 1]
    assert isnan(correlation(torch.ones(1), torch.ones(1)))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("deletion:0", "steps must be at least 1, got 0"),
        ("insertion:score=odds", "not a choice"),
        ("insertion-correlation:2", "steps must be at least 3, got 2"),
        ("deletion:score=logit,normalised=true", "use score=probability"),
    ],
)
def test_wrong_parameters_are_refused(spec: str, words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        METRICS.create(spec)


def test_on_the_real_network_the_right_map_beats_its_opposite(classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("blur:10").bind(classifier, photo)
    target = int(classifier.logits(photo[None]).argmax())
    across = torch.linspace(-1, 1, 224)
    centre = -(across[:, None] ** 2 + across**2)
    metrics = [Deletion(8), Insertion(8)]
    right, wrong = (
        judge([(Case(saliency, target, masked), metric) for metric in metrics]) for saliency in (centre, -centre)
    )
    assert right[0] < wrong[0]  # type: ignore[operator]
    assert right[1] > wrong[1]  # type: ignore[operator]


def test_normalised_by_a_probability_of_nought_is_not_defined() -> None:
    one = case(rule=lambda visible: torch.where(visible.all(1), -1000.0, 0.0))
    assert isnan(Deletion(normalised=True)(one))
    assert isnan(Insertion(normalised=True)(one))
