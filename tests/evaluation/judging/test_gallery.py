from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from helpers import toys
from unseen.classifier.zoo import MODELS
from unseen.errors import OutputError
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.gallery import Selection, counted, judged, offered
from unseen.evaluation.judging.ledger import FILE
from unseen.evaluation.judging.merging import merge
from unseen.evaluation.judging.plan import Plan
from unseen.explainers.catalogue import METHODS
from unseen.report import evaluated, report_of


@pytest.fixture
def plan(bright_sides: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    asked = {"methods": ("toy",), "metrics": ("size", "insertion"), "confidence": (0.5,), "controls": False}
    return Plan(bright_sides, model="toy:sides", removals=("black", "grey"), device="cpu", **asked)  # type: ignore[arg-type]


@pytest.fixture
def folder(plan: Plan, tmp_path: Path) -> Path:
    run(plan, tmp_path / "results")
    return tmp_path / "results"


def test_some_are_shown_at_a_time_each_with_its_picture_part_and_values(folder: Path) -> None:
    every = judged(folder, Selection(), 0, 100)
    assert counted(folder, Selection()) == len(every) == 8
    assert [(one.photo, one.removal) for one in every] == [(f"{n}.png", r) for n in range(4) for r in ("black", "grey")]
    for start in (0, 3, 6):
        page = judged(folder, Selection(), start, 3)
        assert [(one.photo, one.removal) for one in page] == [
            (one.photo, one.removal) for one in every[start : start + 3]
        ]
    for number, one in enumerate(every):
        left = number // 2 % 2 == 0  # where the photograph is bright
        assert one.thumbnail is not None
        half = one.thumbnail.image.shape[2] // 2
        bright, dark = (one.thumbnail.image[..., s].mean() for s in (slice(0, half), slice(half, None)))
        assert (bright > dark) == left
        assert one.parts[0.5].float().mean() == 0.5
        assert {(metric, gamma) for metric, gamma, _ in one.values} == {("size", 0.5), ("insertion", None)}
        assert ("size", 0.5, 0.5) in one.values


def test_they_are_selected_and_sorted(folder: Path) -> None:
    found = offered(folder)
    assert (found.methods, found.removals, found.gammas) == (("toy",), ("black", "grey"), (0.5,))
    assert set(found.measures) == {("size", 0.5), ("insertion", None)}
    assert counted(folder, Selection("2.PNG")) == 2
    assert counted(folder, Selection(removals=("grey",), methods=("toy",))) == 4
    assert counted(folder, Selection("100 %' OR 1", methods=("x",))) == 0
    with sqlite3.connect(folder / FILE) as database:
        for number, value in enumerate((0.2, 0.9, None, 0.4)):
            where = "metric = 'insertion' AND digest IN (SELECT digest FROM explanations WHERE photo = ?)"
            database.execute(f"UPDATE measurements SET value = ? WHERE {where}", (value, f"{number}.png"))
    database.close()
    for worst, order in ((False, "1302"), (True, "0312")):
        chosen = Selection(removals=("black",), measure=("insertion", None), worst=worst)
        assert "".join(one.photo[0] for one in judged(folder, chosen, 0, 9)) == order


def test_the_report_shows_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, last = report_of(folder).sections
    assert (last.title, len(last.pictures)) == ("Every map", 8)
    assert last.words == [
        "The darker a place, the more it counts; each map has a scale of its own. The border is that of the part for "
        "γ = 0.5."
    ]
    assert last.pictures[0].caption.startswith("0.png: left; toy, hidden by black. ")
    assert "size 0.5" in last.pictures[0].caption
    monkeypatch.setattr(evaluated, "_JUDGED", 5)
    *_, last = report_of(folder).sections
    assert len(last.pictures) == 5
    assert last.words[-1] == "The first 5 of 8 are shown; unseen app --results shows all."


def test_they_are_merged_and_kept_when_more_is_measured(plan: Plan, folder: Path, tmp_path: Path) -> None:
    before = judged(folder, Selection(), 0, 9)
    run(replace(plan, metrics=("size", "insertion", "deletion")), folder)
    after = judged(folder, Selection(), 0, 9)
    assert [one.thumbnail for one in after] == [one.thumbnail for one in before]
    assert all(len(one.values) == 3 for one in after)
    merge([folder], tmp_path / "all")
    assert [one.thumbnail for one in judged(tmp_path / "all", Selection(), 0, 9)] == [one.thumbnail for one in before]


def test_what_an_older_version_wrote_has_none_and_is_continued(plan: Plan, folder: Path, tmp_path: Path) -> None:
    with sqlite3.connect(folder / FILE) as database:
        database.execute("DROP TABLE maps")
        database.execute("DROP TABLE photographs")
        database.execute("DELETE FROM explanations WHERE photo = '3.png'")
    database.close()
    assert [one.thumbnail for one in judged(folder, Selection(), 0, 9)] == [None] * 6
    merge([folder], tmp_path / "all")
    assert counted(tmp_path / "all", Selection()) == 6
    run(plan, folder)
    assert [one.thumbnail is not None for one in judged(folder, Selection(), 0, 9)] == [False] * 6 + [True] * 2


def test_what_is_damaged_is_told(folder: Path, tmp_path: Path) -> None:
    with sqlite3.connect(folder / FILE) as database:
        database.execute("UPDATE maps SET height = 'tall'")
    database.close()
    with pytest.raises(OutputError, match="damaged"):
        judged(folder, Selection(), 0, 1)
    with pytest.raises(OutputError, match="holds no"):
        offered(tmp_path)
