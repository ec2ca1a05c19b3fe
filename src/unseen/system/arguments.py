"""What a user hands in becomes plain Python at the door: NumPy's and torch's numbers, one value for several, mappings.

What cannot be understood is refused there, before any work, with the name of the argument and what to give instead.
"""

from __future__ import annotations

import copy
import dataclasses
import operator
import typing
from collections.abc import Iterable, Mapping
from functools import cache
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, SupportsFloat, SupportsIndex, TypeVar

from unseen.errors import ParameterError
from unseen.system.names import with_article

Integer = SupportsIndex
"""A whole number: Python's, NumPy's, or an array or tensor of one integer."""

Real = SupportsFloat
"""A number: Python's, NumPy's, or an array or tensor of one."""

Reals = Real | Iterable[Real]
"""A number, or several: a list, an array, a tensor."""

Labels = Iterable[str] | Mapping[Any, Any]
"""Names in the order of their indices, or ``{index: name}``, or ``{name: index}``."""

T = TypeVar("T")


def integer(name: str, value: object) -> int:
    """A whole number as an int.

    Args:
        name: of the argument, for the message.
        value: see :data:`Integer`.

    Raises:
        ParameterError: no whole number, a truth value among them.

    Example:
        >>> import numpy as np
        >>> from unseen.system.arguments import integer
        >>> integer("target", np.array([3]))
        3
    """
    plain = _scalar(value)
    if isinstance(plain, bool) or not hasattr(type(plain), "__index__"):
        whole = f"; give {int(plain)}" if isinstance(plain, float) and plain.is_integer() else ""
        raise ParameterError(f"{name} must be one whole number, not {_described(value)}{whole}")
    try:
        return operator.index(typing.cast(Any, plain))
    except TypeError:  # an array or tensor of several numbers
        raise ParameterError(f"{name} must be one whole number, not {_described(value)}") from None


def real(name: str, value: object) -> float:
    """A number as a float; an int stays an int.

    Raises:
        ParameterError: no number, a truth value or text among them.
    """
    plain = _scalar(value)
    if type(plain) in (int, float):
        return typing.cast(float, plain)
    if isinstance(plain, (bool, str, bytes)) or not hasattr(type(plain), "__float__"):
        raise ParameterError(f"{name} must be one number, not {_described(value)}")
    try:
        return float(typing.cast(Any, plain))
    except (TypeError, ValueError, RuntimeError):
        raise ParameterError(f"{name} must be one number, not {_described(value)}") from None


def reals(name: str, value: object) -> tuple[float, ...]:
    """One or several numbers as floats.

    Raises:
        ParameterError: anything else.

    Example:
        >>> from unseen.system.arguments import reals
        >>> reals("confidence", 0.5)
        (0.5,)
    """
    return tuple(real(name, one) for one in _several(name, value, "number"))


def boolean(name: str, value: object) -> bool:
    """A truth value as a bool.

    Raises:
        ParameterError: anything else, 0 and 1 among them.
    """
    plain = _scalar(value)
    if not isinstance(plain, bool):
        raise ParameterError(f"{name} must be True or False, not {_described(value)}")
    return plain


def is_one(value: object) -> bool:
    """Whether it is one value and not several: neither a list nor an array or tensor with an axis."""
    return not isinstance(value, Iterable) or getattr(value, "ndim", None) == 0


def text(name: str, value: object) -> str:
    """Text as a str.

    Raises:
        ParameterError: anything else.
    """
    plain = _scalar(value)
    if not isinstance(plain, str):
        raise ParameterError(f"{name} must be text, not {_described(value)}")
    return str(plain)


def path(name: str, value: object) -> Path:
    """Where a file or folder lies.

    Raises:
        ParameterError: neither text nor a path, or empty text.
    """
    if not isinstance(value, (str, PathLike)) or not str(value):
        raise ParameterError(f"{name} must be a path, not {_described(value)}")
    return Path(value)


def several(name: str, value: object) -> tuple[Any, ...]:
    """What was given as one thing, or as a list of them; text is one thing.

    Raises:
        ParameterError: a mapping or bytes.
    """
    return _several(name, value, "value")


def label_names(value: object) -> tuple[str, ...]:
    """Class names in the order of their indices.

    Args:
        value: see :data:`Labels`.

    Raises:
        ParameterError: a single text; a name that is no text; no order, as in a set; a mapping whose indices
            are not 0 … K − 1, each once.

    Example:
        >>> from unseen.system.arguments import label_names
        >>> label_names({1: "dog", 0: "cat"}), label_names({"dog": 1, "cat": 0})
        (('cat', 'dog'), ('cat', 'dog'))
    """
    if isinstance(value, (str, bytes, PathLike)):
        raise ParameterError(
            f"labels are the single text {str(value)[:40]!r}; give a list with one name per class, and of a file its "
            "lines"
        )
    if isinstance(value, Mapping):
        return _by_index(value)
    if isinstance(value, (set, frozenset)) or not isinstance(value, Iterable):
        raise ParameterError(
            f"labels must have the order of the logits, and {_described(value)} has none; give a list of names, or "
            "{index: name}"
        )
    names = tuple(_scalar(name) for name in value)
    for index, name in enumerate(names):
        if not isinstance(name, str):
            raise ParameterError(f"the label of class {index} must be text, not {_described(name)}")
    return tuple(map(str, names))


def type_of(value: object) -> str:
    """What a value is, for the message that refuses it: ``an int``, ``the class Tensor``, ``None``.

    Example:
        >>> from unseen.system.arguments import type_of
        >>> type_of(3), type_of({}), type_of(int), type_of(None)
        ('an int', 'a dict', 'the class int', 'None')
    """
    if value is None:
        return "None"
    return f"the class {value.__name__}" if isinstance(value, type) else with_article(type(value).__name__)


def conformed(thing: T) -> T:
    """An object of a dataclass whose options have the types that its fields declare: an int for NumPy's, and so on.

    Fields of other types than numbers, truth values, text, paths, choices and tuples of these are left as they are.

    Returns:
        The object itself if nothing differs, else a copy.

    Raises:
        ParameterError: an option that is of another type.
    """
    if not dataclasses.is_dataclass(thing) or isinstance(thing, type):
        return thing
    changed = _changed(thing)
    if not changed:
        return thing
    copied = copy.copy(thing)
    for name, value in changed.items():
        object.__setattr__(copied, name, value)
    return copied


def conform(thing: object) -> None:
    """The same in place: the first line of a dataclass's ``__post_init__``.

    Raises:
        ParameterError: see :func:`conformed`.
    """
    for name, value in _changed(thing).items():
        object.__setattr__(thing, name, value)


def _changed(thing: object) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in _declared(typing.cast(Any, type(thing))).items():
        value = getattr(thing, name)
        plain = _as(name, value, kind)
        if plain is not value:
            found[name] = plain
    return found


@cache
def _declared(kind: Any) -> Mapping[str, Any]:
    """The declared type of each option; none where the annotations name what is known to type checkers only."""
    try:
        hints = typing.get_type_hints(kind)
    except NameError:
        return {}
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if f.init}


def _as(name: str, value: object, kind: Any) -> object:
    """The value as the declared type has it, itself where it already is."""
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, UnionType):
        if value is None and NoneType in members:
            return value
        kinds = [member for member in members if member is not NoneType]
        if len(kinds) == 2 and typing.get_origin(kinds[1]) is tuple:  # one or several
            kinds = kinds[1:] if isinstance(_scalar(value), Iterable) else kinds[:1]
        return _as(name, value, kinds[0]) if len(kinds) == 1 else value
    kind = str if origin is typing.Literal and all(isinstance(member, str) for member in members) else kind
    if kind in _PLAIN:
        made = _PLAIN[kind](name, value)
        return value if type(made) is type(value) and made == value else made
    words = bool(members) and typing.get_origin(members[0]) is typing.Literal
    if origin is tuple and (words or members[0] in _PLAIN) and (members[-1] is Ellipsis or len(set(members)) == 1):
        single = members[-1] is Ellipsis
        several = _several(name, value, "value") if single or not isinstance(value, Iterable) else tuple(value)
        made = tuple(typing.cast(Any, _as(name, one, members[0])) for one in several)
        same = type(value) is tuple and all(one is other for one, other in zip(made, value, strict=True))
        return value if same else made
    return value


_PLAIN: dict[Any, Any] = {int: integer, float: real, bool: boolean, str: text, Path: path}


def _several(name: str, value: object, what: str) -> tuple[Any, ...]:
    """What was given as one, or as several."""
    plain = _scalar(value)
    if (isinstance(plain, (str, PathLike)) and what == "value") or not isinstance(plain, Iterable):
        return (plain,)
    if isinstance(plain, (str, bytes, Mapping)):
        raise ParameterError(f"{name} must be one {what} or a list of them, not {_described(value)}")
    try:
        return tuple(plain)
    except TypeError:  # an array without a dimension, of several
        raise ParameterError(f"{name} must be one {what} or a list of them, not {_described(value)}") from None


def _by_index(labels: Mapping[Any, Any]) -> tuple[str, ...]:
    pairs = [(_scalar(key), _scalar(value)) for key, value in labels.items()]
    if pairs and all(isinstance(key, str) and _is_integer(value) for key, value in pairs):
        pairs = [(value, key) for key, value in pairs]
    found: dict[int, str] = {}
    for key, name in pairs:
        number = int(key) if isinstance(key, str) and key.isdecimal() else key  # JSON knows no other keys than text
        if not _is_integer(number) or not isinstance(name, str):
            raise ParameterError(
                f"labels map {_described(key)} to {_described(name)}; give {{index: name}} or {{name: index}}"
            )
        index = operator.index(typing.cast(Any, number))
        if index in found:
            raise ParameterError(
                f"labels name class {index} twice, {found[index]!r} and {name!r}; give each index one name"
            )
        found[index] = str(name)
    missing = sorted(set(range(len(found))) - set(found))
    if missing:
        raise ParameterError(
            f"labels name {len(found)} classes, none of them of index {missing[0]}; give every index from 0 on one name"
        )
    return tuple(found[index] for index in range(len(found)))


def _is_integer(value: object) -> bool:
    return hasattr(type(value), "__index__") and not isinstance(value, bool)


def _scalar(value: object) -> object:
    """The one number or text that an array or tensor holds, or the value as it is."""
    item = getattr(value, "item", None)
    if not callable(item) or isinstance(value, type):
        return value
    try:
        return typing.cast(object, item())
    except (TypeError, ValueError, RuntimeError):  # of several elements, or of none
        return value


def _described(value: object) -> str:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{type_of(value)} of shape {tuple(shape)}"
    if isinstance(value, (bool, int, float, str)):
        return f"{str(value)[:40]!r}" if isinstance(value, str) else str(value)
    return type_of(value)
