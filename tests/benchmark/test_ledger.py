from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import torch

from unseen.benchmark.ledger import FILE, JudgedPart, Ledger, Measurement, Outcome
from unseen.benchmark.plan import Plan
from unseen.errors import OutputError

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
        (Plan((Path("one.jpg"),), confidence=(0.5,)), "abc", "another confidence"),
        (PLAN, "other weights", "another fingerprint"),
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
