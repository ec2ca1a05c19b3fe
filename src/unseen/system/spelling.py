"""What an option takes, in words; how its text in a spec is understood, and how a spec is written."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from unseen.errors import ParameterError, nearest
from unseen.system.options import meaning

SEVERAL = "/"
"""Stands between the values of an option that takes several, as in ``threshold=0.3/0.5``."""

_SAID = {
    int: "an integer",
    float: "a number",
    bool: "true or false",
    str: "text",
    types.NoneType: "none",
    object: "an array",
}


@dataclass(frozen=True)
class Option:
    """What a spec may set.

    Attributes:
        name: of the dataclass's field.
        values: what it takes, in words.
        default: its value if the spec does not set it, as a spec would write it; ``None`` if it must be set.
        range: completes the sentence "it must be …"; empty where ``values`` says all.
        meaning: completes the sentence "it is …".
    """

    name: str
    values: str
    default: str | None
    range: str = ""
    meaning: str = ""


def option_of(field: dataclasses.Field[Any], kind: Any) -> Option:
    """What is told of a field that is annotated so."""
    default = None if field.default is dataclasses.MISSING else written(field.default)
    said = meaning(kind)
    if said is None:
        return Option(field.name, _in_words(kind), default)
    return Option(field.name, _in_words(kind), default, said.range, said.meaning)


def _in_words(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Annotated:
        return _in_words(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(map(_in_words, typing.get_args(kind)))
    if typing.get_origin(kind) is typing.Literal:
        return "|".join(map(str, typing.get_args(kind)))
    if typing.get_origin(kind) is tuple:
        return f"several, {_in_words(typing.get_args(kind)[0])} each, as in 1{SEVERAL}2"
    return _SAID.get(kind, getattr(kind, "__name__", str(kind)))


def converted(text: str, kind: Any, where: str) -> Any:
    """The value that a text stands for; ``where`` begins the message.

    Raises:
        ParameterError: it stands for none.
    """
    if not text:
        raise ParameterError(f"{where} has no value; give one or leave the option out")
    members = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
    if text == "none" and types.NoneType in members:
        return None
    several = next((member for member in members if typing.get_origin(member) is tuple), None)
    if several is not None and (SEVERAL in text or members == (several,)):
        return tuple(converted(one, typing.get_args(several)[0], where) for one in text.split(SEVERAL))
    kind = next(member for member in members if member is not types.NoneType)
    choices = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
    if choices:
        if text not in choices:
            raise ParameterError(f"{where}: {text!r} is not a choice; {nearest(text, choices)}")
        return text
    if kind is bool:
        if text not in ("true", "false"):
            raise ParameterError(f"{where}: {text!r} is neither 'true' nor 'false'")
        return text == "true"
    try:
        return kind(text)
    except (TypeError, ValueError):
        raise ParameterError(f"{where}: {text!r} is not {_in_words(kind)}") from None


def written(value: object) -> str:
    """An option's value as a spec writes it."""
    if isinstance(value, tuple):
        return SEVERAL.join(map(written, value))
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def spec(name: str, thing: object, *, bare: bool = False, preset: Collection[str] = ()) -> str:
    """What builds ``thing`` from the entry ``name``: the options whose values are not those by default.

    Args:
        name: of the entry.
        thing: of a dataclass whose fields are the options.
        bare: whether the first option is written without its name, unless its value has an ``=``.
        preset: options that the entry sets itself.
    """
    options = []
    for place, f in enumerate(f for f in settable(thing) if f.name not in preset):
        value = getattr(thing, f.name)
        if value != f.default:
            text = compact(value) if bare and place == 0 else written(value)
            named = not bare or place > 0 or "=" in text
            options.append(f"{f.name}={text}" if named else text)
    return f"{name}:{','.join(options)}" if options else name


def compact(value: object) -> str:
    """An option's value as a spec writes it without its name: whole numbers without a fraction, no digit lost."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else written(value)


def settable(factory: Any) -> list[dataclasses.Field[Any]]:
    """The fields of a dataclass, or of an object of one, that a spec may set: those that have a place come first."""
    every = dataclasses.fields(factory) if dataclasses.is_dataclass(factory) else ()
    return sorted((f for f in every if f.init), key=lambda f: bool(f.kw_only))
