"""One lazy registry for everything that is chosen by name: models, removals, methods (later: metrics).

A name maps to ``"module:attribute"``; the module is imported when the name is first used, so that
``import unseen`` and ``unseen list`` stay fast. Third parties add entries through entry points of the
registry's group (``unseen.removals``, ``unseen.methods``): the entry point's object is an :class:`Entry`.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
import types
import typing
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from unseen.errors import ParameterError, PluginError, UnknownNameError, nearest
from unseen.system.arguments import conformed
from unseen.system.names import printable
from unseen.system.options import declared, meaning

T = TypeVar("T")

_SAID = {int: "an integer", float: "a number", bool: "true or false", str: "text", types.NoneType: "none"}


@dataclass(frozen=True)
class Entry:
    """What is known of a registered name without importing it.

    Attributes:
        target: ``"module:attribute"`` of a class or factory.
        summary: one line for ``unseen list`` and ``--help``.
        citation: the source (paper, equation), empty for plain technique.
        cost: model evaluations per use, in words.
        arguments: values preset for the factory, below what the user's spec adds.
        origin: the entry point that a third party added it by; the registry fills it in.
    """

    target: str
    summary: str
    citation: str = ""
    cost: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    origin: str = field(default="", kw_only=True)

    def names(self, kind: type) -> bool:
        """Whether the target is this class; nothing is imported that is not imported already."""
        module, _, attribute = self.target.partition(":")
        return getattr(sys.modules.get(module), attribute, None) is kind

    @property
    def facts(self) -> dict[str, Any]:
        """All that a user may want to know, ready for JSON."""
        hidden = ("target", "arguments", "over", "origin")
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in hidden}

    @property
    def remarks(self) -> tuple[str, ...]:
        """What follows the summary where people read it, a line each."""
        cost = f"cost: {self.cost}" if self.cost else ""
        return ("; ".join(filter(None, [cost, self.citation])),)

    def load(self) -> Any:
        """Import and return the object that ``target`` names.

        Raises:
            PluginError: it is a third party's and cannot be imported.
        """
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:
            if not self.origin:
                raise
            raise PluginError(
                f"{self.target} of the plug-in {self.origin} cannot be loaded ({_reason(error)}); update or remove it"
            ) from error


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


class Registry(Generic[T]):
    """Names of one kind of thing, each built lazily from a spec ``name[:value,key=value,…]``.

    Args:
        kind: what the names stand for, used in messages (``"removal"``).
        group: entry-point group of third-party additions.
        entries: the built-in names.
        needs: what every object of the kind has, by which it is known.

    Example:
        >>> from unseen.removal import REMOVALS
        >>> REMOVALS.create("ad:pooled").travel
        'pooled'
    """

    def __init__(self, kind: str, group: str, entries: Mapping[str, Entry], needs: str = "__call__") -> None:
        self.kind = kind
        self.group = group
        self.needs = needs
        self._builtin = dict(entries)

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """All entries, built-in ones first; a third party cannot replace a built-in name."""
        found: dict[str, Entry] = {}
        for point in entry_points(group=self.group):
            try:
                found[point.name] = _checked(point.load(), point)
            except (Exception, SystemExit) as error:  # a broken plug-in must not take the built-in names with it
                told = f"{self.kind} {point.name!r} of {point.value} is left out: {_reason(error)}"
                warnings.warn(printable(told), stacklevel=2)
        return {**self._builtin, **{k: v for k, v in found.items() if k not in self._builtin}}

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __getitem__(self, name: str) -> Entry:
        try:
            return self.entries[name]
        except KeyError:
            hint = nearest(name, self.entries)
            raise UnknownNameError(f"unknown {self.kind} {name!r}: {hint}") from None

    def create(self, spec: str) -> T:
        """Build the object that ``spec`` describes.

        The part after the colon fills the dataclass's fields: bare values in order, ``key=value`` by name.

        Raises:
            UnknownNameError: no such name.
            ParameterError: an option that the object does not have, a value that it refuses, or none where one is
                needed.
        """
        name, colon, options = spec.partition(":")
        entry = self[name]
        if colon and not options:
            raise ParameterError(f"{self.kind} {spec!r} names no option after the colon; name one or leave it out")
        factory = entry.load()
        arguments = dict(entry.arguments)
        arguments.update(self._parse(name, factory, options, preset=entry.arguments))
        for needed in (f.name for f in _free(factory, arguments) if _is_needed(f)):
            raise ParameterError(f"{self.kind} {name!r} needs its {needed}: write {name}:{needed}=…")
        return typing.cast(T, factory(**arguments))

    def resolve(self, given: str | T) -> T:
        """The object that a spec describes, or the given one with its options in the types that they are declared in.

        Raises:
            UnknownNameError: no such name.
            ParameterError: as for :meth:`create`; neither a spec nor an object of the kind; an option of another type.
        """
        if isinstance(given, str):
            return self.create(given)
        if isinstance(given, type):
            raise ParameterError(
                f"{self.kind} {given.__name__} is a class; give an object of it, as in {given.__name__}()"
            )
        if not hasattr(given, self.needs):
            raise ParameterError(
                f"{self.kind} must be an object or one of the names of 'unseen list {self.kind}s', not a "
                f"{type(given).__name__}"
            )
        return conformed(given)

    def split(self, lists: Iterable[str] | None, separator: str = ",") -> tuple[str, ...]:
        """The specs of comma-separated lists, each once; a comma inside a spec is one that no name follows.

        Args:
            lists: of specs.
            separator: stands between them, instead of a comma.

        Example:
            >>> from unseen.removal import REMOVALS
            >>> REMOVALS.split(["ad,ad:pooled,fill=neighbour,grey"])
            ('ad', 'ad:pooled,fill=neighbour', 'grey')
        """
        specs: list[str] = []
        for listed in lists or ():
            first = True
            for piece in listed.split(separator):
                name = re.split("[:@]", piece)[0]
                if first or name in self.entries or not specs or ":" not in specs[-1]:
                    specs.append(piece)
                else:
                    specs[-1] += f"{separator}{piece}"
                first = False
        return tuple(dict.fromkeys(specs))

    def options(self, name: str) -> tuple[Option, ...]:
        """What a spec of ``name`` may set, in order; imports it.

        Raises:
            UnknownNameError: no such name.
        """
        entry = self[name]
        factory = entry.load()
        kinds = declared(factory)
        return tuple(_option(f, kinds[f.name]) for f in _free(factory, entry.arguments))

    def _parse(self, name: str, factory: Any, options: str, preset: Mapping[str, Any]) -> dict[str, Any]:
        if not options:
            return {}
        fields = _free(factory, preset)
        if not fields:
            raise ParameterError(f"{self.kind} {name!r} takes no options, got {options!r}")
        hints = typing.get_type_hints(factory)
        given: dict[str, Any] = {}
        for position, option in enumerate(options.split(",")):
            key, equals, text = option.partition("=")
            if not equals:
                if position >= len(fields):
                    raise ParameterError(f"{self.kind} {name!r} takes {len(fields)} options, got {options!r}")
                key, text = fields[position].name, option
            if key not in {f.name for f in fields}:
                known = nearest(key, [f.name for f in fields])
                raise ParameterError(f"{self.kind} {name!r} has no option {key!r}: {known}")
            if key in given:
                raise ParameterError(f"{self.kind} {name!r}: option {key!r} is given twice in {options!r}")
            given[key] = _convert(text, hints[key], f"{self.kind} {name!r}, option {key!r}")
        return given


def _checked(entry: object, point: EntryPoint) -> Entry:
    if not isinstance(entry, Entry):
        raise TypeError(f"it is a {type(entry).__name__}, not an Entry")
    if not re.fullmatch(r"[^\W_][\w.+-]*", point.name):
        raise ValueError("a name begins with a letter or a digit and holds nothing but these, '.', '_', '+' and '-'")
    texts = (entry.target, entry.summary, entry.citation, entry.cost)
    if not all(isinstance(text, str) for text in texts) or ":" not in entry.target:
        raise TypeError("its target must be 'module:attribute', and its summary, citation and cost texts")
    return dataclasses.replace(entry, origin=point.value)


def _reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, SystemExit):
        return "it ends the program (sys.exit)"
    return " ".join(str(error).split()) or type(error).__name__


def written(value: object) -> str:
    """An option's value as a spec writes it."""
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


def _free(factory: Any, preset: Mapping[str, Any]) -> list[dataclasses.Field[Any]]:
    return [f for f in settable(factory) if f.name not in preset]


def _option(field: dataclasses.Field[Any], kind: Any) -> Option:
    default = None if field.default is dataclasses.MISSING else written(field.default)
    said = meaning(kind)
    if said is None:
        return Option(field.name, _in_words(kind), default)
    return Option(field.name, _in_words(kind), default, said.range, said.meaning)


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _in_words(kind: Any) -> str:
    if typing.get_origin(kind) is typing.Annotated:
        return _in_words(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(map(_in_words, typing.get_args(kind)))
    if typing.get_origin(kind) is typing.Literal:
        return "|".join(map(str, typing.get_args(kind)))
    return _SAID.get(kind, getattr(kind, "__name__", str(kind)))


def _convert(text: str, kind: Any, where: str) -> Any:
    if not text:
        raise ParameterError(f"{where} has no value; give one or leave the option out")
    members = typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else ()
    if members:
        if text == "none" and types.NoneType in members:
            return None
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
