from __future__ import annotations

import pytest

from helpers.synthetic import make_explanation, make_part
from unseen.metrics.parts import confidence, confidence_distance, size


def test_what_is_said_of_a_part() -> None:
    explanation = make_explanation(probability=0.8)
    part = make_part(confidence=0.6, confidence_threshold=0.5)
    assert size(explanation, part) == pytest.approx(45 / 480)
    assert confidence(explanation, part) == pytest.approx(0.75)
    assert confidence_distance(explanation, part) == pytest.approx(0.25)
