"""What every object of a kind has, read from the class that writes it down, and what something lacks of it."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Generic, Protocol

_PLUMBING = (object, ABC, Generic, Protocol)


@cache
def members(contract: Any) -> tuple[str, ...]:
    """The names that a class promises: its public attributes, and whether it is called."""
    found: dict[str, None] = {}
    for kind in contract.__mro__:
        if kind not in _PLUMBING:
            names = [*inspect.get_annotations(kind), *vars(kind)]
            found |= dict.fromkeys(name for name in names if not name.startswith("_") or name == "__call__")
    return tuple(found)


def missing(thing: object, contract: Any) -> tuple[str, ...]:
    """What an object or a class lacks of a contract; of a class also what it leaves abstract."""
    fields = [f.name for f in dataclasses.fields(thing)] if dataclasses.is_dataclass(thing) else []
    abstract: Iterable[str] = getattr(thing, "__abstractmethods__", ()) if isinstance(thing, type) else ()
    lacks = [name for name in members(contract) if not _has(thing, name) and name not in fields]
    return tuple(dict.fromkeys([*lacks, *sorted(abstract)]))


def described(lacks: Sequence[str], contract: Any) -> str:
    """What is missing, as the end of a sentence that begins with the thing, and the remedy."""
    home = contract.__module__.rpartition(".")[0] if contract.__module__.startswith("unseen.") else contract.__module__
    return f"has no {', no '.join(lacks)}; define what is missing, or derive the class from {home}.{contract.__name__}"


def _has(thing: object, name: str) -> bool:
    """Every class can be called; what counts is whether its objects can."""
    if name == "__call__" and isinstance(thing, type):
        return any("__call__" in vars(kind) for kind in thing.__mro__)
    return hasattr(thing, name)
