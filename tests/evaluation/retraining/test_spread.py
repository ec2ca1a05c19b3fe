from __future__ import annotations

import math

import pytest

from unseen.evaluation.retraining.spread import spread, verdict


def test_the_interval_is_students() -> None:
    found = spread([1.0, 2.0, 3.0])
    assert found.mean == 2
    assert found.high - found.mean == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)
    assert found.low == pytest.approx(4 - found.high)


def test_one_repeat_has_no_spread_and_none_no_mean() -> None:
    assert math.isnan(spread([0.5]).low)
    with pytest.raises(ValueError, match="nothing"):
        spread([])


def test_verdicts_compare_repeat_by_repeat() -> None:
    noisy, less = {0: 0.1, 1: 0.5, 2: 0.9}, {0: 0.0, 1: 0.41, 2: 0.79}
    assert verdict(less, noisy, "lower") == "better"
    assert verdict(less, noisy, "higher") == "worse"
    assert verdict(noisy, dict(zip(less, reversed(less.values()), strict=True)), "lower") == "same"
    assert verdict(noisy, noisy, "lower") == "same"
    assert verdict({0: 0.0}, {0: 1.0}, "lower") == "same"
    assert verdict({0: 0.1, 1: 0.1}, {1: 0.5, 2: 0.5}, "lower") == "same"


def test_two_repeats_that_agree_are_no_proof() -> None:
    few, more = {0: 0.5, 1: 0.5}, {0: 0.6, 1: 0.6}
    assert verdict(few, more, "lower") == "same"
    assert verdict({**few, 2: 0.5}, {**more, 2: 0.6}, "lower") == "better"
