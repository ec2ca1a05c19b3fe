from __future__ import annotations

from unseen.system.table import Table, aligned, markdown

ROWS = [["method", "size", "says"], ["rise", "12.5", "a lot"], ["grad-cam", "9", "less"]]


def test_columns_begin_or_end_at_the_same_place() -> None:
    assert aligned(ROWS, left=(0, -1)) == [
        "method    size  says",
        "rise      12.5  a lot",
        "grad-cam     9  less",
    ]
    assert aligned(ROWS)[1] == "rise      12.5  a lot"
    assert aligned(ROWS)[2] == "grad-cam     9   less"


def test_markdown_has_a_rule_below_its_head() -> None:
    assert markdown(ROWS[:2]) == "| method | size | says |\n| --- | --- | --- |\n| rise | 12.5 | a lot |"
    assert markdown(ROWS[:2], centred=True).splitlines()[1] == "| --- | :-: | :-: |"


def test_a_cell_cannot_break_its_line() -> None:
    assert len(markdown([["a"], ["b\nc\x1b[2J"]]).splitlines()) == 3
    assert len(Table("t", [["a", "b"], ["c\rd", "e"]]).as_text().splitlines()) == 3


def test_columns_that_do_not_fit_follow_below_beside_the_first_one() -> None:
    table = Table("Sizes", [["method", "1" * 20, "2" * 20, "3" * 20], ["rise", "a", "b", "c"]], "A note.")
    lines = table.as_text(60).splitlines()
    assert [line.split() for line in lines] == [
        ["Sizes"],
        ["method", "1" * 20, "2" * 20],
        ["rise", "a", "b"],
        ["method", "3" * 20],
        ["rise", "c"],
        ["A", "note."],
    ]
    assert table.as_markdown(60).count("\n| --- |") == 2
    assert table.as_markdown(60).startswith("### Sizes\n\n| method |")
