from __future__ import annotations

from contextvars import ContextVar
from threading import Thread

import pytest

from unseen.system.context import holding

DEPTH: ContextVar[int] = ContextVar("depth", default=0)


def fail() -> None:
    assert DEPTH.get() == 2
    raise KeyError


def test_what_was_before_is_again_also_after_a_failure() -> None:
    with holding(DEPTH, 1):
        with holding(DEPTH, 2), pytest.raises(KeyError):
            fail()
        with pytest.raises(KeyError), holding(DEPTH, 2):
            fail()
        assert DEPTH.get() == 1
    assert DEPTH.get() == 0


def test_other_threads_do_not_see_it() -> None:
    seen: list[int] = []
    with holding(DEPTH, 1):
        other = Thread(target=lambda: seen.append(DEPTH.get()))
        other.start()
        other.join()
    assert seen == [0]
