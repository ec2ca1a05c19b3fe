from __future__ import annotations

from pathlib import Path

import pytest

from unseen.errors import OutputError
from unseen.evaluation.told import Told
from unseen.report import report_of
from unseen.system.table import Table

ROWS = [["method", "area"], ["rise", "0.5 [0.4, 0.6]"]]
TOLD = Told(
    "roar on digits",
    [("data", "digits")],
    ["rise: better than random."],
    [Table("Areas", ROWS, "Less is better.")],
    [("lime", "it is slow")],
    ["roar.png"],
    (("unseen", "1"),),
    "unseen retrain",
)


def test_several_metrics_make_one_report(tmp_path: Path) -> None:
    TOLD.save(tmp_path, "roar")
    other = Told(
        "kar on digits", TOLD.asked, ["rise: not told from random."], TOLD.tables, command="unseen retrain kar"
    )
    other.save(tmp_path, "kar")
    found = report_of(tmp_path)
    assert found.title == "kar on digits; roar on digits"
    assert [section.title for section in found.sections] == ["kar on digits", "roar on digits"]
    assert found.asked == [("data", "digits")]
    assert found.answer == ["rise: not told from random.", "rise: better than random."]
    assert found.command == "unseen retrain kar\nunseen retrain"
    assert [column.number for column in found.sections[0].tables[0].columns] == [False, True]
    assert found.failures == [("lime", "it is slow")]


@pytest.mark.parametrize("content", ["", "{}", '{"format": "unseen tables 2"}', "cells"])
def test_what_is_damaged_is_told(content: str, tmp_path: Path) -> None:
    path = TOLD.save(tmp_path, "roar")
    if content == "cells":
        content = path.read_text(encoding="utf-8").replace('"rise",', "")
    path.write_text(content, encoding="utf-8")
    with pytest.raises(OutputError, match=r"roar.tables.json is damaged or of another kind .*; make it again"):
        report_of(tmp_path)
