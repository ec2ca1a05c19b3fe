from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from unseen.errors import OutputError
from unseen.evaluation.judging.ledger import FILE, JudgedPart, Ledger, Measurement, Outcome, read
from unseen.evaluation.judging.plan import Plan

PLAN = Plan((Path("one.jpg"),))


def opened(folder: Path, plan: Plan = PLAN, fingerprint: str = "abc") -> Ledger:
    return Ledger(folder, plan, fingerprint)


def outcome(**changes: Any) -> Outcome:
    mask = torch.rand(13, 17, generator=torch.Generator().manual_seed(0)) > 0.5
    measured = {"size": Measurement(0.25), "robustness-colours": Measurement(0.3, 10, 3, 10)}
    parts = [
        JudgedPart(0.5, mask, True, "", measured),
        JudgedPart(0.9, None, False, "no part", {"size": Measurement(None, reason="no part")}),
    ]
    values: dict[str, Any] = {"target": 3, "label": "cat", "probability": 0.9, "evaluations": 100, "seconds": 2.0}
    return Outcome("one.jpg", "causal", "ad", **{**values, "parts": parts, **changes})


def test_an_outcome_reads_back_as_it_was(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.write(outcome())
    ledger.close()
    found = opened(tmp_path).outcome("one.jpg", "causal", "ad")
    assert found is not None
    expected = outcome()
    assert (found.target, found.label, found.probability, found.evaluations) == (3, "cat", 0.9, 100)
    assert found.parts[0].mask is not None
    assert expected.parts[0].mask is not None
    assert torch.equal(found.parts[0].mask, expected.parts[0].mask)
    assert [part.measurements for part in found.parts] == [part.measurements for part in expected.parts]
    assert (found.parts[1].mask, found.parts[1].reason) == (None, "no part")


def test_rows_tell_values_and_reasons(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.write(outcome())
    ledger.write(Outcome("two.jpg", "causal", "ad", "it is damaged"))
    rows = ledger.rows()
    found = {(row.photo, row.metric, row.confidence): row for row in rows}
    assert len(found) == len(rows) == 7
    assert found["one.jpg", "evaluations", None].value == 100
    assert (found["one.jpg", "robustness-colours", 0.5].value, found["one.jpg", "robustness-colours", 0.5].n) == (
        0.3,
        10,
    )
    assert (found["one.jpg", "size", 0.9].value, found["one.jpg", "size", 0.9].detail) == (None, "no part")
    assert (found["two.jpg", "seconds", None].value, found["two.jpg", "seconds", None].detail) == (
        None,
        "it is damaged",
    )


def test_an_outcome_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.write(outcome())
    ledger.write(outcome(evaluations=7, parts=[]))
    assert [row.value for row in ledger.rows()] == [7, 2.0]


def test_the_tables_can_be_queried(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.write(outcome())
    ledger.close()
    query = "SELECT avg(value) FROM measurements WHERE metric = 'size' AND confidence = 0.5"
    assert sqlite3.connect(tmp_path / FILE).execute(query).fetchone() == (0.25,)


@pytest.mark.parametrize(
    ("plan", "fingerprint", "said"),
    [
        (Plan((Path("one.jpg"),), seed=1), "abc", "another seed"),
        (Plan((Path("one.jpg"),), confidence=(0.5,)), "abc", "other confidence thresholds"),
        (PLAN, "other weights", "other weights of the model"),
    ],
)
def test_results_of_another_plan_are_not_mixed_in(tmp_path: Path, plan: Plan, fingerprint: str, said: str) -> None:
    opened(tmp_path).write(outcome())
    with pytest.raises(OutputError, match=f"{said}.*choose another --out"):
        opened(tmp_path, plan, fingerprint)
    assert opened(tmp_path).outcome("one.jpg", "causal", "ad") is not None


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be read as one" * 30, b"SQLite format 3\0"]
)
def test_a_foreign_or_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(OutputError, match="move it away"):
        opened(tmp_path)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / FILE).execute("CREATE TABLE songs (name TEXT)").connection.commit()
    with pytest.raises(OutputError, match="no evaluation of unseen"):
        opened(tmp_path)


def test_a_place_where_no_folder_can_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="choose another folder"):
        opened(tmp_path / "file" / "out")


def test_rows_come_in_the_order_of_the_plan_and_those_of_earlier_plans_after_them(tmp_path: Path) -> None:
    """However they were written: with several workers that depends on timing."""
    plan = Plan(
        (Path("z.jpg"), Path("y.jpg")),
        methods=("saliency", "occlusion"),
        removals=("zero", "ad"),
        metrics=("insertion", "deletion"),
        controls=False,
    )
    earlier = replace(plan, photos=(Path("a.jpg"),), methods=("grad-cam",), removals=("black",), metrics=("deletion",))
    ledger = opened(tmp_path, earlier)
    ledger.write(Outcome("a.jpg", "grad-cam", "black", measurements={"deletion": Measurement(1.0)}))
    ledger.close()
    ledger = opened(tmp_path, plan)
    units = [(photo.name, m, r) for photo in plan.photos for m in plan.methods for r in plan.removals]
    measured = {"complexity": Measurement(3.0), "deletion": Measurement(1.0), "insertion": Measurement(2.0)}
    for unit in reversed(units):
        ledger.write(Outcome(*unit, measurements=measured))
    expected = [(*unit, m) for unit in units for m in ("evaluations", "seconds", "insertion", "deletion", "complexity")]
    expected += [("a.jpg", "grad-cam", "black", m) for m in ("evaluations", "seconds", "deletion")]
    assert [(row.photo, row.method, row.removal, row.metric) for row in ledger.rows()] == expected
    assert read(tmp_path) == ledger.rows()


def test_what_a_plan_does_not_use_does_not_set_it_apart(tmp_path: Path) -> None:
    maps = replace(PLAN, metrics=("insertion",))
    opened(tmp_path, maps).write(Outcome("one.jpg", "causal", "ad"))
    opened(tmp_path, replace(maps, confidence=(0.2,), contexts=(Path("other.jpg"),)))
    opened(tmp_path, PLAN)  # from now on γ and contexts are those of this plan
    opened(tmp_path, maps)
    for other in (replace(PLAN, confidence=(0.2,)), replace(PLAN, contexts=(Path("other.jpg"),))):
        with pytest.raises(OutputError, match="choose another --out"):
            opened(tmp_path, other)


def test_failures_alone_do_not_bind_the_folder_to_their_plan(tmp_path: Path) -> None:
    opened(tmp_path, replace(PLAN, photos=(Path("typo.jpg"),), seed=4)).write(
        Outcome("typo.jpg", "causal", "ad", "gone")
    )
    ledger = opened(tmp_path)
    assert ledger.rows() == []
    ledger.write(outcome())
    with pytest.raises(OutputError, match="another seed"):
        opened(tmp_path, replace(PLAN, seed=4))


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"holds no results\.sqlite; name the folder"):
        read(tmp_path)
    (tmp_path / FILE).write_bytes(b"not a database at all, but long enough to be read as one" * 30)
    with pytest.raises(OutputError, match="is damaged"):
        read(tmp_path)
