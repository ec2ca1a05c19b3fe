from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from helpers import toys
from unseen.classifier.zoo import MODELS
from unseen.cli import main
from unseen.errors import OutputError, ParameterError
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.ledger import FILE, read
from unseen.evaluation.judging.merging import merge
from unseen.evaluation.judging.outcomes import Row
from unseen.evaluation.judging.plan import Plan
from unseen.explainers.catalogue import METHODS


@pytest.fixture
def plan(bright_sides: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    asked = {"methods": ("toy",), "metrics": ("size",), "confidence": (0.5,), "controls": False}
    return Plan(bright_sides, model="toy:sides", removals=("black", "grey"), device="cpu", **asked)  # type: ignore[arg-type]


def values(rows: list[Row]) -> list[tuple[object, ...]]:
    return [(r.photo, r.method, r.removal, r.metric, r.confidence, r.value) for r in rows if r.metric != "seconds"]


def test_parts_of_the_photographs_come_together_as_one_run(plan: Plan, tmp_path: Path) -> None:
    whole = run(plan, tmp_path / "whole")
    run(replace(plan, photos=plan.photos[:3]), tmp_path / "a")
    run(replace(plan, photos=plan.photos[2:]), tmp_path / "b")
    found = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert (found.explanations, [*found.taken.values()]) == (8, [6, 2])
    assert values(read(tmp_path / "all")) == values(whole)
    counts: list[int] = []
    again = run(plan, tmp_path / "all", progress=lambda _, done, __: counts.append(done))
    assert counts == [], "nothing is left to do"
    assert values(again) == values(whole)
    assert merge([tmp_path / "a"], tmp_path / "all").taken == {tmp_path / "a": 0}


def test_what_failed_in_one_is_taken_from_the_other(plan: Plan, tmp_path: Path) -> None:
    run(plan, tmp_path / "a")
    run(plan, tmp_path / "b")
    with sqlite3.connect(tmp_path / "a" / FILE) as database:
        database.execute("UPDATE explanations SET reason = 'the disk burnt' WHERE photo = '1.png'")
        database.execute("UPDATE measurements SET value = NULL, reason = 'the disk burnt' WHERE value > 0")
    database.close()
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    rows = read(tmp_path / "all")
    assert {row.value for row in rows if row.photo == "1.png" and row.metric == "size"} == {0.5}
    assert {row.detail for row in rows if row.photo == "0.png" and row.metric == "size"} == {"the disk burnt"}


def test_a_photograph_explained_as_two_classes_is_taken_from_the_first(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = plan.photos[0]
    for folder, name in (("a", "left"), ("b", "right")):
        source = tmp_path / f"{folder}.csv"
        source.write_text(f"photo,class\n{photo},{name}\n", "utf-8")
        of_one = replace(plan, photos=(photo,), classes=(str(source),), metrics=("complexity",))
        run(replace(of_one, removals=("black",) if folder == "a" else plan.removals), tmp_path / folder)
    found = merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert {(row.removal, row.target) for row in read(tmp_path / "all")} == {("black", 0)}
    assert found.otherwise == {tmp_path / "a": 0, tmp_path / "b": len(plan.removals)}
    assert main(["merge", str(tmp_path / "b"), str(tmp_path / "a"), "--out", str(tmp_path / "turned")]) == 0
    assert f"skipped 1 explanations from {tmp_path / 'a'}: " in capsys.readouterr().err  # as the remedy says
    assert {row.target for row in read(tmp_path / "turned")} == {1}


def test_what_does_not_belong_together_is_refused_and_nothing_is_written(plan: Plan, tmp_path: Path) -> None:
    run(plan, tmp_path / "a")
    run(replace(plan, seed=1), tmp_path / "b")
    with pytest.raises(OutputError, match=r"b and .*a do not belong together: another seed \(1 and 0\)"):
        merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert not (tmp_path / "all").exists()
    merge([tmp_path / "b"], tmp_path / "others")
    with pytest.raises(OutputError, match="others do not belong together"):
        merge([tmp_path / "a"], tmp_path / "others")
    with pytest.raises(ParameterError, match="is one of the folders"):
        merge([tmp_path / "a"], tmp_path / "a")
    with pytest.raises(ParameterError, match="no results to merge"):
        merge([], tmp_path / "a")


def test_the_command_reports_what_came_together(plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(replace(plan, photos=plan.photos[:1]), tmp_path / "a")
    assert main(["merge", str(tmp_path / "a"), "--out", str(tmp_path / "all")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"  results: {tmp_path / 'all'} (2 explanations)"
    assert (tmp_path / "all" / "report.html").is_file()
    assert main(["merge", str(tmp_path / "nowhere"), "--out", str(tmp_path / "all")]) == 2
    assert "holds no results.sqlite" in capsys.readouterr().err
