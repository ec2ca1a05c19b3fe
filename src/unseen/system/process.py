"""Settings of the process that make inference on a CPU fast. A program chooses them; a library must not."""

from __future__ import annotations

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # <malloc.h>
_NEVER = 2**31 - 1


def tune_allocator() -> bool:
    """Keep freed memory in the process instead of handing every large block back to the system.

    glibc maps and unmaps each large activation, and the page faults cost a good part of a pass (the last two lines of
    ``benchmarks/speed/method_cost.py`` show how much). The price is that the process keeps its largest memory.
    Call it before the first large tensor, once a process: the command line and the benchmarks do. Nothing
    calls it on import.

    Returns:
        Whether it took effect: true with glibc, false elsewhere, where nothing is changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return False
    results = [libc.mallopt(option, _NEVER) for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)]
    return all(result == 1 for result in results)


def wait_passively() -> bool:
    """Let threads sleep while they wait for each other, instead of spinning.

    Spinning threads are somewhat faster on idle cores and ruinous on busy ones, where each wait lasts until the other
    job gives way. Call it before torch is imported; the user's own ``OMP_WAIT_POLICY`` or ``GOMP_SPINCOUNT`` is left as
    it is.

    Returns:
        Whether it took effect: false when torch is imported already, or the user has decided.
    """
    if "torch" in sys.modules or "OMP_WAIT_POLICY" in os.environ or "GOMP_SPINCOUNT" in os.environ:
        return False
    os.environ["OMP_WAIT_POLICY"] = "passive"
    return True
