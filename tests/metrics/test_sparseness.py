"""Sparseness against its definition by pairs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.judged import case
from unseen.metrics import METRICS
from unseen.metrics.sparseness import gini_index


@given(st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=1, max_size=12).filter(any), st.floats(0.01, 100))
def test_is_the_mean_difference_of_pairs_over_twice_the_mean(values: list[float], scale: float) -> None:
    sizes = [abs(value) for value in values]
    pairs = sum(abs(one - other) for one in sizes for other in sizes)
    expected = pairs / (2 * len(sizes) * sum(sizes))
    saliency = torch.tensor(values, dtype=torch.float64)
    assert gini_index(saliency) == pytest.approx(expected, abs=1e-9)
    assert gini_index(-scale * saliency) == pytest.approx(expected, abs=1e-9)


def test_known_answers() -> None:
    assert gini_index(torch.ones(4, 5)) == pytest.approx(0)
    single = torch.zeros(4, 5)
    single[1, 2] = -3
    assert gini_index(single) == pytest.approx(1 - 1 / 20)
    assert math.isnan(gini_index(torch.zeros(4, 5)))


def test_the_model_is_not_asked() -> None:
    one = case()
    assert METRICS.create("sparseness")(replace(one, saliency=torch.ones(one.masked.shape))) == pytest.approx(0)
    assert one.masked.evaluations == 0
