from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from unseen.errors import OutputError
from unseen.evaluation.retraining.journal import Journal
from unseen.evaluation.retraining.trainer import Accuracy

ROWS = [Accuracy("saliency", 0.5, number, "photographs", 0.75, 1.0) for number in range(3)]
IDENTITY = {"seed": 0, "training": {"epochs": 3}}


def journal(path: Path | None, **changes: Any) -> Journal[Accuracy]:
    return Journal(path, {**IDENTITY, **changes}, Accuracy)


def test_runs_that_write_into_one_file_keep_each_others_rows(tmp_path: Path) -> None:
    one, other = journal(tmp_path / "roar.json"), journal(tmp_path / "roar.json")
    one.add(ROWS[:1])
    other.add(ROWS[1:2])
    one.add(ROWS[2:])
    other.add([Accuracy("saliency", 0.5, 2, "photographs", 0.75, 9.0)])  # both measured it
    assert len(other.rows) == 3
    assert {row.key() for row in journal(tmp_path / "roar.json").rows} == {row.key() for row in ROWS}


def test_two_runs_that_were_started_together_do_not_mix(tmp_path: Path) -> None:
    one, other = journal(tmp_path / "roar.json"), journal(tmp_path / "roar.json", seed=1)
    one.add(ROWS[:1])
    with pytest.raises(OutputError, match=r"made with another seed \(0, now 1\); choose another --out"):
        other.add(ROWS[1:])
    assert journal(tmp_path / "roar.json").rows == ROWS[:1]


def test_in_memory_nothing_is_written() -> None:
    kept = journal(None)
    kept.add(ROWS)
    assert kept.rows == ROWS


ODD = [None, True, -1, 2**70, 1e300, "text", "", [], {}, [[]], {"a": 1}]


@pytest.mark.parametrize("seed", range(100))
def test_a_file_of_odd_types_is_used_or_refused(tmp_path: Path, seed: int) -> None:
    chance, path = random.Random(seed), tmp_path / "roar.json"
    record = {"identity": journal(None).identity, "rows": [asdict(row) for row in ROWS]}
    holder: Any = {"it": record}
    for _ in range(chance.randint(1, 6)):
        inside, key = holder, "it"
        while isinstance(inside[key], (dict, list)) and inside[key] and chance.random() < 0.8:
            inside = inside[key]
            key = chance.choice([*inside] if isinstance(inside, dict) else range(len(inside)))  # type: ignore[type-var]
    inside[key] = chance.choice(ODD)
    path.write_text(json.dumps(holder["it"]))
    try:
        found = journal(path)
    except OutputError:
        return
    assert all(isinstance(row, Accuracy) and row.key() for row in found.rows)


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 10**5, b'{"identity": ' + b"9" * 5000, b"null", b"{}"])
def test_no_text_is_a_traceback(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "roar.json").write_bytes(text)
    with pytest.raises(OutputError, match="is no record of retraining or is damaged"):
        journal(tmp_path / "roar.json")
