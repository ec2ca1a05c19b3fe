from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch

from helpers.planted import planted
from helpers.processor import SEED
from unseen.errors import ParameterError
from unseen.evaluation.retraining import figures, report
from unseen.evaluation.retraining.datasets import load_dataset
from unseen.evaluation.retraining.labels import DataRandomisation, Likeness, Measure, Other, Randomised, alike
from unseen.evaluation.retraining.training import Training

TINY = DataRandomisation(repeats=1, images=4, epochs=1, training=Training(epochs=1))


@pytest.fixture(scope="module")
def faces() -> Randomised:
    """Few photographs in twice as many epochs as it takes, so that shuffled labels are learnt by heart anywhere."""
    metric = DataRandomisation(repeats=2, images=8, epochs=200, seed=SEED, training=Training(epochs=20, batch=12))
    return metric.run(load_dataset("faces").limited(12), ["saliency"])


@pytest.mark.numerics
def test_shuffled_labels_are_learnt_by_heart(faces: Randomised) -> None:
    assert faces.learnt >= 0.95


def test_controls_look_the_same_whatever_was_learnt(faces: Randomised) -> None:
    for control in ("random", "edges"):
        for measure in ("spearman", "spearman-absolute", "ssim"):
            values = faces.values(control, "shuffled", measure)
            assert list(values) == [0, 1]
            assert all(value == pytest.approx(1) for value in values.values())
            assert faces.against_true(control, measure) == "same"
    assert faces.values("uniform", "shuffled", "spearman") == {}


@pytest.mark.numerics
def test_a_gradient_is_another_one_after_other_labels(faces: Randomised) -> None:
    for repeat, value in faces.values("saliency", "shuffled", "spearman").items():
        assert value < faces.values("random", "shuffled", "spearman")[repeat] - 0.2


def test_it_can_be_read_and_drawn(faces: Randomised) -> None:
    table = report.as_text(faces)
    assert "is not judged (control)" in table
    assert "fewer than 3 triples tell no spread" in table
    assert "note:" not in table
    told = json.loads(json.dumps(faces.to_dict("uniform"), allow_nan=False))
    assert told["likeness"]["spearman"]["shuffled"] == {"mean": None, "values": []}
    assert figures.picture(faces).axes[0].get_yticklabels()[0].get_text() == "saliency"


def test_a_map_that_changes_is_told_from_one_that_does_not() -> None:
    heights = {"good": (0.1, 0.8), "edges": (1.0, 1.0)}
    rows = [
        Likeness(method, repeat, other, measure, value + 0.01 * repeat * (other == "true"), 5, 1.0, 0.0)
        for method, pair in heights.items()
        for other, value in zip(get_args(Other), pair, strict=True)
        for measure in get_args(Measure)
        for repeat in range(3)
    ]
    table = report.as_text(Randomised(DataRandomisation(), "made up", tuple(rows), ("good", "edges"), (), 1.0))
    lines = {line.split()[0]: line for line in table.splitlines() if line}
    assert lines["good"].count("0.10 / 0.81") == 3
    assert lines["good"].endswith("  depends on the labels")
    assert lines["edges"].endswith("  cannot be seen to depend on the labels (control)")


def test_likeness_is_the_mean_where_it_is_defined() -> None:
    maps = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    other = torch.stack([maps[0], -maps[1], torch.ones(8, 8)])
    assert alike(maps, other, "spearman") == (pytest.approx(0, abs=1e-12), 2)
    assert alike(maps, other, "spearman-absolute") == (pytest.approx(1), 2)
    assert alike(torch.ones(1, 8, 8), torch.ones(1, 8, 8), "spearman") == (None, 0)


def test_what_was_measured_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = planted(10)
    file = tmp_path / "data-randomisation.json"
    unbroken = TINY.run(dataset, ["refusing"])
    assert unbroken.failed == (("refusing", "there is no rule for this network"),)
    first = TINY.run(dataset, [], out=file)
    assert [(r.method, r.measure, r.value) for r in first.rows] == [
        (r.method, r.measure, r.value) for r in unbroken.rows
    ]
    heard: list[tuple[int, int | None]] = []
    grown = replace(TINY, repeats=2).run(dataset, [], out=file, progress=lambda _, *counts: heard.append(counts))
    assert heard[-1] == (6, 6)
    assert grown.rows[: len(first.rows)] == first.rows
    from unseen.evaluation.retraining import labels

    monkeypatch.setattr(labels, "retrained", None)
    assert replace(TINY, repeats=2).run(dataset, [], out=file).rows == grown.rows
    assert TINY.run(dataset, [], out=file).rows == first.rows
    assert "of the shuffled labels were learnt; give more epochs" in report.as_text(first)


def test_wrong_parameters_are_refused() -> None:
    for name in ("repeats", "images", "epochs"):
        with pytest.raises(ParameterError, match=f"{name} must be at least 1, got 0"):
            replace(TINY, **{name: 0})
    with pytest.raises(ParameterError, match="seed"):
        replace(TINY, seed=-1)
    nothing = replace(TINY, repeats=1).run(planted(10), [])
    assert not math.isnan(nothing.learnt)
