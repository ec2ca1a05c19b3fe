"""Attribution shift against numpy, and on the network of the thesis' Figure 12."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers.judged import case, spread
from helpers.networks import Network, bound
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.metrics import METRICS
from unseen.metrics.attribution_shift import AttributionShift, attribution_shift, means_over
from unseen.metrics.case import Case
from unseen.metrics.faithfulness import patches
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS


def pair(seed: int) -> tuple[Tensor, Tensor]:
    before, after = torch.randn(2, 20, generator=torch.Generator().manual_seed(seed)).unbind()
    return before, after


@given(st.integers(0, 1000), st.floats(0.01, 100), st.floats(-10, 10))
def test_is_one_minus_the_correlation_and_scale_and_level_do_not_matter(seed: int, scale: float, level: float) -> None:
    before, after = pair(seed)
    value = attribution_shift(before, after)
    assert value == pytest.approx(1 - np.corrcoef(before.double().numpy(), after.double().numpy())[0, 1], abs=1e-9)
    assert attribution_shift(before, scale * after.double() + level) == pytest.approx(value, abs=1e-6)
    assert attribution_shift(scale * before.double() + level, after) == pytest.approx(value, abs=1e-6)


def test_known_answers() -> None:
    before, _ = pair(0)
    assert attribution_shift(before, 3 * before + 1) == pytest.approx(0, abs=1e-6)
    assert attribution_shift(before, -before) == pytest.approx(2, abs=1e-6)
    assert attribution_shift(before, torch.ones(20)) == 1.0
    assert math.isnan(attribution_shift(torch.ones(20), before))


def test_means_over_squares_are_those_of_a_loop() -> None:
    saliency = torch.randn(10, 7, generator=torch.Generator().manual_seed(0))
    expected = [float(saliency[r : r + 4, c : c + 4].double().mean()) for r in range(0, 10, 4) for c in range(0, 7, 4)]
    assert means_over(patches((10, 7), 4), saliency).tolist() == pytest.approx(expected)


class TwoPaths(nn.Module):
    """The network of Figure 12: the class has ReLU(l + r − 1) + l, l and r the mean of the left and the right half."""

    def forward(self, x: Tensor) -> Tensor:
        left, right = (side.mean(dim=(1, 2, 3)) for side in x.chunk(2, dim=3))
        return torch.stack([(left + right - 1.0).relu() + left, 0 * left], dim=1)


@pytest.mark.parametrize(("keep", "shift"), [(12 / 16, 0.0), (9 / 16, 2.0)])
def test_a_non_linearity_that_is_shared_takes_attributions_along(keep: float, shift: float) -> None:
    network = Classifier(TwoPaths(), Preprocessing((16, 16), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))
    image = torch.full((3, 16, 16), 0.43)
    image[:, :, 8:] = 0.9
    explain = explainer(METHODS.create("input-x-gradient"), REMOVALS.create("black"))
    one = Case(explain(network, image, 0), 0, REMOVALS.create("black").bind(network, image), explain)
    before = means_over(patches((16, 16), 4), one.saliency)
    assert (before / before.max()).sort().values.tolist() == pytest.approx([0.86 / 0.9] * 8 + [1.0] * 8, rel=1e-5)
    # The right half stays visible and four, or one, of the left half's squares. With four, l + r is still above 1, and
    # nothing changes. With one, the path that both share closes: the right has nothing left, the left half of its own.
    assert AttributionShift(keep=keep, side=4)(one) == pytest.approx(shift, abs=1e-4)


@pytest.mark.parametrize("removal", ["black", "ad"])
@pytest.mark.parametrize("visible", ["top", "random"])
def test_works_under_both_kinds_of_removal(removal: str, visible: str) -> None:
    masked = bound(Network(), double=False, removal=removal)
    explain = explainer(METHODS.create("input-x-gradient"), REMOVALS.create("zero"))
    judged = Case(explain(masked.classifier, masked.image, 1), 1, masked, explain)
    metric = METRICS.create(f"attribution-shift:visible={visible},keep=0.5,side=2")
    value = metric(judged)
    assert 0 < value < 2
    assert metric(judged) == value


def test_what_stays_visible() -> None:
    seen: list[Tensor] = []

    def explain(classifier: object, image: Tensor, target: int) -> Tensor:
        del classifier, target
        seen.append(image.mean(0) > 0.5)
        return image.mean(0)

    saliency = spread(torch.arange(16.0))
    AttributionShift(side=8)(case(saliency, explainer=explain))
    assert torch.equal(seen[0], saliency >= 12)
    for seed in (0, 0, 1):
        AttributionShift("random", 0.5, 8)(case(saliency, explainer=explain, seed=seed))
    assert torch.equal(seen[1], seen[2])
    assert not torch.equal(seen[1], seen[3])
    assert int(seen[1].sum()) == 512


def test_a_map_that_ignores_the_photograph_does_not_shift() -> None:
    saliency = spread(torch.arange(16))
    assert AttributionShift(side=8)(case(saliency, explainer=lambda *_: saliency)) == pytest.approx(0, abs=1e-9)
    flat = torch.ones(32, 32)
    assert math.isnan(AttributionShift(side=4)(case(flat, explainer=lambda *_: flat)))
    with pytest.raises(NotApplicableError, match="give an explainer"):
        AttributionShift(side=8)(case(saliency))
    with pytest.raises(NotApplicableError, match="1 of 4 squares would stay visible"):
        AttributionShift()(case(saliency, explainer=lambda *_: saliency))


@pytest.mark.parametrize("spec", ["keep=0", "keep=1", "keep=nan", "visible=all", "side=0"])
def test_what_is_out_of_range_is_refused(spec: str) -> None:
    with pytest.raises(ParameterError, match=spec.partition("=")[0]):
        METRICS.create(f"attribution-shift:{spec}")
