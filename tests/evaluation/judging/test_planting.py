"""What the network says of parts on other contexts (Appendix F of Chanchal, Kelly & Chockler), against a loop."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from helpers import toys
from unseen import Classifier, Preprocessing
from unseen.classifier.zoo import MODELS
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.report.report import as_markdown
from unseen.explainers.catalogue import METHODS
from unseen.explainers.robust.contexts import SolidColours
from unseen.explainers.robust.planting import plant

METRICS = ("confidence", "robustness-colours", "confidence-colours", "robustness-photos", "confidence-photos")


@pytest.fixture
def plan(bright_sides: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Of :class:`toys.Toy`, whose part is the left half."""
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    asked: dict[str, Any] = {"methods": ("toy",), "removals": ("black",), "device": "cpu", "controls": False}
    return Plan(bright_sides, "toy:sides", confidence=(0.5,), backgrounds=5, contexts=bright_sides, **asked)


def values(rows: list[Row]) -> dict[tuple[str, str], tuple[float | None, int]]:
    return {(row.photo, row.metric): (row.value, row.n) for row in rows if row.confidence is not None}


def test_the_mean_confidence_is_that_of_a_loop_over_colours(plan: Plan, tmp_path: Path) -> None:
    rows = run(replace(plan, photos=plan.photos[:1], metrics=METRICS), tmp_path / "out")
    preprocessing = Preprocessing((24, 32), None, mean=(0, 0, 0), std=(1, 1, 1))
    model = Classifier(toys.Sides(), preprocessing, labels=toys.LABELS)
    image = model.prepare(plan.photos[0])
    left = torch.zeros(24, 32, dtype=torch.bool)
    left[:, :16] = True

    def said(picture: torch.Tensor) -> float:
        return float(model.logits(picture[None]).softmax(1)[0, 0])

    colours = [*islice(SolidColours(0).of("", 0), 5)]
    expected = sum(said(plant(image, left, colour)) for colour in colours) / 5 / said(image)
    found = values(rows)
    assert found["0.png", "confidence-colours"] == (pytest.approx(expected, rel=1e-5), 5)
    text = as_markdown(Measurements(rows))
    moved = 100 * (expected - said(image * left) / said(image))
    _, _, table = text.partition("confidence on solid colours minus that under the removal, points (Appendix F)")
    assert f"| black | {moved:+.1f} |" in table
    assert "Confidence of the part on solid colours, % of that of the photograph (Appendix F)" in text


@pytest.mark.parametrize("before", [{"metrics": METRICS[:2]}, {"metrics": METRICS, "backgrounds": 2}])
def test_what_was_planted_before_is_gone_on_with(plan: Plan, before: dict[str, Any], tmp_path: Path) -> None:
    """With metrics that were not asked for, and with further backgrounds."""
    asked = replace(plan, metrics=METRICS)
    run(replace(asked, **before), tmp_path / "grown")
    grown, at_once = values(run(asked, tmp_path / "grown")), values(run(asked, tmp_path / "at once"))
    assert grown.keys() == at_once.keys()
    for key, (value, n) in at_once.items():
        assert grown[key] == (pytest.approx(value, rel=1e-6), n), key
