"""Where samples lie: evenly or not, and as JSON and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from unseen.errors import PhotoError
from unseen.inputs.coordinates import Axis, Coordinates


def test_an_even_axis_is_its_first_place_and_its_step() -> None:
    axis = Axis.through(np.linspace(400, 4000, 901), "wavenumber", "cm-1", "it")
    assert (axis.first, axis.places) == (400, None)
    assert axis.step == pytest.approx(4)
    assert axis.at([0, 900]).tolist() == pytest.approx([400, 4000])
    assert Axis.through(np.array([3.0, 2.0, 1.0]), "", "", "it").step == -1


def test_an_uneven_axis_keeps_its_places() -> None:
    places = np.array([1.0, 2.0, 4.0, 8.0])
    axis = Axis.through(places, "f", "Hz", "it")
    assert axis.at([1, 3]).tolist() == [2, 8]
    assert axis.title == "f (Hz)"


@pytest.mark.parametrize("places", [[1.0, 2.0, 2.0], [1.0, 3.0, 2.0], [1.0, np.nan, 2.0]])
def test_what_is_no_axis_is_refused(places: list[float]) -> None:
    with pytest.raises(PhotoError, match="neither ascends nor descends, and is no axis; leave it out"):
        Axis.through(np.array(places), "", "", "it")


def test_coordinates_survive_json() -> None:
    axes = (Axis("time", "s", 1.0, 0.5), Axis("f", "Hz", 1.0, 2.0, (1.0, 2.0, 4.0)))
    affine = tuple(tuple(float(4 * i + j) for j in range(4)) for i in range(4))
    for known in (Coordinates(axes), Coordinates((), affine), Coordinates()):
        assert Coordinates.of(json.loads(json.dumps(known.to_dict()))) == known
