"""An option is declared once: its meaning and range stand in the annotation of a frozen dataclass's field.

``visible: Annotated[float, Share("the probability that a cell is shown", ends="()")] = 0.5`` is all that there is to
write. What is outside the range is refused when the object is made; ``unseen list … NAME`` and the API reference print
the meaning, the range and the default.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal

from unseen.errors import ParameterError
from unseen.system.arguments import conform


@dataclass(frozen=True)
class Meaning:
    """What an option is, where its type says all that it takes: a choice, a truth value, text.

    Attributes:
        meaning: completes the sentence "it is …".
    """

    meaning: str

    @property
    def range(self) -> str:
        """Completes the sentence "it must be …"; empty where the type says all."""
        return ""

    def holds(self, value: Any) -> bool:
        """Whether a value is in the range."""
        del value
        return True


@dataclass(frozen=True)
class Number(Meaning):
    """A finite number in a range; of several numbers each is.

    Attributes:
        meaning: completes the sentence "it is …".
        low: the lower end.
        high: the upper end.
        ends: which ends belong to the range, as in mathematics; an infinite one never does.
    """

    low: float = -math.inf
    high: float = math.inf
    ends: Literal["[]", "[)", "(]", "()"] = "[]"

    @property
    def range(self) -> str:
        """See :attr:`Meaning.range`."""
        if self.low > -math.inf and self.high < math.inf:
            return f"in {self.ends[0]}{self.low}, {self.high}{self.ends[1]}"
        if self.low > -math.inf:
            return f"{'at least' if self.ends[0] == '[' else 'above'} {self.low}"
        return f"{'at most' if self.ends[1] == ']' else 'below'} {self.high}" if self.high < math.inf else "finite"

    def holds(self, value: Any) -> bool:
        """See :meth:`Meaning.holds`."""
        above = value >= self.low if self.ends[0] == "[" else value > self.low
        below = value <= self.high if self.ends[1] == "]" else value < self.high
        return math.isfinite(value) and bool(above and below)


@dataclass(frozen=True)
class Count(Number):
    """A number of things, at least 1 unless ``low`` says otherwise."""

    low: float = 1


@dataclass(frozen=True)
class Share(Number):
    """A part of a whole, from 0 to 1."""

    low: float = 0
    high: float = 1


@dataclass(frozen=True)
class Positive(Number):
    """A number above 0."""

    low: float = 0
    ends: Literal["[]", "[)", "(]", "()"] = "()"


class Options:
    """Base of a frozen dataclass whose annotated fields are options: each is checked when the object is made.

    What no single field can tell, such as that one may not exceed another, a subclass refuses in its own
    ``__post_init__`` after calling this one.

    Example:
        >>> from dataclasses import dataclass
        >>> from typing import Annotated
        >>> from unseen.system.options import Options, Share
        >>> @dataclass(frozen=True)
        ... class Masks(Options):
        ...     visible: Annotated[float, Share("the probability that a cell is shown", ends="()")] = 0.5
        >>> Masks(visible=1.5)
        Traceback (most recent call last):
            ...
        unseen.errors.ParameterError: visible must be in (0, 1), got 1.5; it is the probability that a cell is shown
    """

    def __post_init__(self) -> None:
        conform(self)
        kinds: Mapping[str, Any] = declared(typing.cast(Any, type(self)))
        for name, kind in kinds.items():
            check(name, getattr(self, name), kind)


def check(name: str, value: object, kind: Any) -> None:
    """Refuse a value that a declared type does not take; for a function whose argument has one, such as ``Score``.

    Args:
        name: of the option, for the message.
        value: of the right type.
        kind: the annotation.

    Raises:
        ParameterError: a word that is no choice, or a number outside its range.
    """
    members = _members(kind)
    if value is None and NoneType in members:
        return
    said, choices = meaning(kind), choices_of(kind)
    for one in value if isinstance(value, tuple) else (value,):
        if choices and one not in choices:
            raise ParameterError(f"{name} must be {_either(choices)}, got {one!r}")
        if said and not said.holds(one):
            finite = " and finite" if one in (math.inf, -math.inf) and said.range != "finite" else ""
            raise ParameterError(f"{name} must be {said.range}{finite}, got {one}; it is {said.meaning}")


def meaning(kind: Any) -> Meaning | None:
    """What an annotation declares, if anything."""
    kinds = [kind, *typing.get_args(kind)] if _is_union(kind) else [kind]
    metadata = (one for kind in kinds if typing.get_origin(kind) is Annotated for one in typing.get_args(kind)[1:])
    return next((one for one in metadata if isinstance(one, Meaning)), None)


def choices_of(kind: Any) -> tuple[object, ...]:
    """The words of which an option is one, or several are; none where it is something else."""
    literals = [_element(member) for member in _members(kind) if member is not NoneType]
    return typing.get_args(literals[0]) if len(literals) == 1 and typing.get_origin(literals[0]) is Literal else ()


@cache
def declared(kind: Any) -> Mapping[str, Any]:
    """The annotation of each option of a dataclass, in the order of its fields; none for anything else."""
    if not dataclasses.is_dataclass(kind):
        return {}
    hints = typing.get_type_hints(kind, include_extras=True)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if f.init}


def _members(kind: Any) -> list[Any]:
    """The types that an annotation stands for, without what it says of them."""
    if typing.get_origin(kind) is Annotated:
        return _members(typing.get_args(kind)[0])
    return [one for member in typing.get_args(kind) for one in _members(member)] if _is_union(kind) else [kind]


def _element(kind: Any) -> Any:
    """What a tuple of any length holds; any other type itself."""
    held = typing.get_args(kind)
    return held[0] if typing.get_origin(kind) is tuple and held[-1:] == (Ellipsis,) else kind


def _is_union(kind: Any) -> bool:
    return typing.get_origin(kind) in (typing.Union, UnionType)


def _either(choices: tuple[object, ...]) -> str:
    *others, last = map(repr, choices)
    return f"{', '.join(others)} or {last}" if others else last
