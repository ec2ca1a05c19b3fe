"""Warnings of libraries that tell a user nothing, left out for a while and in any number of threads.

The filters belong to the whole process, and ``warnings.catch_warnings`` puts back what it found: of two threads inside,
the one that leaves last may bring back the filter of the other for good.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import Counter
from collections.abc import Iterator

_OURS = "(?:)"
"""Matches anything, as nobody else writes it: equal filters are one."""

_GUARD = threading.Lock()
_INSIDE: Counter[str] = Counter()


@contextlib.contextmanager
def quiet(message: str = "") -> Iterator[None]:
    """Inside, and while any thread is inside, warnings whose text begins so are ignored.

    Args:
        message: a regular expression; the empty one is all warnings.
    """
    with _GUARD:
        _INSIDE[message] += 1
        if _INSIDE[message] == 1:
            warnings.filterwarnings("ignore", _OURS + message)
    try:
        yield
    finally:
        with _GUARD:
            _INSIDE[message] -= 1
            if not _INSIDE[message]:
                _remove(message)


def _remove(message: str) -> None:
    for one in list(warnings.filters):  # where somebody put back their own meanwhile, it is not among them
        if getattr(one[1], "pattern", one[1]) == _OURS + message:
            with contextlib.suppress(ValueError):
                warnings.filters.remove(one)  # type: ignore[attr-defined]
