"""Files of data from outside, held against a type: what does not fit is refused with the place where it does not.

A damaged or foreign file must never surface as a KeyError far away. Every JSON file that is read passes here, and so do
the rows of a database; what they must look like is said once, as a type:

* ``int``, ``float``, ``str``, ``bool``, ``None``, ``Any``, ``Literal`` and unions of them;
* ``list[T]``, ``tuple[T, ...]``, ``tuple[A, B]``, ``dict[str, T]``;
* a ``TypedDict`` (further keys are let through) or a dataclass (which is built, and has no further keys).

An integer stands for a float, a Boolean for neither, and numbers are finite.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

T = TypeVar("T")

DEEPEST = 100
"""Levels of nesting that a file may have."""

_NAMES: dict[object, str] = {
    int: "an integer",
    float: "a number",
    str: "text",
    bool: "true or false",
    types.NoneType: "null",
    list: "a list",
    tuple: "a list",
    dict: "an object",
}


class MalformedError(ValueError):
    """Data of another form than was asked for; the message names the place."""


def read_json(path: Path, kind: Any) -> Any:
    """The content of a JSON file as ``kind``.

    Raises:
        OSError: it cannot be opened.
        MalformedError: it is no JSON, or of another form.
    """
    return parse_json(path.read_bytes(), kind)


def parse_json(text: str | bytes, kind: Any) -> Any:
    """JSON as ``kind``.

    Raises:
        MalformedError: it is no JSON, or of another form.

    Example:
        >>> from unseen.system.schema import parse_json
        >>> parse_json('{"sizes": [1, 2]}', dict[str, list[int]])
        {'sizes': [1, 2]}
        >>> parse_json('{"sizes": [1, "2"]}', dict[str, list[int]])
        Traceback (most recent call last):
        unseen.system.schema.MalformedError: sizes[1] is text, not an integer
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(decoded, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise MalformedError(f"nested deeper than {DEEPEST} levels") from None
    except UnicodeDecodeError as error:
        raise MalformedError(f"no UTF-8 text at byte {error.start}") from None
    except MalformedError:
        raise
    except ValueError as error:
        raise MalformedError(f"no JSON: {error}") from None
    _check_depth(value)
    return checked(value, kind)


def checked(value: object, kind: Any, where: str = "") -> Any:
    """``value`` as ``kind``: lists become tuples and objects become dataclasses where the type says so.

    Args:
        value: what a parser gave.
        kind: a type of the forms above.
        where: its place, put in front of those of its parts.

    Raises:
        MalformedError: it is of another form.
    """
    if kind is Any:
        return value
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(value, typing.get_args(kind), where)
    if origin is Literal:
        choices = typing.get_args(kind)
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            raise MalformedError(f"{_place(where)} is {_short(value)}, not one of {', '.join(map(repr, choices))}")
        return value
    if origin is list:
        (item,) = typing.get_args(kind)
        return [checked(one, item, f"{where}[{i}]") for i, one in enumerate(_of(value, list, where))]
    if origin is tuple:
        return _tuple(value, typing.get_args(kind), where)
    if origin is dict:
        item = typing.get_args(kind)[1]
        return {key: checked(one, item, _inside(where, key)) for key, one in _of(value, dict, where).items()}
    if typing.is_typeddict(kind) or dataclasses.is_dataclass(kind):
        return _record(value, kind, where)
    return _plain(value, kind, where)


def _plain(value: object, kind: type, where: str) -> object:
    if kind is float and type(value) is int:
        if abs(value) > 2**1000:
            raise MalformedError(f"{_place(where)} is too large a number")
        return value
    if type(value) is not kind:
        raise MalformedError(f"{_place(where)} is {_form(value)}, not {_NAMES.get(kind, kind.__name__)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise MalformedError(f"{_place(where)} is {value}, not a finite number")
    return value


def _union(value: object, members: tuple[Any, ...], where: str) -> object:
    faults = []
    for member in members:
        try:
            return checked(value, member, where)
        except MalformedError as error:
            faults.append(str(error))
    if len({fault.partition(" is ")[0] for fault in faults}) > 1:  # the deepest place is the nearest miss
        raise MalformedError(max(faults, key=lambda fault: len(fault.partition(" is ")[0])))
    wanted = " or ".join(_NAMES.get(typing.get_origin(member) or member, "another value") for member in members)
    raise MalformedError(f"{_place(where)} is {_form(value)}, not {wanted}")


def _tuple(value: object, items: tuple[Any, ...], where: str) -> tuple[object, ...]:
    values: list[object] | tuple[object, ...] = value if isinstance(value, tuple) else _of(value, list, where)
    if len(items) == 2 and items[1] is ...:
        return tuple(checked(one, items[0], f"{where}[{i}]") for i, one in enumerate(values))
    if len(values) != len(items):
        raise MalformedError(f"{_place(where)} has {len(values)} values, not {len(items)}")
    return tuple(checked(one, item, f"{where}[{i}]") for i, (one, item) in enumerate(zip(values, items, strict=True)))


def _record(value: object, kind: Any, where: str) -> object:
    given = _of(value, dict, where)
    hints, needed = _fields(kind)
    missing = [name for name in hints if name in needed and name not in given]
    if missing:
        raise MalformedError(f"{_place(where)} lacks {', '.join(map(repr, missing))}")
    found = {name: checked(given[name], hint, _inside(where, name)) for name, hint in hints.items() if name in given}
    if typing.is_typeddict(kind):
        return {**given, **found}
    further = [name for name in given if name not in hints]
    if further:
        raise MalformedError(f"{_place(where)} has an unknown {further[0]!r}")
    try:
        return kind(**found)
    except (TypeError, ValueError) as error:
        raise MalformedError(f"{_place(where)} is refused: {error}") from None


@lru_cache(maxsize=64)
def _fields(kind: Any) -> tuple[dict[str, Any], frozenset[str]]:
    hints = typing.get_type_hints(kind)
    if typing.is_typeddict(kind):
        marked = typing.get_type_hints(kind, include_extras=True)  # __required_keys__ does not read postponed ones
        optional = {name for name, hint in marked.items() if typing.get_origin(hint) is typing.NotRequired}
        return hints, frozenset(kind.__required_keys__) - optional
    fields = [field for field in dataclasses.fields(kind) if field.init]
    needed = (f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING)
    return {field.name: hints[field.name] for field in fields}, frozenset(needed)


def _of(value: object, kind: type[T], where: str) -> T:
    if not isinstance(value, kind):
        raise MalformedError(f"{_place(where)} is {_form(value)}, not {_NAMES[kind]}")
    return value


def _form(value: object) -> str:
    return _NAMES.get(type(value), type(value).__name__)


def _place(where: str) -> str:
    shown = where or "it"
    return shown if len(shown) <= 120 else f"…{shown[-119:]}"


def _inside(where: str, key: str) -> str:
    shown = key if len(key) <= 40 else f"{key[:39]}…"
    return f"{where}.{shown}" if where else shown


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, (str, int, float, bool, types.NoneType)) else _form(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(DEEPEST):
        inner = [one for one in level if isinstance(one, (list, dict))]
        if not inner:
            return
        level = [part for one in inner for part in (one.values() if isinstance(one, dict) else one)]
    raise MalformedError(f"nested deeper than {DEEPEST} levels")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedError(f"{text[:20]} is no finite number")
    return number


def _no_number(text: str) -> float:
    raise MalformedError(f"{text} is no JSON number")
