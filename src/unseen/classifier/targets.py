"""From the name or number that a user gives to the index of a target."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import cast

from unseen.errors import ParameterError, UnknownNameError, nearest
from unseen.system.arguments import Integer, integer

PLUS = " + "
"""Stands between the names of findings that are asked at once."""


Unnamed = Callable[[], tuple[str, ...]]
"""What targets without labels are called where they are printed: asked only for a target that is no number."""


def target_index(
    target: str | Integer, labels: tuple[str, ...] | None, name: str, unnamed: Unnamed | None = None
) -> int:
    """The index of the target that a user means by a name or a number.

    Case, hyphens and underscores do not matter unless two names differ in nothing else; of a label that lists
    synonyms ("tabby, tabby cat") any one will do. A finding's absence has its name, "no mass", or its index, "no 0".

    Args:
        target: name or index.
        labels: the targets' names, where they have any.
        name: of the model, for messages.
        unnamed: see :data:`Unnamed`; without it, and without labels, a target is a number.

    Raises:
        UnknownNameError: no label of that name (the nearest are offered), or an ambiguous one, such as the text of
            an index that is also the label of another target.
        ParameterError: an index outside the model's targets, or neither text nor a whole number.
    """
    target = target if isinstance(target, str) else integer("target", target)
    text = str(target).strip()
    if re.fullmatch(r"-?[0-9]+", text):
        return _by_number(int(text), text if isinstance(target, str) else None, labels)
    names = labels if labels is not None else unnamed() if unnamed is not None else ()
    found = _named(text, names)
    if len(found) > 1:
        raise UnknownNameError(f"{text!r} names the classes {found}; give the index of the one you mean")
    if not found and labels is None:
        raise UnknownNameError(f"{name} has no labels; give the target's index instead of {text!r}")
    if not found:
        raise UnknownNameError(f"{name} has no class {text!r}: {nearest(text, names)}")
    return found[0]


Target = str | Integer | Iterable[str | Integer]
"""A name or an index; of findings several, as a list or in one text with `` + `` between them."""


def as_given(target: Target) -> str | int | tuple[str | int, ...]:
    """A target in plain Python, for records: a text, an int, or several of them.

    Raises:
        ParameterError: neither text nor a whole number.
    """
    if isinstance(target, str):
        return target
    if _is_one(target):
        return integer("target", target)
    several = cast("Iterable[str | Integer]", target)
    return tuple(one if isinstance(one, str) else integer("target", one) for one in several)


def _is_one(target: object) -> bool:
    """Whether it is a number, be it in an array or tensor; a list is several, however long."""
    return hasattr(target, "item") or not isinstance(target, Iterable)


def targets_of(
    target: Target, labels: tuple[str, ...] | None, name: str, unnamed: Unnamed | None = None
) -> tuple[int, ...]:
    """The indices that a user means, each once.

    Raises:
        UnknownNameError: see :func:`target_index`.
        ParameterError: likewise; none is given.
    """
    if isinstance(target, str):
        try:
            return (target_index(target, labels, name, unnamed),)
        except UnknownNameError:
            if PLUS not in target:
                raise
            target = target.split(PLUS)
    elif _is_one(target):
        return (target_index(cast("Integer", target), labels, name, unnamed),)
    several = cast("Iterable[str | Integer]", target)
    found = tuple(dict.fromkeys(target_index(one, labels, name, unnamed) for one in several))
    if not found:
        raise ParameterError("no target was named; leave it out to explain the top class")
    return found


def _named(text: str, names: tuple[str, ...]) -> list[int]:
    """The targets that a text names: exactly, in other spelling, by a synonym, or as the absence of a number."""
    wanted, plain = _plain(text), [_plain(name) for name in names]
    if (absent := re.fullmatch("no ([0-9]+)", wanted)) and wanted not in plain and int(absent[1]) < len(names):
        wanted = f"no {plain[int(absent[1])]}"
    found = [index for index, name in enumerate(names) if name == text]
    found = found or [index for index, name in enumerate(plain) if name == wanted]
    return found or [index for index, name in enumerate(names) if wanted in map(_plain, name.split(","))]


def _by_number(index: int, text: str | None, labels: tuple[str, ...] | None) -> int:
    """The index, or where a text may be meant as a label, the target of that label."""
    namesakes = [] if text is None else [i for i, label in enumerate(labels or ()) if label == text]
    outside = index < 0 or (labels is not None and index >= len(labels))
    if outside and len(namesakes) == 1:
        return namesakes[0]
    if any(other != index for other in namesakes):
        raise UnknownNameError(
            f"{text!r} may be an index or the label of {namesakes}; give an int in Python, or other labels"
        )
    if outside:
        last = len(labels) - 1 if labels is not None else "the number of classes − 1"
        raise ParameterError(f"target {index} is outside 0 … {last}")
    return index


def _plain(label: str) -> str:
    return " ".join(label.lower().replace("_", " ").replace("-", " ").split())
