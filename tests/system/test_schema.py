from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen.system.schema import DEEPEST, MalformedError, checked, parse_json, read_json


class Head(TypedDict):
    format: str


class Record(Head, total=False):
    count: int | None
    sizes: tuple[float, ...]
    about: dict[str, list[str]]
    role: Literal["one", "two"]


@dataclass(frozen=True)
class Row:
    name: str
    value: float
    pair: tuple[int, str] = (0, "")

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("value must not be negative")


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("3", int, 3),
        ("3", float, 3),
        ("null", int | None, None),
        ('{"format": "x", "sizes": [1, 2.5], "more": 1}', Record, {"format": "x", "sizes": (1, 2.5), "more": 1}),
        ('[{"name": "a", "value": 2, "pair": [1, "b"]}]', list[Row], [Row("a", 2, (1, "b"))]),
        ('{"a": {"b": []}}', dict[str, Any], {"a": {"b": []}}),
    ],
)
def test_what_fits_is_given(text: str, kind: Any, value: object) -> None:
    assert parse_json(text, kind) == value


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("true", int, "it is true or false, not an integer"),
        ("1.0", int, "it is a number, not an integer"),
        ("[]", dict[str, int], "it is a list, not an object"),
        ("{}", Record, "it lacks 'format'"),
        ('{"format": 1}', Record, "format is an integer, not text"),
        ('{"format": "", "count": "1"}', Record, "count is text, not an integer or null"),
        ('{"format": "", "about": {"a": ["", 1]}}', Record, "about.a[1] is an integer, not text"),
        ('{"format": "", "role": "three"}', Record, "role is 'three', not one of 'one', 'two'"),
        ('[{"name": "a"}]', list[Row], "[0] lacks 'value'"),
        ('[{"name": "a", "value": 1, "x": 1}]', list[Row], "[0] has an unknown 'x'"),
        ('[{"name": "a", "value": -1}]', list[Row], "[0] is refused: value must not be negative"),
        ('[{"name": "a", "value": 1, "pair": [1]}]', list[Row], "[0].pair has 1 values, not 2"),
        ("NaN", float, "NaN is no JSON number"),
        ("-Infinity", Any, "-Infinity is no JSON number"),
        ("1e999", Any, "1e999 is no finite number"),
        ("1" + "0" * 400, float, "it is too large a number"),
        ("9" * 5000, Any, "no JSON"),
        ("{", Any, "no JSON"),
        ("", Any, "no JSON"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), Any, "nested deeper than 100 levels"),
        ("[" * 100_000, Any, "nested deeper than 100 levels"),
        (b"\xff\xfe", Any, "no UTF-8 text at byte 0"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(text: str | bytes, kind: Any, said: str) -> None:
    with pytest.raises(MalformedError) as refused:
        parse_json(text, kind)
    assert said in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from([Record, Row, list[Row], dict[str, int], int | str | None, tuple[int, ...]]))
def test_any_data_fits_or_is_refused_and_nothing_else_happens(value: Any, kind: Any) -> None:
    try:
        checked(value, kind)
    except MalformedError:
        return
    checked(json.loads(json.dumps(value)), kind)


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"format": "ü"}', encoding="utf-8")
    assert read_json(tmp_path / "a.json", Head) == {"format": "ü"}
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "b.json", Head)


class Postponed(TypedDict):
    format: str
    finished: NotRequired[bool]


def test_what_is_not_required_may_be_lacking_where_annotations_are_postponed() -> None:
    assert checked({"format": "x"}, Postponed) == {"format": "x"}
    with pytest.raises(MalformedError, match="lacks 'format'"):
        checked({"finished": True}, Postponed)
    with pytest.raises(MalformedError, match="finished"):
        checked({"format": "x", "finished": 3}, Postponed)
