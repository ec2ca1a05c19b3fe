from __future__ import annotations

import pytest

from unseen.evaluation.judging.report.maps import as_interval
from unseen.evaluation.judging.report.tables import _percent, _signed
from unseen.evaluation.statistics import Interval, mean_interval


@pytest.mark.parametrize(
    ("values", "percent", "signed", "plain"),
    [
        ([0.4], "40.0", "+40.0", "0.4"),
        ([-0.125], "-12.5", "-12.5", "-0.125"),
        ([0.4, 0.4], "40.0 [40.0, 40.0]", "+40.0 [+40.0, +40.0]", "0.40 [0.40, 0.40]"),
    ],
)
def test_one_photograph_has_a_value_and_no_interval(values: list[float], percent: str, signed: str, plain: str) -> None:
    found = mean_interval(values)
    assert (_percent(found), _signed(found), as_interval(found)) == (percent, signed, plain)


def test_no_photograph_has_a_dash() -> None:
    assert _percent(Interval(float("nan"), float("nan"), float("nan"), 0)) == "–"
