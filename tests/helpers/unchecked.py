"""Where the type checks of tests would be in the way, or cost too much."""

from __future__ import annotations

import contextlib
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


def leave_inner_functions_unchecked() -> None:
    """From now on functions inside functions are not checked: each call makes them anew, and compiles their checks."""
    checked: Any = jaxtyping.jaxtyped

    def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
        check = checked(typechecker=typechecker)
        return lambda made: made if "<locals>" in made.__qualname__ else check(made)

    jaxtyping.jaxtyped = jaxtyped
