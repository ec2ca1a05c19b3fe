from __future__ import annotations

import unicodedata
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen.system.names import LONGEST, distinct_names, file_name, printable, with_article


@pytest.mark.parametrize(
    "name", ["cat", "café", "IMG_0001", "猫", "a b", "holiday.2024", "cat-2", "ad=pooled,fill=x", "👩‍🦰"]
)
def test_usual_names_stay(name: str) -> None:
    assert file_name(name).replace("_", "\u200d") == name.replace("_", "\u200d")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        ("   ", "_"),
        ("...", "_"),
        ("a/b", "a_b"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\cat", "C__cat"),
        ("cat\n\x1b[2J", "cat__[2J"),
        ("\u202egpj.tac", "_gpj.tac"),
        ("nul", "nul_"),
        ("COM1.tar", "COM1_.tar"),
        ("lpt³", "lpt³_"),
        ("con .x", "con _.x"),
        ("cat. ", "cat"),
        ("\udce9", "_"),
    ],
)
def test_unsafe_names_become_safe(text: str, name: str) -> None:
    assert file_name(text) == name


@given(st.text(st.characters(), max_size=300))
def test_any_text_names_one_file_inside_its_folder(text: str) -> None:
    name = file_name(text)
    assert 0 < len(name.encode()) <= LONGEST + 1
    assert Path("out", name).parent == Path("out")
    assert PureWindowsPath("out", name).parent == PureWindowsPath("out")
    assert name not in (".", "..")
    assert name == name.strip(". ")
    assert name.isprintable() or all(unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in name)
    assert file_name(name) == name


def test_a_name_of_any_length_can_be_made(tmp_path: Path) -> None:
    for text in ("a" * 5000, "é" * 400, "猫" * 200, "a" * 119 + ". ."):
        for name in distinct_names([text] * 3):
            (tmp_path / name).mkdir()
    assert len(list(tmp_path.iterdir())) == 12


@pytest.mark.parametrize(
    ("stems", "names"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a-2", "a-3"]),
        (["a", "a-2", "a"], ["a", "a-2", "a-3"]),
        (["a", "a", "a-2"], ["a", "a-2", "a-2-2"]),
        (["Cat", "cat"], ["Cat", "cat-2"]),
        (["..", "...", ""], ["_", "_-2", "_-3"]),
        (["e\u0301", "é"], ["é", "é-2"]),
    ],
)
def test_names_of_folders_are_distinct(stems: list[str], names: list[str]) -> None:
    assert distinct_names(stems) == names


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a usual γ × name", "a usual γ × name"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202eabc\u2028", "\\u202eabc\\u2028"),
        ("\udce9", "\\udce9"),
        ("no\xa0break", "no\xa0break"),
    ],
)
def test_what_commands_a_terminal_is_written_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_line_breaks_of_a_table_that_is_ready_pass() -> None:
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@pytest.mark.parametrize(
    "noun", ["an int", "a uint8", "an ndarray", "an Image", "a Tensor", "a unit", "an unusual type", "a user"]
)
def test_an_article_goes_by_the_sound(noun: str) -> None:
    assert with_article(noun.partition(" ")[2]) == noun
