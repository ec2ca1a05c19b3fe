"""What stays alive, looked at without the garbage collector."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor


@contextmanager
def uncollected() -> Iterator[None]:
    """Inside nothing is collected but by its own reference count, and what was there before is out of sight.

    It stays so: thawed, all that the tests have in common would be looked at by every later collection.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def tensors() -> list[Tensor]:
    """Those made inside :func:`uncollected` that are still alive."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # looking at every object touches what is deprecated
        return [one for one in gc.get_objects() if isinstance(one, Tensor)]
