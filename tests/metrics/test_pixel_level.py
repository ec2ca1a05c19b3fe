from __future__ import annotations

from math import isnan

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.judged import case, spread
from unseen.errors import ParameterError, UnknownNameError
from unseen.metrics import METRICS, MetricEntry
from unseen.metrics.case import Case, judge
from unseen.metrics.curves import Deletion, Insertion
from unseen.metrics.pixel_level import PixelLevel, activated


@given(st.lists(st.floats(-3, 3, width=32), min_size=12, max_size=12), st.floats(0.1, 0.9))
def test_activated_pixels_are_counted_one_by_one(values: list[float], threshold: float) -> None:
    saliency = torch.tensor(values, dtype=torch.float64).reshape(3, 4)
    top = max(values)
    expected = [[top > 0 and float(v) > threshold * top for v in row] for row in saliency]
    assert activated(saliency, threshold).tolist() == expected


def test_it_is_the_metric_over_the_activated_pixels_and_asks_nothing_more() -> None:
    one = case(spread(torch.tensor([1.0] * 3 + [0.4] * 2 + [0.3] * 11)))
    metrics = [Deletion(), Insertion(), PixelLevel("deletion"), PixelLevel("insertion")]
    values = judge([(one, metric) for metric in metrics])
    assert one.masked.evaluations == 112
    assert values[2] == pytest.approx(values[0] / (5 * 64))  # type: ignore[operator]
    assert values[3] == pytest.approx(values[1] / (5 * 64))  # type: ignore[operator]
    assert PixelLevel("insertion", 0.5)(one) == pytest.approx(values[1] / (3 * 64))  # type: ignore[operator]


def test_it_prefers_the_larger_map_of_the_same_ranking_under_deletion() -> None:
    """Why nobody should rank by it."""
    small = spread(torch.linspace(1, 0.01, 16) ** 3)
    large = spread(torch.linspace(1, 0.01, 16) ** 0.1)
    assert Deletion(16)(case(small)) == Deletion(16)(case(large))
    assert PixelLevel()(case(large)) < PixelLevel()(case(small))
    entry = METRICS["pixel-level"]
    assert isinstance(entry, MetricEntry)
    assert entry.better == ""


class Constant:
    """A metric that asks nothing by masks."""

    def __call__(self, case: Case) -> float:
        return float(case.target + 3)


def test_metrics_that_do_not_ask_by_masks_are_divided_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.metrics.curves.Insertion", Constant)
    one = case()
    values = judge([(one, PixelLevel("insertion")), (one, Deletion())])
    assert values[0] == 3 / (4 * 64)
    assert PixelLevel("insertion")(one) == 3 / (4 * 64)


def test_a_map_without_a_positive_value_has_no_pixel_level() -> None:
    assert isnan(PixelLevel()(case(-torch.ones(32, 32))))
    assert isnan(PixelLevel()(case(torch.zeros(32, 32))))


def test_wrong_parameters_are_refused() -> None:
    with pytest.raises(UnknownNameError):
        PixelLevel("deletoin")
    for of in ("size", "pixel-level", "top-k-ablation"):  # the last one's values are indices of classes
        with pytest.raises(ParameterError, match="no pixel-level form"):
            PixelLevel(of)
    for threshold in (0, 1, float("nan")):
        with pytest.raises(ParameterError, match="threshold"):
            PixelLevel(threshold=threshold)
