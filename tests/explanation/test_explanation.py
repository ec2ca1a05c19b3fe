from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from helpers.synthetic import make_explanation, make_part
from unseen import Curve
from unseen.errors import ParameterError
from unseen.explanation.evidence import ByChance


@pytest.mark.parametrize(
    "change",
    [
        {"image": torch.zeros(3, 20, 24)},
        {"saliency": torch.zeros(20, 24)},
        {"target": 4},
        {"label": "cup"},
        {"probability": 0.94},
        {"method": "causal:iterations=2"},
        {"removal": "grey"},
        {"parts": ()},
        {"parts": (make_part(rank=1),)},
        {"parts": (make_part(torch.ones(20, 24, dtype=torch.bool)),)},
        {"curve": None},
        {"notes": ()},
        {"provenance": {}},
    ],
    ids=str,
)
def test_equality_sees_every_field(change: dict[str, Any]) -> None:
    assert make_explanation() == make_explanation()
    assert make_explanation(**change) != make_explanation()


def test_an_explanation_differs_from_other_things() -> None:
    assert make_explanation() != "espresso"
    assert make_part() != "espresso"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": torch.zeros(24)}, "the image is float32 of shape"),
        ({"image": torch.zeros(3, 20, 24, dtype=torch.float64)}, "the image is float64"),
        ({"saliency": torch.zeros(24, 20)}, r"expected float32 of shape \(20, 24\)"),
        ({"saliency": torch.full((20, 24), math.nan)}, "NaN"),
        ({"parts": (make_part(torch.ones(3, 3, dtype=torch.bool)),)}, "a part's mask"),
        ({"probability": 1.5}, "probability 1.5"),
        ({"probability": math.nan}, "probability nan"),
        ({"provenance": {"device": torch.device("cpu")}}, "cannot be written as JSON"),
        ({"provenance": {"loss": math.nan}}, "cannot be written as JSON"),
    ],
)
def test_an_explanation_refuses_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        make_explanation(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mask": torch.ones(20, 24)}, "expected bool"),
        ({"mask": torch.ones((), dtype=torch.bool)}, "expected bool of shape"),
        ({"confidence": 1.01}, "confidence 1.01"),
        ({"confidence_threshold": -0.1}, "confidence threshold -0.1"),
    ],
)
def test_a_part_refuses_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        replace(make_part(), **change)


def test_a_curve_refuses_what_does_not_fit() -> None:
    with pytest.raises(ParameterError, match="one insertion and one deletion"):
        Curve((0.0, 1.0), (0.0,), (1.0, 0.0))
    with pytest.raises(ParameterError, match="ascend"):
        Curve((1.0, 0.0), (0.0, 1.0), (1.0, 0.0))


def test_fraction_is_the_share_of_visible_pixels() -> None:
    assert make_part().fraction == pytest.approx(5 * 9 / (20 * 24))


def test_the_record_tells_everything_but_the_arrays() -> None:
    record = make_explanation(parts=(make_part(by_chance=ByChance.of(0, 16)),)).to_dict()
    assert record["target"] == {"index": 3, "label": "espresso", "probability": 0.95}
    assert record["parts"] == [
        {
            "role": "sufficient",
            "confidence_threshold": 0.5,
            "confidence": 0.61,
            "verified": True,
            "asked": None,
            "instead": None,
            "by_chance": {"share": 0.0, "low": 0.0, "high": pytest.approx(0.206, abs=1e-3), "tried": 16},
            "robustness": None,
            "minimal_block": None,
            "first_passing": None,
            "stable": None,
            "rank": 0,
            "fraction": pytest.approx(45 / 480),
        }
    ]
    assert record["curve"]["deletion"] == (0.95, 0.1, 0.0)
    assert record["notes"] == ["a note"]
    assert record["provenance"]["evaluations"] == 1234


def test_provenance_is_what_json_gives_back() -> None:
    explanation = make_explanation(provenance={"sizes": (1, 2), "nested": {"x": [(3,)]}})
    assert explanation.provenance == {"sizes": [1, 2], "nested": {"x": [[3]]}}


def test_a_notebook_shows_the_map_with_its_sliders() -> None:
    explanation = make_explanation(label='<cup> & "saucer"')
    html = explanation._repr_html_()
    assert html.startswith('<iframe title="&lt;cup&gt; &amp; &quot;saucer&quot; 95.0 %, causal under zero"')
    assert "data-walk" in html
    assert explanation._repr_png_().startswith(b"\x89PNG\r\n")


def test_areas_under_a_curve_are_those_of_trapeziums() -> None:
    curve = Curve((0.0, 0.25, 1.0), (0.0, 0.8, 1.0), (1.0, 0.2, 0.0))
    assert curve.insertion_area == pytest.approx(0.25 * 0.4 + 0.75 * 0.9)
    assert curve.deletion_area == pytest.approx(0.25 * 0.6 + 0.75 * 0.1)


def test_the_evidence_of_a_map_is_said_in_words() -> None:
    assert make_explanation().evidence == ()
    record = {
        "layer": "blocks.3 (relu)",
        "completeness_gap": 0.012345,
        "converged": False,
        "samples": 40,
        "history": [1.0],
    }
    explained = make_explanation(provenance={"search": {"map": record}})
    assert explained.evidence == ("layer blocks.3 (relu)", "completeness gap 0.0123", "converged no", "samples 40")
