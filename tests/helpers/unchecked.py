"""Where the type checks of tests would be in the way, or cost too much."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any

import jaxtyping


@contextlib.contextmanager
def unchecked() -> Iterator[None]:
    """Types are not checked inside, as for a user: the code's own refusals come first."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)


def check_shapes_where_there_are_some() -> None:
    """From now on only functions that name arrays look at shapes, which costs each call as much as a small function.

    The types of all others are checked without. Functions inside functions are not checked at all: each call makes
    them anew, and compiles their checks.
    """
    of_shapes: Any = jaxtyping.jaxtyped

    def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
        def check(made: Any) -> Any:
            if "<locals>" in made.__qualname__:
                return made
            plain = _names_no_array(made) and _can_be_resolved(made)
            return of_types(made, typechecker) if plain else of_shapes(made, typechecker=typechecker)

        return check

    jaxtyping.jaxtyped = jaxtyped


def of_types(made: Callable[..., Any], typechecker: Any) -> Callable[..., Any]:
    """The function with its types checked, except inside :func:`unchecked`."""
    checked = typechecker(made)

    @functools.wraps(made)
    def either(*given: Any, **named: Any) -> Any:
        return (made if jaxtyping.config.jaxtyping_disable else checked)(*given, **named)

    either.__code__ = either.__code__.replace(co_filename="<@beartype>")  # who looks for a caller passes it over
    return either


def _names_no_array(made: Any) -> bool:
    if not inspect.isfunction(made):
        return False
    words = {word for text in made.__annotations__.values() for word in re.findall(r"\w+", str(text))}
    return not any(_is_array(made.__globals__.get(word)) for word in words)


def _can_be_resolved(made: Any) -> bool:
    """Whether all types that it names are there now: those that are imported for a type checker alone are not."""
    try:
        typing.get_type_hints(made)
    except Exception:  # a name that is not there, or a class that takes no brackets in this Python
        return False
    return True


def _is_array(hint: Any) -> bool:
    """Whether a type is one of arrays, or a union with one."""
    return str(getattr(hint, "__module__", "")).startswith("jaxtyping") or any(map(_is_array, typing.get_args(hint)))
