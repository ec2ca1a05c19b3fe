from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from unseen.cli import main
from unseen.errors import ModelError, OutputError
from unseen.evaluation.judging import exporting
from unseen.evaluation.judging.exporting import COLUMNS, export
from unseen.evaluation.judging.ledger import FILE, Ledger
from unseen.evaluation.judging.outcomes import JudgedPart, Measurement, Outcome
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.subject import Subject


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Three explanations, each with a value of the map, and one of a part."""
    ledger = Ledger(tmp_path / "results", Plan((Path("0.jpg"),)), {"seed": 0, "files": {}})
    for number in range(3):
        ledger.write(
            Outcome(
                Subject.of(Path(f"{number}.jpg")), "causal", "ad", "", 3, "cat", 0.9, 100 + number, 2.0,
                [JudgedPart(0.5, None, False, "", {"robustness-colours": Measurement(0.3, 10, 3, 10)})],
                {"insertion": Measurement(None, reason="no map")}, engine="torch",
            )
        )  # fmt: skip
    ledger.close()
    return tmp_path / "results"


def table(path: Path) -> dict[str, list[Any]]:
    parquet = pytest.importorskip("pyarrow.parquet")
    return dict(parquet.read_table(path).to_pydict())


def test_every_measurement_is_a_row_however_many_are_written_at_a_time(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert export(results, tmp_path / "new" / "all.parquet") == 6
    found = table(tmp_path / "new" / "all.parquet")
    assert list(found) == list(COLUMNS)
    assert found["photo"] == ["0.jpg", "0.jpg", "1.jpg", "1.jpg", "2.jpg", "2.jpg"]
    assert found["metric"] == ["robustness-colours", "insertion"] * 3
    assert found["confidence"] == [0.5, None] * 3
    assert found["value"] == [0.3, None] * 3
    assert found["reason"] == ["", "no map"] * 3
    assert found["engine"] == ["torch"] * 6
    assert found["evaluations"] == [100, 100, 101, 101, 102, 102]
    monkeypatch.setattr(exporting, "BATCH", 4)
    assert export(results, tmp_path / "again.parquet") == 6
    assert table(tmp_path / "again.parquet") == found


def test_what_is_not_there_or_damaged_is_told_and_no_file_is_left(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(OutputError, match=r"holds no results\.sqlite"):
        export(tmp_path, tmp_path / "all.parquet")
    with sqlite3.connect(results / FILE) as database:
        database.execute("UPDATE measurements SET value = 'much'")
    database.close()
    with pytest.raises(OutputError, match="is no evaluation of unseen or is damaged"):
        export(results, tmp_path / "all.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_without_pyarrow_the_extra_is_named(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModelError, match=r"pip install 'unseen\[parquet\]'"):
        export(results, tmp_path / "all.parquet")


def test_the_command_says_how_many_there_are(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow")
    assert main(["export", str(results), "--out", str(tmp_path / "all.parquet")]) == 0
    assert capsys.readouterr().out == f"  6 measurements: {tmp_path / 'all.parquet'}\n"
