"""Metrics of a model that says the same of everything: what differs by rounding alone is no evidence for a map."""

from __future__ import annotations

from math import isnan

import pytest
import torch
from torch import Tensor

from helpers.judged import case, spread
from unseen.metrics import METRICS

MAP = spread(torch.arange(16.0))


def rounding(visible: Tensor) -> Tensor:
    """A logit of 2 that is a digit higher the more is visible."""
    return 2 + 2.4e-7 * (visible.sum(1) > 5)


@pytest.mark.parametrize(
    "spec",
    [
        "sensitivity-n:n=0.2,patch=0.25",
        "sensitivity-n:score=probability,n=0.2,patch=0.25",
        "infidelity",
        "insertion-correlation",
        "deletion-correlation",
        "deletion-correlation:score=logit",
    ],
)
def test_there_is_no_correlation_with_rounding(spec: str) -> None:
    assert isnan(METRICS.create(spec)(case(MAP, rule=rounding)))
    assert not isnan(METRICS.create(spec)(case(MAP)))


@pytest.mark.parametrize(
    ("spec", "value"), [("increase-in-confidence", 0.0), ("average-drop", 0.0), ("average-gain", 0.0)]
)
def test_nothing_is_gained_or_lost_by_rounding(spec: str, value: float) -> None:
    upwards = case(MAP, rule=lambda visible: 2 - 2.4e-7 * (visible.sum(1) > 5))
    for one in (upwards, case(MAP, rule=rounding)):
        assert METRICS.create(spec)(one) == pytest.approx(value, abs=1e-6)
        assert METRICS.create("increase-in-confidence")(one) == 0
