from __future__ import annotations

import typing
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import pytest
import torch

from unseen.errors import ParameterError
from unseen.system.arguments import (
    boolean,
    conform,
    conformed,
    integer,
    label_names,
    path,
    real,
    reals,
    several,
    text,
)

THREES = [3, np.int64(3), np.uint8(3), np.array(3), np.array([3]), torch.tensor(3), torch.tensor([[3]])]


@pytest.mark.parametrize("value", THREES, ids=repr)
def test_a_whole_number_of_any_kind_is_an_int(value: object) -> None:
    found = integer("target", value)
    assert (type(found), found) == (int, 3)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.5, "not 0.5"),
        (np.float32(0.5), "not a float32"),
        (True, "not True"),
        (np.bool_(True), "not a bool"),
        (torch.tensor(True), "not a Tensor"),
        ("3", "not '3'"),
        (None, "not None"),
        ([3], "not a list"),
        (np.array([3, 4]), r"not an ndarray of shape \(2,\)"),
        (torch.tensor([3, 4]), r"not a Tensor of shape \(2,\)"),
        (np.array([]), r"not an ndarray of shape \(0,\)"),
        (int, "not the class int"),
    ],
    ids=repr,
)
def test_what_is_no_whole_number_is_refused(value: object, said: str) -> None:
    with pytest.raises(ParameterError, match=f"target must be one whole number, {said}"):
        integer("target", value)


@pytest.mark.parametrize("value", [3.0, np.float64(3.0), torch.tensor(3.0)], ids=repr)
def test_a_whole_float_is_refused_and_the_remedy_works(value: Any) -> None:
    with pytest.raises(ParameterError, match=r"; give 3$"):
        integer("seed", value)
    assert integer("seed", int(value)) == 3


@pytest.mark.parametrize(
    "value", [0.5, np.float32(0.5), np.array([0.5]), torch.tensor(0.5), torch.tensor([0.5]).half()]
)
def test_a_number_of_any_kind_is_a_float(value: object) -> None:
    found = real("rate", value)
    assert (type(found), found) == (float, 0.5)
    assert reals("confidence", value) == (0.5,)


@pytest.mark.parametrize("value", ["0.5", True, None, [0.5], np.array([0.5, 1]), 1j], ids=repr)
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="rate must be one number, not"):
        real("rate", value)


@pytest.mark.parametrize(
    "value",
    [
        [0.5, 1],
        (0.5, 1.0),
        np.array([0.5, 1], np.float32),
        torch.tensor([0.5, 1]),
        iter([0.5, 1]),
        {0.5: 0, 1: 0}.keys(),
    ],
)
def test_several_numbers_of_any_kind_are_floats(value: object) -> None:
    assert reals("confidence", value) == (0.5, 1.0)


@pytest.mark.parametrize("value", ["0.5,0.9", {0.5: 1}, np.ones((2, 2)), ["0.5"], None, [None]], ids=repr)
def test_what_are_no_numbers_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="confidence must be one number"):
        reals("confidence", value)


@pytest.mark.parametrize("value", [True, np.bool_(True), np.array([True]), torch.tensor(True)], ids=repr)
def test_a_truth_value_of_any_kind_is_a_bool(value: object) -> None:
    assert boolean("controls", value) is True


@pytest.mark.parametrize("value", [1, 0, "true", None, np.array([True, False])], ids=repr)
def test_what_is_no_truth_value_is_refused(value: object) -> None:
    with pytest.raises(ParameterError, match="controls must be True or False, not"):
        boolean("controls", value)


def test_text_and_paths() -> None:
    assert type(text("model", np.str_("timm:resnet18"))) is str
    assert path("photo", "a/b.jpg") == path("photo", PurePosixPath("a/b.jpg")) == Path("a/b.jpg")
    for value in (3, None, b"a", ["a"]):
        with pytest.raises(ParameterError, match="must be"):
            text("model", value)
        with pytest.raises(ParameterError, match="must be a path"):
            path("photo", value)
    with pytest.raises(ParameterError, match="must be a path, not ''"):
        path("photo", "")


def test_text_is_one_thing_and_not_its_letters() -> None:
    assert several("methods", "causal") == ("causal",)
    assert several("methods", ["causal", "rise"]) == ("causal", "rise")
    assert several("methods", int) == (int,)
    with pytest.raises(ParameterError, match="methods must be one value or a list of them, not a dict"):
        several("methods", {"causal": 1})


# ---- labels ----------------------------------------------------------------------------------------------------------


NAMES = ("dog", "cow", "cat")


def kind(value: object) -> str:
    """The same name of a test in every process: what an address or the order of a set would change is left out."""
    return value if isinstance(value, str) else type(value).__name__


@pytest.mark.parametrize(
    "labels",
    [
        list(NAMES),
        iter(NAMES),
        np.array(NAMES),
        {2: "cat", 0: "dog", 1: "cow"},
        {np.int64(2): "cat", 0: np.str_("dog"), torch.tensor(1): "cow"},
        {"2": "cat", "0": "dog", "1": "cow"},
        OrderedDict(cat=2, dog=0, cow=1),
        {"cat": np.int64(2), "dog": torch.tensor(0), "cow": 1},
        {2: "cat", 0: "dog", 1: "cow"}.items().mapping,
    ],
    ids=kind,
)
def test_labels_come_in_the_order_of_their_indices(labels: Any) -> None:
    found = label_names(labels)
    assert found == NAMES
    assert {type(name) for name in found} == {str}


def test_two_classes_may_have_one_name() -> None:
    assert label_names(["crane", "crane"]) == label_names({0: "crane", 1: "crane"}) == ("crane", "crane")


def test_names_that_are_numbers_are_names_where_the_values_are_indices() -> None:
    assert label_names({"7": 1, "9": 0}) == ("9", "7")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("abcde", "the single text 'abcde'; give a list with one name per class"),
        (b"abc", "the single text"),
        (Path("labels.txt"), "'labels.txt'; give a list .* of a file its lines"),
        ({"cat", "dog"}, "a set has none"),
        (3, "must have the order of the logits, and 3 has none"),
        ([1, 2], "label of class 0 must be text, not 1"),
        (["cat", None], "label of class 1 must be text, not None"),
        ({0: "cat", 2: "dog"}, "2 classes, none of them of index 1"),
        ({1: "cat", 2: "dog"}, "2 classes, none of them of index 0"),
        ({-1: "cat", 0: "dog"}, "none of them of index 1"),
        ({"cat": 0, "dog": 0}, "class 0 twice, 'cat' and 'dog'"),
        ({0: "cat", "0": "dog"}, "class 0 twice"),
        ({0: "cat", 1: 7}, "labels map 1 to 7"),
        ({0.5: "cat"}, "labels map 0.5 to 'cat'"),
        ({True: "cat", 0: "dog"}, "labels map True to 'cat'"),
        ({"cat": "dog"}, r"labels map 'cat' to 'dog'; give {index: name} or {name: index}"),
    ],
    ids=kind,
)
def test_labels_without_an_order_are_refused(labels: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        label_names(labels)


def test_the_remedies_for_refused_labels_work(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("cat\ndog\n")
    with pytest.raises(ParameterError, match="of a file its lines"):
        label_names(file)
    assert label_names(file.read_text().splitlines()) == ("cat", "dog")
    with pytest.raises(ParameterError, match="give every index from 0 on one name"):
        label_names({0: "cat", 2: "dog"})
    assert label_names({0: "cat", 1: "unused", 2: "dog"}) == ("cat", "unused", "dog")


# ---- options of dataclasses ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    count: int = 3
    rate: float = 0.5
    on: bool = False
    name: str = "a"
    kind: Literal["a", "b"] = "a"
    limit: int | None = None
    folder: Path | None = None
    shares: tuple[float, ...] = (0.1, 0.9)
    names: tuple[str, ...] = ("x",)
    size: tuple[int, int] = (2, 3)
    resize: int | tuple[int, int] | None = None
    other: Any = None


@dataclass(frozen=True)
class Conforming(Options):
    def __post_init__(self) -> None:
        conform(self)


GIVEN: list[tuple[str, Any, Any]] = [
    ("count", np.int32(5), 5),
    ("rate", np.float32(0.25), 0.25),
    ("rate", torch.tensor([0.25]), 0.25),
    ("on", np.bool_(True), True),
    ("name", np.str_("b"), "b"),
    ("kind", np.str_("b"), "b"),
    ("limit", torch.tensor(7), 7),
    ("folder", "there", Path("there")),
    ("shares", 0.5, (0.5,)),
    ("shares", np.array([0.25, 0.5]), (0.25, 0.5)),
    ("names", "one", ("one",)),
    ("names", ["one", "two"], ("one", "two")),
    ("size", torch.Size([4, 5]), (4, 5)),
    ("size", [np.int64(4), 5], (4, 5)),
    ("resize", np.int64(8), 8),
    ("resize", [8, np.int64(9)], (8, 9)),
]


@pytest.mark.parametrize(("name", "value", "expected"), GIVEN, ids=str)
@pytest.mark.usefixtures("unchecked_types")
def test_options_get_their_declared_types(name: str, value: Any, expected: Any) -> None:
    given = Options(**{name: value})
    for found in (conformed(given), Conforming(**{name: value})):
        kept = getattr(found, name)
        assert (type(kept), kept) == (type(expected), expected)
        assert type(kept) is not tuple or {type(one) for one in kept} <= {int, float, str}
    assert getattr(given, name) is value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count", 2.5),
        ("count", "many"),
        ("rate", "fast"),
        ("on", 1),
        ("name", 3),
        ("kind", 3.5),
        ("limit", 1.5),
        ("folder", 3),
        ("shares", "0.5"),
        ("shares", ["0.5"]),
        ("names", [1]),
        ("names", {"a": 1}),
        ("size", ["2", 3]),
        ("resize", 8.5),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_options_of_other_types_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        Conforming(**{name: value})
    with pytest.raises(ParameterError, match=f"^{name} must be"):
        conformed(Options(**{name: value}))


def test_what_conforms_stays_the_same_object() -> None:
    marker = object()
    given = Options(limit=3, other=marker, rate=1)
    assert conformed(given) is given
    assert (given.other, given.rate) == (marker, 1)
    assert conformed(marker) is marker
    assert conformed(Options) is Options


def test_types_that_only_a_checker_knows_are_left_alone() -> None:
    @dataclass
    class Foreign:
        here: typing.TYPE_CHECKING = 1  # type: ignore[valid-type]
        there: Unknown = 2  # type: ignore[name-defined]

    found = Foreign()
    assert conformed(found) is found
