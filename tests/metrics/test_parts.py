from __future__ import annotations

import math

import pytest

from helpers.synthetic import make_explanation, make_part
from unseen.explanation.evidence import ByChance
from unseen.metrics.parts import by_chance, confidence, confidence_distance, size


def test_what_is_said_of_a_part() -> None:
    explanation = make_explanation(probability=0.8)
    part = make_part(confidence=0.6, confidence_threshold=0.5)
    assert size(explanation, part) == pytest.approx(45 / 480)
    assert confidence(explanation, part) == pytest.approx(0.75)
    assert confidence_distance(explanation, part) == pytest.approx(0.25)


def test_the_distance_is_from_what_the_rise_asks_for() -> None:
    explanation = make_explanation(probability=0.8)
    assert confidence_distance(explanation, make_part(confidence=0.6, asked=0.5)) == pytest.approx(0.1 / 0.8)


def test_of_a_value_all_is_counted_from_how_far_it_stays() -> None:
    explanation, part = make_explanation(probability=54.0, unit="years"), make_part(confidence=0.6, asked=0.5)
    assert confidence(explanation, part) == pytest.approx(0.6)
    assert confidence_distance(explanation, part) == pytest.approx(0.1)


def test_how_often_chance_does_as_well() -> None:
    assert by_chance(make_explanation(), make_part(by_chance=ByChance.of(4, 16))) == 0.25
    assert math.isnan(by_chance(make_explanation(), make_part()))
