"""Attribution shift where the best rescaling is known, and on the network of the thesis' Figure 12."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from judged import case, spread
from scipy.optimize import minimize_scalar
from torch import Tensor, nn

from networks import Network, bound
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError
from unseen.explaining import explainer
from unseen.methods import METHODS
from unseen.metrics import METRICS
from unseen.metrics.attribution_shift import AttributionShift, attribution_shift
from unseen.metrics.case import Case
from unseen.removal import REMOVALS

ALL = torch.ones(4, 5, dtype=torch.bool)


def maps(seed: int) -> tuple[Tensor, Tensor]:
    before, after = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(seed)).unbind()
    return before, after


@given(st.integers(0, 1000))
def test_equals_the_best_of_all_scales(seed: int) -> None:
    before, after = maps(seed)
    visible = torch.rand(4, 5, generator=torch.Generator().manual_seed(seed)) < 0.6
    visible[0, 0] = True
    known, found = (saliency[visible].double().numpy() for saliency in (before, after))
    best = minimize_scalar(lambda c: np.linalg.norm(known - c * found), bounds=(0, 100), method="bounded")
    expected = min(best.fun, np.linalg.norm(known)) / np.linalg.norm(known)
    assert attribution_shift(before, after, visible) == pytest.approx(expected, abs=1e-4)


@given(st.integers(0, 1000), st.floats(0.01, 100))
def test_no_scale_matters_and_nothing_hidden_does(seed: int, scale: float) -> None:
    before, after = maps(seed)
    visible = torch.arange(20).reshape(4, 5) < 12
    value = attribution_shift(before, after, visible)
    assert 0 <= value <= 1
    assert attribution_shift(before, scale * after, visible) == pytest.approx(value, abs=1e-6)
    assert attribution_shift(scale * before, after, visible) == pytest.approx(value, abs=1e-6)
    assert attribution_shift(before, torch.where(visible, after, 99.0), visible) == value
    assert attribution_shift(before, scale * before, visible) == pytest.approx(0, abs=1e-6)


def test_known_answers() -> None:
    before, _ = maps(0)
    assert attribution_shift(before, -before, ALL) == 1.0
    assert attribution_shift(before, torch.zeros(4, 5), ALL) == 1.0
    assert attribution_shift(torch.ones(4, 5), torch.full((4, 5), 3.0), ALL) == 0.0
    assert math.isnan(attribution_shift(torch.zeros(4, 5), before, ALL))
    one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    assert attribution_shift(one, other, torch.ones(1, 2) > 0) == pytest.approx(0.5**0.5)


class TwoPaths(nn.Module):
    """The network of Figure 12 on the left and the right half: ReLU(l + r − 1) and l; right is not the class."""

    def forward(self, x: Tensor) -> Tensor:
        left, right = (side.mean(dim=(1, 2, 3)) for side in x.chunk(2, dim=3))
        return torch.stack([(left + right - 1.0).relu() + left, 0 * left], dim=1)


def test_a_non_linearity_that_is_shared_takes_the_attribution_along() -> None:
    network = Classifier(TwoPaths(), Preprocessing((16, 16), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))
    image = torch.full((3, 16, 16), 0.8)
    image[:, :, :4] = 0.9  # more of the left half's attribution lies here
    explain = explainer(METHODS.create("input-x-gradient"), REMOVALS.create("black"))
    one = Case(explain(network, image, 0), 0, REMOVALS.create("black").bind(network, image), explain)
    left = one.saliency > one.saliency[:, 8:].max()
    assert bool(left[:, :8].all())
    # Hiding the right half halves the left's attribution, everywhere alike: a change of scale, and no shift.
    assert AttributionShift(keep=0.5)(one) == pytest.approx(0, abs=1e-6)
    # Keeping a quarter of both halves closes the upper path: what the right had is gone, a share that is known.
    part = torch.zeros(16, 16, dtype=torch.bool)
    part[:, 4:12] = True
    hidden = explain(network, REMOVALS.create("black").bind(network, image).painted(part[None])[0], 0)
    assert attribution_shift(one.saliency, hidden, part) == pytest.approx((1 / 5) ** 0.5, rel=1e-5)


@pytest.mark.parametrize("removal", ["black", "ad"])
@pytest.mark.parametrize("visible", ["top", "random"])
def test_works_under_both_kinds_of_removal(removal: str, visible: str) -> None:
    masked = bound(Network(), double=False, removal=removal)
    explain = explainer(METHODS.create("input-x-gradient"), REMOVALS.create("zero"))
    judged = Case(explain(masked.classifier, masked.image, 1), 1, masked, explain)
    metric = METRICS.create(f"attribution-shift:visible={visible},keep=0.5")
    value = metric(judged)
    assert 0 < value <= 1
    assert metric(judged) == value


def test_a_map_that_ignores_the_photograph_does_not_shift() -> None:
    saliency = spread(torch.arange(16))
    assert AttributionShift()(case(saliency, explainer=lambda *_: saliency)) == 0.0
    with pytest.raises(NotApplicableError, match="give an explainer"):
        AttributionShift()(case(saliency))


@pytest.mark.parametrize("spec", ["keep=0", "keep=1", "keep=nan", "visible=all"])
def test_what_is_out_of_range_is_refused(spec: str) -> None:
    with pytest.raises(ParameterError, match=spec.partition("=")[0]):
        METRICS.create(f"attribution-shift:{spec}")
