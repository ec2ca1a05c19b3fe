"""A value that holds for what happens inside a ``with``, in its thread or task alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

_Value = TypeVar("_Value")


@contextmanager
def holding(variable: ContextVar[_Value], value: _Value) -> Iterator[None]:
    """Inside, the variable has the value; afterwards the one that it had, also when something fails.

    Example:
        >>> from contextvars import ContextVar
        >>> from unseen.system.context import holding
        >>> depth = ContextVar("depth", default=0)
        >>> with holding(depth, 1):
        ...     depth.get()
        1
        >>> depth.get()
        0
    """
    before = variable.set(value)
    try:
        yield
    finally:
        variable.reset(before)
