"""A classifier instead of a model's name, in one process and in several."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from helpers import toys
from helpers.stickers import SIZE, picture, stickers
from unseen import Classifier, Preprocessing
from unseen.classifier.zoo import MODELS
from unseen.errors import OutputError, ParameterError
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.report.report import as_text
from unseen.system.engines.local import LocalProcesses


@pytest.fixture
def plan(bright_sides: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Of the model's name; that of a classifier leaves its device out."""
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    asked: dict[str, Any] = {"methods": ("occlusion",), "metrics": ("size",), "confidence": (0.5,), "controls": False}
    return Plan(bright_sides[:2], model="toy:sides", removals=("black",), device="cpu", **asked)


def classifier() -> Classifier:
    return replaced(name="toy:sides")


def replaced(**said: Any) -> Classifier:
    preprocessing = Preprocessing((24, 32), None, mean=(0, 0, 0), std=(1, 1, 1))
    return Classifier(toys.Sides(), preprocessing, **{"labels": toys.LABELS, **said})


def of(plan: Plan, model: Classifier) -> Plan:
    return replace(plan, model=model, device="auto")


def values(rows: list[Row]) -> dict[tuple[object, ...], float | None]:
    found = [row for row in rows if row.metric == "size"]
    assert all(row.value is not None for row in found)
    return {(row.photo, row.method, row.removal): row.value for row in found}


def test_it_is_judged_as_its_name_is(plan: Plan, tmp_path: Path) -> None:
    named, given = run(plan, tmp_path / "a"), run(of(plan, classifier()), tmp_path / "b", note=pytest.fail)
    assert values(given) == values(named)
    assert run(of(plan, classifier()), tmp_path / "a") == named, "it is the same evaluation"


@pytest.mark.parametrize(("target", "index"), [("right", 1), ("2", 2), ("no right", 4), ("no right + no neither", 6)])
def test_findings_are_judged_for_the_target_that_is_asked_for(
    plan: Plan, target: str, index: int, tmp_path: Path
) -> None:
    findings = replace(of(plan, classifier()), model=replaced(outputs="sigmoid"), target=target)
    asked = replace(findings, metrics=("size", "robustness-photos"), contexts=plan.photos, backgrounds=2)
    rows = run(asked, tmp_path)
    assert {row.target for row in rows} == {index}
    with pytest.raises(OutputError, match=r"another target \(--target, --classes\)"):
        run(replace(asked, target="left"), tmp_path)


def test_parts_that_say_nothing_are_counted_beside_every_mean(tmp_path: Path) -> None:
    """Two stickers, a dark picture, which is what the network says of nothing, and an evenly bright one.

    Of that any set as large does the same.
    """
    shown = [picture(0, sticker=True), picture(1, sticker=True)]
    shown += [torch.full((3, SIZE, SIZE), level) for level in (0.1, 0.9)]
    photos = tuple(tmp_path / f"{number}.png" for number in range(len(shown)))
    for path, image in zip(photos, shown, strict=True):
        Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy()).save(path)
    asked: dict[str, Any] = {"metrics": ("size", "by-chance"), "confidence": (0.5,), "controls": False}
    occlusion = ("occlusion:window=0.25,stride=0.0625",)
    rows = run(Plan(photos, model=stickers(), methods=occlusion, removals=("black",), **asked), tmp_path / "out")
    text = as_text(Measurements(rows))
    assert "parts that chance finds too / default class / empty / none found" in text
    assert "1 of 3 / 1 / 0 / 0" in text
    (dark,) = {row.detail for row in rows if row.photo == "2.png" and row.metric == "size"}
    assert dark == "the class is the model's answer to nothing: no part makes it"


def test_several_targets_take_labels(plan: Plan, tmp_path: Path) -> None:
    asked = replace(of(plan, classifier()), target="0 + 1")
    with pytest.raises(ParameterError, match=r"give the model's \(--labels\)"):
        run(replace(asked, model=replaced(labels=None, outputs="sigmoid")), tmp_path)
    assert {row.target for row in run(replace(asked, model=replaced(outputs="sigmoid")), tmp_path)} == {6}


def test_what_must_be_known_of_it_is_told(plan: Plan, tmp_path: Path) -> None:
    one = classifier()
    one.notes = ("nobody knows its preprocessing",)
    with pytest.warns(UserWarning, match="nobody knows its preprocessing"):
        run(of(plan, one), tmp_path)


def test_one_that_cannot_travel_is_asked_in_one_process(plan: Plan, tmp_path: Path) -> None:
    class Here(toys.Sides):
        pass

    here = classifier()
    here.model = Here()
    notes: list[str] = []
    alone = run(of(plan, here), tmp_path / "a", engine=LocalProcesses(2), note=notes.append)
    assert values(alone) == values(run(plan, tmp_path / "b"))
    (note,) = notes
    assert re.fullmatch(r"the work cannot be handed to other processes \(.*Here.*\), and is done in this .*", note)


@pytest.mark.slow
def test_it_travels_to_other_processes(plan: Plan, tmp_path: Path) -> None:
    together = run(of(plan, classifier()), tmp_path / "a", engine=LocalProcesses(2), note=pytest.fail)
    assert values(together) == values(run(plan, tmp_path / "b"))
