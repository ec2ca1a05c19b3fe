from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, nan
from typing import Annotated, Any, Literal

import pytest

from unseen.errors import ParameterError
from unseen.system.options import Count, Meaning, Number, Options, Positive, Share, check, choices_of, declared, meaning

Colour = Annotated[Literal["red", "green"], Meaning("the colour of the light")]


@dataclass(frozen=True)
class Lamp(Options):
    colour: Colour = "red"
    bulbs: Annotated[int, Count("how many bulbs there are", 2)] = 3
    dimmed: Annotated[float | None, Share("the part of the light that is left", ends="(]")] = None
    watts: Annotated[float, Positive("the power of a bulb")] = 5.0
    angle: Annotated[float, Number("the direction, in degrees", -90, 90, "[)")] = 0.0
    widths: Annotated[tuple[float, ...], Share("the widths of the slits")] = (0.5, 1.0)
    plain: str = "nothing is said of it"


@pytest.mark.parametrize(
    "changed",
    [
        {"bulbs": 2},
        {"dimmed": None},
        {"dimmed": 1.0},
        {"watts": 1e-30},
        {"angle": -90},
        {"widths": ()},
        {"widths": (0.0, 1.0)},
        {"colour": "green"},
    ],
)
def test_what_is_in_the_range_is_taken(changed: dict[str, Any]) -> None:
    (name,) = changed
    assert getattr(Lamp(**changed), name) == changed[name]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"bulbs": 1}, "bulbs must be at least 2, got 1; it is how many bulbs there are"),
        ({"dimmed": 0.0}, "dimmed must be in (0, 1], got 0.0; it is the part of the light that is left"),
        ({"dimmed": 1.5}, "dimmed must be in (0, 1], got 1.5; it is the part of the light that is left"),
        ({"watts": 0.0}, "watts must be above 0, got 0.0; it is the power of a bulb"),
        ({"watts": nan}, "watts must be above 0, got nan; it is the power of a bulb"),
        ({"watts": inf}, "watts must be above 0 and finite, got inf; it is the power of a bulb"),
        ({"angle": 90}, "angle must be in [-90, 90), got 90; it is the direction, in degrees"),
        ({"widths": (0.5, 2.0)}, "widths must be in [0, 1], got 2.0; it is the widths of the slits"),
        ({"colour": "pink"}, "colour must be 'red' or 'green', got 'pink'"),
    ],
)
def test_what_is_not_is_refused_by_name_range_and_meaning(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Lamp(**changed)
    assert str(caught.value) == message
    with pytest.raises(ParameterError):
        replace(Lamp(), **changed)


def test_a_function_may_ask_for_the_same() -> None:
    check("colour", "red", Colour)
    check("colour", None, Colour | None)
    with pytest.raises(ParameterError, match="hue must be 'red' or 'green', got 'pink'"):
        check("hue", "pink", Colour | None)
    with pytest.raises(ParameterError, match="share must be in"):
        check("share", 2, Annotated[float, Share("a share")] | None)


def test_what_is_declared_can_be_read() -> None:
    kinds = declared(Lamp)
    assert [*kinds][:2] == ["colour", "bulbs"]
    said = meaning(kinds["bulbs"])
    assert said is not None
    assert (said.meaning, said.range) == ("how many bulbs there are", "at least 2")
    assert choices_of(kinds["colour"]) == ("red", "green")
    assert choices_of(kinds["bulbs"]) == ()
    assert meaning(kinds["plain"]) is None
    assert declared(str) == {}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Number("x"), "finite"),
        (Number("x", 0), "at least 0"),
        (Number("x", 0, ends="(]"), "above 0"),
        (Number("x", high=1), "at most 1"),
        (Number("x", high=1, ends="[)"), "below 1"),
        (Number("x", 0, 2**63 - 1), "in [0, 9223372036854775807]"),
        (Share("x", high=0.5), "in [0, 0.5]"),
        (Meaning("x"), ""),
    ],
)
def test_ranges_in_words(said: Meaning, expected: str) -> None:
    assert said.range == expected
