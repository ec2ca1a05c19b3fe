from __future__ import annotations

from unseen.report.evaluated import _table
from unseen.system.table import Table


def test_columns_of_numbers_sort_as_numbers_also_below_zero_and_metrics_tell_their_weakness() -> None:
    rows = [["map", "ad", "grey"], ["rise", "-0.50 [-0.60, -0.40]", "–"], ["lime", "–", "0.20"]]
    table = _table(Table("deletion (lower is better)", rows, "**Few** photographs."))
    assert [column.number for column in table.columns] == [False, True, True]
    assert table.note.startswith("Few photographs. Weakness: ")
    assert _table(Table("Cost of a map", rows)).note == ""
