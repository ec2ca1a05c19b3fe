"""ADCC and its parts against their formulas, by scipy's correlation and plain loops."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hmean, pearsonr
from torch import Tensor

from helpers.cells import graded
from helpers.judged import case, spread
from helpers.networks import Network, bound
from unseen.errors import NotApplicableError
from unseen.metrics.case import Case, judge
from unseen.metrics.coherency import Adcc, Coherency, Complexity, adcc, coherency, complexity
from unseen.metrics.soft import min_max


def judged(explain: Any, *, removal: str = "zero") -> Case:
    masked = bound(Network(), double=False, removal=removal)
    return Case(explain(masked.classifier, masked.image, 1), 1, masked, explain)


def bright(classifier: Any, image: Tensor, target: int) -> Tensor:
    """A signed map that depends on the photograph everywhere."""
    del classifier, target
    return image[0] - image[1] * image.mean()


@pytest.mark.parametrize("removal", ["zero", "black", "mean"])
def test_equals_the_formulas(removal: str) -> None:
    one = judged(bright, removal=removal)
    low, high = float(one.saliency.min()), float(one.saliency.max())
    soft = torch.tensor([[(v - low) / (high - low) for v in row] for row in one.saliency.tolist()])
    after = bright(None, one.masked.painted(soft[None])[0], 1)
    correlation = pearsonr(one.saliency.flatten().double().numpy(), after.flatten().double().numpy()).statistic
    full, kept = one.masked(torch.stack([torch.ones_like(soft), soft])).softmax(1)[:, 1].tolist()
    values = ((correlation + 1) / 2, 1 - float(soft.double().mean()), 1 - max(0.0, full - kept) / full)
    assert Coherency()(one) == pytest.approx(values[0], abs=1e-6)
    assert Complexity()(one) == pytest.approx(1 - values[1], abs=1e-6)
    assert Adcc()(one) == pytest.approx(hmean(values), abs=1e-5)


def test_the_photograph_times_the_map_after_normalisation_is_the_removal_zero() -> None:
    one = judged(bright)
    soft = min_max(one.saliency)
    classifier = one.classifier
    with torch.no_grad():
        theirs = classifier.call(classifier.normalise(one.image[None]) * soft)
    torch.testing.assert_close(theirs, classifier.logits(one.masked.painted(soft[None])), atol=1e-5, rtol=0)


def test_known_answers() -> None:
    fixed = judged(lambda *_: torch.arange(256.0).reshape(16, 16))
    assert Coherency()(fixed) == 1.0
    mirrored = judged(bright)
    assert coherency(mirrored.saliency, -mirrored.saliency) == pytest.approx(0.0)
    assert coherency(mirrored.saliency, torch.ones(16, 16)) == 0.0
    quarter = spread((torch.arange(16) < 4).float())
    assert complexity(quarter) == complexity(5 - 3 * quarter) - 0.5 == 0.25
    one = case(quarter, rule=graded(0, 1, 2, 3), explainer=lambda _, image, __: image[0])
    assert Coherency()(one) == pytest.approx(1.0)
    assert Adcc()(one) == pytest.approx(3 / (1 + 1 / 0.75 + 1))  # the map shows all that counts: no drop
    wrong = case(1 - quarter, rule=graded(0, 1, 2, 3), explainer=lambda _, image, __: image[0])
    assert Adcc()(wrong) < 0.5


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_harmonic_mean_is_between_least_and_most(one: float, two: float, three: float) -> None:
    parts = (one, 1 - two, 1 - three)
    assert min(parts) - 1e-9 <= adcc(one, two, three) <= max(parts) + 1e-9
    if 0 in parts:
        assert adcc(one, two, three) == 0


def test_a_constant_map_has_no_scale() -> None:
    flat = judged(lambda _, image, __: torch.ones(image.shape[1:]))
    for metric in (Coherency(), Complexity(), Adcc()):
        assert metric(flat) != metric(flat)
    forgets = judged(bright)
    forgets = Case(forgets.saliency, 1, forgets.masked, lambda _, image, __: torch.zeros(image.shape[1:]))
    assert Coherency()(forgets) == Adcc()(forgets) == 0.0


def test_hard_removals_allow_only_complexity() -> None:
    inside = judged(bright, removal="ad")
    values = judge([(inside, metric) for metric in (Coherency(), Adcc(), Complexity())])
    assert isinstance(values[0], NotApplicableError)
    assert isinstance(values[1], NotApplicableError)
    assert "judge under a fill" in str(values[0])
    assert values[2] == Complexity()(judged(bright))
    with pytest.raises(NotApplicableError, match="give an explainer"):
        Coherency()(case())
