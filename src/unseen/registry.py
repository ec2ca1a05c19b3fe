"""One lazy registry for everything that is chosen by name: models, removals, methods, metrics, criteria.

A name maps to ``"module:attribute"``; the module is imported when the name is first used, so that
``import unseen`` and ``unseen list`` stay fast. Third parties add names through entry points of the registry's group
(``unseen.removals``, ``unseen.methods``), whose object is the class itself or an :class:`Entry`; in a notebook
:meth:`Registry.register` does. What they add must keep the contract of its kind.
"""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from unseen.errors import ParameterError, PluginError, UnknownNameError, nearest, one_line
from unseen.system.arguments import conformed, type_of
from unseen.system.contract import described, members, missing
from unseen.system.names import printable, with_article
from unseen.system.options import declared
from unseen.system.spelling import Option, converted, option_of, settable, spec

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """What is known of a registered name without importing it.

    Attributes:
        target: ``"module:attribute"`` of a class or factory, or the class or factory itself.
        summary: one line for ``unseen list`` and ``--help``.
        citation: the source (paper, equation), empty for plain technique.
        cost: model evaluations per use, in words.
        arguments: values preset for the factory, below what the user's spec adds.
        origin: the entry point that a third party added it by; the registry fills it in.
    """

    target: str | Callable[..., Any]
    summary: str
    citation: str = ""
    cost: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    origin: str = field(default="", kw_only=True)

    def names(self, kind: type) -> bool:
        """Whether the target is this class; nothing is imported that is not imported already."""
        if not isinstance(self.target, str):
            return self.target is kind
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
        if not isinstance(self.target, str):
            return self.target
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (Exception, SystemExit) as error:
            if not self.origin:
                raise
            raise PluginError(
                f"{self.target} of the plug-in {self.origin} cannot be loaded ({_reason(error)}); update or remove it"
            ) from error


class Registry(Generic[T]):
    """Names of one kind of thing, each built lazily from a spec ``name[:value,key=value,…]``.

    Args:
        kind: what the names stand for, used in messages (``"removal"``).
        group: entry-point group of third-party additions.
        entries: the built-in names.
        contract: ``"module:attribute"`` of the class that says what every object of the kind has.
        made: whether a spec makes the object by calling the entry's target; else the target is the object itself.
        entry: what is known of each name.

    Example:
        >>> from unseen.removal import REMOVALS
        >>> REMOVALS.create("ad:pooled").travel
        'pooled'
    """

    def __init__(
        self,
        kind: str,
        group: str,
        entries: Mapping[str, Entry],
        *,
        contract: str = "builtins:object",
        made: bool = True,
        entry: type[Entry] = Entry,
    ) -> None:
        self.kind = kind
        self.group = group
        self.made = made
        self._contract = contract
        self._entry = entry
        self._builtin = dict(entries)

    @property
    def contract(self) -> Any:
        """The class that says what every object of the kind has."""
        return Entry(self._contract, "").load()

    @cached_property
    def entries(self) -> dict[str, Entry]:
        """All entries, built-in ones first; a third party cannot replace a built-in name."""
        found: dict[str, Entry] = {}
        for point in entry_points(group=self.group):
            try:
                found[point.name] = self._added(point.name, point.load(), point.value)
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

    def register(self, name: str, target: Callable[..., Any] | str, summary: str = "", **facts: Any) -> None:
        """Add a name for as long as the program runs, as in a notebook; a name that was added so before is replaced.

        Args:
            name: of letters, digits, ``.``, ``_``, ``+`` and ``-``.
            target: a class whose fields are its options, a function that makes the object, or ``"module:attribute"``
                of either; of a criterion and a model source the function itself.
            summary: one line for the list; by default the first line of the target's docstring.
            facts: of the entry, such as ``citation`` and ``cost``; a metric's are those of
                :class:`~unseen.metrics.MetricEntry`.

        Raises:
            ParameterError: a name that is built in or not to be written in a spec, a fact that is missing or unknown,
                or a target that does not keep the contract of its kind.

        Example:
            >>> from unseen.removal import REMOVALS
            >>> from unseen.removal.fills.constant import ConstantFill
            >>> REMOVALS.register("gray", ConstantFill, "mid-grey, as Americans write it", arguments={"colour": "grey"})
            >>> REMOVALS.create("gray").colour
            'grey'
        """
        if name in self._builtin:
            raise ParameterError(f"{self.kind} {name!r} is built in; take another name")
        try:
            entry = self._entry(target, summary or _first_line(target), **facts)
            self.entries[name] = self._added(name, entry, "")
        except PluginError as error:
            raise ParameterError(str(error)) from None
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{self.kind} {name!r} cannot be registered: {_reason(error)}") from None

    def load(self, name: str) -> Any:
        """The target of a name, which keeps the contract of its kind.

        Raises:
            UnknownNameError: no such name.
            PluginError: it is a third party's, and cannot be imported or does not keep the contract.
        """
        entry = self[name]
        target = entry.load()
        if name not in self._builtin:
            self._keeps(name, target, self.made)
        return target

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
        factory = self.load(name)
        arguments = dict(entry.arguments)
        arguments.update(self._parse(name, factory, options, preset=entry.arguments))
        for needed in (f.name for f in _free(factory, arguments) if _is_needed(f)):
            raise ParameterError(f"{self.kind} {name!r} needs its {needed}: write {name}:{needed}=…")
        made = factory(**arguments)
        if name not in self._builtin:
            self._keeps(name, made, False)
        return typing.cast(T, made)

    def spec_of(self, thing: object) -> str:
        """The spec that makes :meth:`create` build ``thing`` again; where none does, its class's name instead.

        None does where the class is not registered, or the object says that it holds what no spec can tell: it is not
        ``spelled``.

        Example:
            >>> from unseen.explainers import METHODS
            >>> from unseen.explainers.hiding.rise import Rise
            >>> METHODS.spec_of(Rise(masks=500))
            'rise:masks=500'
        """
        kind = type(thing)
        for name, entry in self.entries.items() if getattr(thing, "spelled", True) else ():
            preset = entry.arguments
            if entry.names(kind) and all(getattr(thing, key) == value for key, value in preset.items()):
                return spec(name, thing, preset=preset)
        return spec(kind.__name__, thing)

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
        lacks = missing(given, self.contract)
        if {"__call__", "bind"} & {*lacks} or len(lacks) == len(members(self.contract)):
            raise ParameterError(
                f"{self.kind} must be an object or one of the names of 'unseen list {self.kind}s', not {type_of(given)}"
            )
        if lacks:
            raise ParameterError(f"{self.kind} {type(given).__name__} {described(lacks, self.contract)}")
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
        factory = self.load(name)
        kinds = declared(factory)
        return tuple(option_of(f, kinds[f.name]) for f in _free(factory, entry.arguments))

    def _added(self, name: str, given: object, origin: str) -> Entry:
        """The entry of a name that is not built in; what is imported already keeps the contract."""
        if callable(given) and not isinstance(given, Entry):
            given = self._entry(given, _first_line(given))
        if not isinstance(given, self._entry):
            raise TypeError(f"it is {type_of(given)}, not {with_article(self._entry.__name__)}")
        if not re.fullmatch(r"[^\W_][\w.+-]*", name):
            raise ValueError(
                "a name begins with a letter or a digit and holds nothing but these, '.', '_', '+' and '-'"
            )
        texts = (given.summary, given.citation, given.cost)
        if not all(isinstance(text, str) for text in texts):
            raise TypeError("its summary, citation and cost must be texts")
        if isinstance(given.target, str):
            if ":" not in given.target:
                raise TypeError("its target must be 'module:attribute', a class or a function")
        elif not callable(given.target):
            raise TypeError(f"its target is {type_of(given.target)}, neither a class nor a function")
        else:
            self._keeps(name, given.target, self.made)
        return dataclasses.replace(given, origin=origin)

    def _keeps(self, name: str, thing: object, made: bool) -> None:
        """Refuse what does not keep the contract; of a function that makes the object nothing is known yet.

        Raises:
            PluginError: what is missing.
        """
        if made and not isinstance(thing, type):
            return
        lacks = missing(thing, self.contract)
        if lacks:
            raise PluginError(f"{self.kind} {name!r} {described(lacks, self.contract)}")

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
            given[key] = converted(text, hints[key], f"{self.kind} {name!r}, option {key!r}")
        return given


def _first_line(target: object) -> str:
    """Of the docstring, without its full stop."""
    lines = (getattr(target, "__doc__", None) or "").strip().splitlines()
    return lines[0].rstrip(".") if lines else ""


def _reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    return "it ends the program (sys.exit)" if isinstance(error, SystemExit) else one_line(error)


def _free(factory: Any, preset: Mapping[str, Any]) -> list[dataclasses.Field[Any]]:
    return [f for f in settable(factory) if f.name not in preset]


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
