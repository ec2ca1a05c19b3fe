from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unseen.errors import ParameterError
from unseen.inputs.geometry import Affine

TURNED = Affine(((0.0, -2.0, 30.0), (0.5, 0.1, -4.0)), (20, 10), 6)
POINTS = [[0.0, 0.0], [3.0, 4.0], [10.0, 20.0]]


def test_a_map_and_its_inverse_lead_back() -> None:
    assert TURNED.apply(POINTS)[1] == pytest.approx([22, -2.1])
    assert TURNED.inverse().apply(TURNED.apply(POINTS)) == pytest.approx(np.array(POINTS))


def test_composed_maps_are_applied_one_after_the_other() -> None:
    after = Affine.scaling((20, 10), (5, 40)).moved(-3, 2)
    both = TURNED.compose(after)
    assert both.apply(POINTS) == pytest.approx(after.apply(TURNED.apply(POINTS)))
    assert (both.source_size, both.orientation) == ((20, 10), 6)
    assert after.apply([[10, 20]]).tolist() == [[37, 7]]


def test_a_record_is_read_again() -> None:
    assert Affine.of(TURNED.to_dict()) == TURNED


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({}, "is not a geometry: matrix, source_size, orientation"),
        ({"matrix": [[1, 0], [0, 1]], "source_size": [2, 2]}, "not one of 2 × 3 finite numbers|is not a geometry"),
        ({"matrix": [[1, 0, float("nan")], [0, 1, 0]], "source_size": [2, 2]}, "not one of 2 × 3 finite numbers"),
        ({"matrix": [[1, 0, 0], [2, 0, 0]], "source_size": [2, 2]}, "no way back"),
        ({"matrix": [[1, 0, 0], [0, 1, 0]], "source_size": [0, 2]}, "not a positive height and width"),
        ({"matrix": [[1, 0, 0], [0, 1, 0]], "source_size": [2, 2], "orientation": 9}, "outside 1 … 8"),
    ],
)
def test_what_is_no_geometry_is_refused(record: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        Affine.of(record)
