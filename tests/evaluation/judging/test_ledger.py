from __future__ import annotations

import contextlib
import shutil
import sqlite3
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unseen.errors import OutputError
from unseen.evaluation.judging.ledger import FILE, Ledger, read
from unseen.evaluation.judging.outcomes import JudgedPart, Measurement, Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.subject import Subject

PLAN = Plan((Path("one.jpg"),))


def subject(name: str) -> Subject:
    """A file that is not there: its path stands for it."""
    return Subject.of(Path(name))


def opened(folder: Path, plan: Plan = PLAN, fingerprint: str = "abc", **changes: Any) -> Ledger:
    identity = {
        "fingerprint": fingerprint,
        "confidence": list(plan.confidence) if plan.of_parts else None,
        "contexts": [path.name for path in plan.contexts] if plan.plants else None,
        "annotations": None,
        "seed": plan.seed,
        "files": {},
    }
    return Ledger(folder, plan, {**identity, **changes})


def outcome(**changes: Any) -> Outcome:
    mask = torch.rand(13, 17, generator=torch.Generator().manual_seed(0)) > 0.5
    measured = {"size": Measurement(0.25), "robustness-colours": Measurement(0.3, 10, 3, 10)}
    parts = [
        JudgedPart(0.5, mask, True, "", measured),
        JudgedPart(0.9, None, False, "no part", {"size": Measurement(None, reason="no part")}),
    ]
    values: dict[str, Any] = {"target": 3, "label": "cat", "probability": 0.9, "evaluations": 100, "seconds": 2.0}
    values |= {"notes": ("first\nline", "second"), "engine": "ad: onnxruntime"}
    unit = {"subject": subject("one.jpg"), "method": "causal", "removal": "ad"}
    return Outcome(**{**unit, **values, "parts": parts, **changes})


def test_an_outcome_reads_back_as_it_was(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.write(outcome())
    ledger.close()
    found = opened(tmp_path).outcome(subject("one.jpg"), "causal", "ad")
    assert found is not None
    expected = outcome()
    assert (found.target, found.label, found.probability, found.evaluations) == (3, "cat", 0.9, 100)
    assert (found.notes, found.engine) == (("first\nline", "second"), "ad: onnxruntime")
    assert found.parts[0].mask is not None
    assert expected.parts[0].mask is not None
    assert torch.equal(found.parts[0].mask, expected.parts[0].mask)
    assert [part.measurements for part in found.parts] == [part.measurements for part in expected.parts]
    assert (found.parts[1].mask, found.parts[1].reason) == (None, "no part")


def test_rows_tell_values_and_reasons(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.write(outcome())
    ledger.write(Outcome(subject("two.jpg"), "causal", "ad", "it is damaged"))
    rows = read(tmp_path)
    found = {(row.photo, row.metric, row.confidence): row for row in rows}
    assert len(found) == len(rows) == 7
    assert found["one.jpg", "evaluations", None].value == 100
    assert found["one.jpg", "evaluations", None].detail == "first line\nsecond"
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
    assert [row.value for row in read(tmp_path)] == [7, 2.0]


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
    assert opened(tmp_path).outcome(subject("one.jpg"), "causal", "ad") is not None


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
    ledger.write(Outcome(subject("a.jpg"), "grad-cam", "black", measurements={"deletion": Measurement(1.0)}))
    ledger.close()
    ledger = opened(tmp_path, plan)
    units = [(photo.name, m, r) for photo in plan.photos for m in plan.methods for r in plan.removals]
    measured = {"complexity": Measurement(3.0), "deletion": Measurement(1.0), "insertion": Measurement(2.0)}
    for unit in reversed(units):
        ledger.write(Outcome(subject(unit[0]), *unit[1:], measurements=measured))
    expected = [(*unit, m) for unit in units for m in ("evaluations", "seconds", "insertion", "deletion", "complexity")]
    expected += [("a.jpg", "grad-cam", "black", m) for m in ("evaluations", "seconds", "deletion")]
    assert [(row.photo, row.method, row.removal, row.metric) for row in read(tmp_path)] == expected


def test_what_a_plan_does_not_use_does_not_set_it_apart(tmp_path: Path) -> None:
    maps = replace(PLAN, metrics=("insertion",))
    opened(tmp_path, maps).write(Outcome(subject("one.jpg"), "causal", "ad"))
    opened(tmp_path, replace(maps, confidence=(0.2,), contexts=(Path("other.jpg"),)))
    opened(tmp_path, PLAN)  # from now on γ and contexts are those of this plan
    opened(tmp_path, maps)
    for other in (replace(PLAN, confidence=(0.2,)), replace(PLAN, contexts=(Path("other.jpg"),))):
        with pytest.raises(OutputError, match="choose another --out"):
            opened(tmp_path, other)


def test_failures_alone_do_not_bind_the_folder_to_their_plan(tmp_path: Path) -> None:
    opened(tmp_path, replace(PLAN, photos=(Path("typo.jpg"),), seed=4)).write(
        Outcome(subject("typo.jpg"), "causal", "ad", "gone")
    )
    ledger = opened(tmp_path)
    assert read(tmp_path) == []
    ledger.write(outcome())
    with pytest.raises(OutputError, match="another seed"):
        opened(tmp_path, replace(PLAN, seed=4))


def test_a_folder_without_results_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"holds no results\.sqlite; name the folder"):
        read(tmp_path)
    (tmp_path / FILE).write_bytes(b"not a database at all, but long enough to be read as one" * 30)
    with pytest.raises(OutputError, match="is damaged"):
        read(tmp_path)


# ---- identity ---------------------------------------------------------------------------------------------------


def test_two_evaluations_that_were_started_together_do_not_mix(tmp_path: Path) -> None:
    """Neither has a result yet, so the second takes the folder; the first must notice when it writes."""
    first, second = opened(tmp_path), opened(tmp_path, replace(PLAN, seed=1))
    with pytest.raises(OutputError, match=r"another seed \(1, now 0\); choose another --out"):
        first.write(outcome())
    second.write(outcome())
    for stale in (lambda: first.write(outcome()), first.check):
        with pytest.raises(OutputError, match="another seed"):
            stale()
    assert {row.photo for row in read(tmp_path)} == {"one.jpg"}


def test_two_evaluations_that_agree_share_a_folder(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path, replace(PLAN, methods=("rise",)))
    first.write(outcome())
    second.write(outcome(method="rise"))
    assert {row.method for row in read(tmp_path)} == {"causal", "rise"}


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"preprocessing": "a"}, {"preprocessing": "b"}, "another preprocessing of the model"),
        ({"labels": "a"}, {"labels": None}, "other labels"),
        ({"annotations": "a"}, {"annotations": "b"}, "other annotations"),
        ({"files": {"mae:x": "1"}}, {"files": {"mae:x": "2"}}, "another content of the files that mae:x names"),
    ],
)
def test_what_results_follow_from_is_compared(
    tmp_path: Path, before: dict[str, Any], now: dict[str, Any], said: str
) -> None:
    opened(tmp_path, **before).write(outcome())
    with pytest.raises(OutputError, match=said):
        opened(tmp_path, **now)


def test_files_that_only_one_plan_names_do_not_set_plans_apart(tmp_path: Path) -> None:
    opened(tmp_path, files={"mae:x": "1"}).write(outcome())
    opened(tmp_path, files={"mae:y": "2"})
    with pytest.raises(OutputError, match="mae:x names"):
        opened(tmp_path, files={"mae:x": "3", "mae:y": "2"})


def test_photographs_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    subjects = []
    for number in range(3):
        path = tmp_path / str(number) / "001.jpg"
        path.parent.mkdir()
        path.write_bytes(bytes([number]))
        subjects.append(Subject.of(path))
    ledger = opened(tmp_path / "out", replace(PLAN, photos=tuple(one.path for one in subjects)))
    for number, one in enumerate(subjects):
        ledger.write(Outcome(one, "causal", "ad", evaluations=number))
    found = [(row.photo, row.digest, row.value) for row in read(tmp_path / "out") if row.metric == "evaluations"]
    assert found == [("001.jpg", one.digest, number) for number, one in enumerate(subjects)]


def test_the_failure_of_a_file_that_was_replaced_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    plan = replace(PLAN, photos=(path,))
    ledger = opened(tmp_path)
    ledger.write(outcome())
    ledger.write(Outcome(Subject.of(path), "causal", "ad", "it is not there"))
    path.write_bytes(b"1")
    opened(tmp_path, plan)
    assert {row.photo for row in read(tmp_path)} == {"one.jpg"}


# ---- damage -----------------------------------------------------------------------------------------------------


def used(folder: Path) -> None:
    ledger = opened(folder)
    ledger.outcome(subject("one.jpg"), "causal", "ad")
    ledger.check()
    ledger.write(outcome())
    ledger.close()
    read(folder)


def ruined(folder: Path) -> None:
    """Whatever the file holds now, it is used or refused."""
    with contextlib.suppress(OutputError):
        used(folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    ledger = opened(folder)
    ledger.write(outcome())
    ledger.write(Outcome(subject("two.jpg"), "causal", "ad", "it is damaged"))
    ledger.close()
    return (folder / FILE).read_bytes()


@settings(max_examples=150)
@given(st.data())
def test_a_file_of_which_bytes_changed_is_used_or_refused(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 30))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    (folder / FILE).write_bytes(
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    ruined(folder)


ODD = [
    None,
    -1,
    2**62,
    1e308,
    "text",
    "",
    "\udce9".encode(errors="surrogateescape"),
    b"\xff\x00",
    b"",
    '{"a": ',
    "[[[[",
    "[]",
    "{}",
]
COLUMNS = [
    (table, column)
    for table, columns in {
        "about": "key value",
        "explanations": "digest method removal photo path reason target label probability evaluations seconds notes",
        "parts": "digest confidence reason verified space mask",
        "measurements": "digest confidence metric value n hits asked reason",
    }.items()
    for column in columns.split()
]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_values_of_odd_types_are_used_or_refused(whole: bytes, tmp_path: Path, table: str, column: str) -> None:
    for value in ODD:
        (tmp_path / FILE).write_bytes(whole)
        database = sqlite3.connect(tmp_path / FILE)
        with contextlib.suppress(sqlite3.IntegrityError), database:
            database.execute(f"UPDATE {table} SET {column} = ?", (value,))
        database.close()
        ruined(tmp_path)


@pytest.mark.parametrize("table", ["about", "explanations", "parts", "measurements"])
def test_a_table_that_is_gone_is_told(whole: bytes, tmp_path: Path, table: str) -> None:
    (tmp_path / FILE).write_bytes(whole)
    database = sqlite3.connect(tmp_path / FILE)
    database.execute(f"DROP TABLE {table}")
    database.close()
    with pytest.raises(OutputError, match=r"is no evaluation of unseen or is damaged \(no such table"):
        used(tmp_path)


def test_a_mask_that_would_fill_the_memory_is_refused(whole: bytes, tmp_path: Path) -> None:
    for space, mask in ((f"{2**33}", None), ("13x17", zlib.compress(bytes(10**7))), ("-1x-1", b""), ("1x1x1x1", b"")):
        (tmp_path / FILE).write_bytes(whole)
        database = sqlite3.connect(tmp_path / FILE)
        with database:
            database.execute("UPDATE parts SET space = ? WHERE mask IS NOT NULL", (space,))
            if mask is not None:
                database.execute("UPDATE parts SET mask = ? WHERE mask IS NOT NULL", (mask,))
        database.close()
        with pytest.raises(OutputError, match=r"is damaged \(a (mask|map) of"):
            used(tmp_path)


# ---- what else can go wrong ------------------------------------------------------------------------------------


def test_a_full_disk_is_no_damage(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.write(outcome())
    ledger._database.execute(f"PRAGMA max_page_count = {ledger._database.execute('PRAGMA page_count').fetchone()[0]}")
    large = torch.rand(1000, 1000, generator=torch.Generator().manual_seed(0)) > 0.5
    with pytest.raises(OutputError, match="is full; free some space and start the same command again"):
        ledger.write(outcome(parts=[JudgedPart(0.5, large)]))
    ledger.close()
    opened(tmp_path).write(outcome())  # as it says, it goes on


def test_a_folder_that_was_deleted_is_told(tmp_path: Path) -> None:
    ledger = opened(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(OutputError, match=r"was deleted or moved while it was in use, and results\.sqlite with it"):
        ledger.write(outcome())


def test_another_writer_is_waited_for_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path).close()
    monkeypatch.setattr("unseen.evaluation.judging.ledger.PATIENCE", 0.1)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutputError, match="is in use by another process; wait for it"):
        opened(tmp_path)
    other.execute("COMMIT")
    opened(tmp_path)
