from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from helpers.cells import conjunction
from helpers.judged import case, spread
from helpers.networks import Network, bound
from unseen.classifier.outputs import Logits
from unseen.errors import ParameterError
from unseen.metrics import METRICS
from unseen.metrics.case import Case, judge
from unseen.metrics.road import Road, outcomes, removals


def random_case(removal: str, batch_size: int | None = None) -> Case:
    saliency = torch.randn(16, 16, generator=torch.Generator().manual_seed(5))
    return Case(saliency, 1, bound(Network(), removal=removal, double=False, batch_size=batch_size))


def slow(given: Case, order: str, steps: int, score: str) -> float:
    """Pixel by pixel, in the order of the map, which has no ties here."""
    places = sorted(
        ((y, x) for y in range(16) for x in range(16)), key=lambda p: float(given.saliency[p]), reverse=order == "morf"
    )
    total = 0.0
    for step in range(1, steps + 1):
        mask = torch.ones(1, 16, 16)
        for y, x in places[: round(256 * step / (steps + 1))]:
            mask[0, y, x] = 0
        logits = given.masked(mask)[0]
        total += float(logits.argmax() == given.target) if score == "kept" else float(logits.softmax(0)[given.target])
    return total / steps


@pytest.mark.parametrize("removal", ["linear", "black", "ad"])
@pytest.mark.parametrize("score", ["kept", "probability"])
def test_it_is_the_slow_one(removal: str, score: str) -> None:
    given = random_case(removal)
    morf, lerf = (slow(given, order, 9, score) for order in ("morf", "lerf"))
    assert METRICS.create(f"road-morf:score={score}")(given) == pytest.approx(morf, abs=1e-5)
    assert METRICS.create(f"road-lerf:score={score}")(given) == pytest.approx(lerf, abs=1e-5)
    assert METRICS.create(f"road:score={score}")(given) == pytest.approx((lerf - morf) / 2, abs=1e-5)
    assert Road("morf", 4, "probability")(given) == pytest.approx(slow(given, "morf", 4, "probability"), abs=1e-5)


def test_a_right_map_keeps_the_class_as_long_as_can_be_and_its_opposite_loses_it_at_once() -> None:
    """The class needs four of sixteen cells: a quarter of the pixels."""
    right = case(spread(torch.arange(16) < 4), rule=conjunction(0, 1, 2, 3))
    assert Road("morf")(right) == pytest.approx(1 / 9)  # at 0.1 the pixels hidden are spread at random over the cells
    assert Road("lerf")(right) == pytest.approx(8 / 9)  # at 0.8 less than the four cells are left, but most of each
    assert Road()(right) == pytest.approx(7 / 18)
    assert Road()(replace(right, saliency=-right.saliency)) == pytest.approx(-7 / 18)


def test_masks_are_nested_and_of_the_shares() -> None:
    saliency = torch.rand(10, 10, generator=torch.Generator().manual_seed(0))
    for least in (True, False):
        shown = removals(saliency, 9, least=least)
        assert (~shown).flatten(1).sum(1).tolist() == list(range(10, 100, 10))
        assert all(bool((later <= earlier).all()) for earlier, later in pairwise(shown))
        hidden, left = saliency[~shown[4]], saliency[shown[4]]
        assert float(hidden.max()) < float(left.min()) if least else float(hidden.min()) > float(left.max())


def test_ties_belong_to_the_seed() -> None:
    flat = Case(torch.zeros(16, 16), 1, random_case("black").masked)
    values = {Road(score="probability")(replace(flat, seed=seed)) for seed in (0, 0, 1)}
    assert len(values) == 2
    assert max(map(abs, values)) < 0.1
    most, least = removals(flat.saliency, 3, least=False), removals(flat.saliency, 3, least=True)
    assert torch.equal(most[1], ~least[1])


def test_alone_as_in_company_and_in_any_batch() -> None:
    metrics = [Road(order, 4, "probability") for order in ("combined", "morf", "lerf")]
    alone = [metric(random_case("linear", 1)) for metric in metrics]
    one = random_case("linear", 5)
    assert judge([(one, metric) for metric in metrics]) == pytest.approx(alone, abs=1e-5)
    assert one.masked.evaluations == 8  # the two orders share what the combined one asks
    assert alone[0] == pytest.approx((alone[2] - alone[1]) / 2, abs=1e-9)


def test_outcomes() -> None:
    logits = torch.tensor([[0.0, 1.0], [3.0, 1.0]])
    assert outcomes(Logits(), logits, 1, "kept").tolist() == [1, 0]
    torch.testing.assert_close(outcomes(Logits(), logits, 1, "probability"), logits.softmax(1)[:, 1].double())


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(ParameterError, match="steps"):
        Road(steps=0)
    with pytest.raises(ParameterError, match="score"):
        METRICS.create("road:score=accuracy")


@pytest.mark.slow
def test_on_the_real_network_a_map_of_hiding_is_told_from_its_opposite(classifier: object, photo: Tensor) -> None:
    from unseen.explainers.hiding.occlusion import occlusion
    from unseen.removal import REMOVALS

    masked = REMOVALS.create("linear").bind(classifier, photo)  # type: ignore[arg-type]
    target = int(masked(torch.ones(1, 224, 224)).argmax())
    found = Case(occlusion(masked, target, window=56, stride=56), target, masked)
    metric = Road(steps=4, score="probability")
    assert metric(found) > 0.05
    assert metric(replace(found, saliency=-found.saliency)) < -0.05


def test_probabilities_are_in_double_precision() -> None:
    logits = torch.tensor([[20.0, 0.0]])
    assert float(1 - outcomes(Logits(), logits, 0, "probability")) == pytest.approx(1 / (1 + math.exp(20)), rel=1e-6)
