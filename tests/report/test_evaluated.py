from __future__ import annotations

import pytest

from unseen.evaluation.judging.outcomes import Row
from unseen.explanation.html import blocks
from unseen.report import evaluated
from unseen.report.evaluated import _Every, table_of
from unseen.system.table import Table


def test_columns_of_numbers_sort_as_numbers_also_below_zero_and_metrics_tell_their_weakness() -> None:
    rows = [["map", "ad", "grey"], ["rise", "-0.50 [-0.60, -0.40]", "–"], ["lime", "–", "0.20"]]
    table = table_of(Table("deletion (lower is better)", rows, "**Few** photographs."))
    assert [column.number for column in table.columns] == [False, True, True]
    assert table.note.startswith("Few photographs. Weakness: ")
    assert table_of(Table("Cost of a map", rows)).note == ""


def test_of_a_large_evaluation_the_page_shows_the_first_values(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row(f"{n}.png", "rise", "ad", "insertion", None, n / 10, digest=str(n)) for n in range(4)]
    assert (len(values(rows).rows), "unseen export" in values(rows).note) == (4, False)
    monkeypatch.setattr(evaluated, "_ROWS", 3)
    assert [row[0] for row in values(rows).rows] == ["0.png", "1.png", "2.png"]
    assert "The first 3 of 4 are shown; unseen export writes all." in values(rows).note


def values(rows: list[Row]) -> blocks.Table:
    every = _Every()
    assert [*every.watched(rows)] == rows
    return every.table(2)
