"""Every metric judges maps of signals and volumes as it judges those of images, or refuses them in one line."""

from __future__ import annotations

import math

import pytest
import torch

from helpers.spaces import SPACES, bright, looking, part_of
from unseen.errors import NotApplicableError
from unseen.explainers import METHODS, map_of
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.metrics.soft import soft_views
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS

CHEAP = {
    "average-sensitivity": "average-sensitivity:samples=2",
    "max-sensitivity": "max-sensitivity:samples=2",
    **{
        f"relative-{by}-stability": f"relative-{by}-stability:samples=2" for by in ("input", "representation", "output")
    },
    "attribution-shift": "attribution-shift:side=2",
}
OF_IMAGES = {"grid-pointing", "difull", "null-feature", "single-feature", "double-feature"}

HEADED = "relative-representation-stability"
"""Asks for a linear head, which the network has not."""


@pytest.mark.parametrize("kind", ["signal", "volume"])
def test_every_metric_gives_a_number_or_a_reason(kind: str) -> None:
    space = SPACES[kind]
    grey, method = REMOVALS.create("grey"), METHODS.create("occlusion:stride=0.2")
    masked = grey.bind(looking(space), bright(space))
    saliency = map_of(method, masked, 0)
    case = Case(saliency, 0, masked, explainer=explainer(method, grey), annotation=part_of(space))
    worse = Case(-saliency, 0, masked, explainer=explainer(method, grey), annotation=part_of(space))
    for name in METRICS.entries:
        if METRICS[name].judges != "map":
            continue
        metric = METRICS.create(CHEAP.get(name, name))
        if name in OF_IMAGES:
            with pytest.raises(NotApplicableError, match=f"for images so far, and the input is a {kind}"):
                metric(case)
            continue
        if name == HEADED:
            with pytest.raises(NotApplicableError, match="not the output of a linear layer"):
                metric(case)
            continue
        value = metric(case)
        assert not math.isnan(value), name
        if name in ("deletion", "insertion", "localisation-energy", "rank-accuracy"):
            better = value > metric(worse) if METRICS[name].better == "higher" else value < metric(worse)
            assert better or math.isnan(metric(worse)), name
    assert torch.equal(case.saliency, saliency)


@pytest.mark.parametrize("kind", SPACES)
def test_level_sets_of_a_map_have_its_axes(kind: str) -> None:
    space = SPACES[kind]
    masked = REMOVALS.create("ad").bind(looking(space), bright(space))
    mask = torch.rand(*space, generator=torch.Generator().manual_seed(0))
    views = soft_views(Case(mask, 0, masked), mask, levels=4)
    assert views.shape == (4, *space)
    for view, height in zip(views, (0.125, 0.375, 0.625, 0.875), strict=True):
        assert torch.equal(view.bool(), mask >= height)
