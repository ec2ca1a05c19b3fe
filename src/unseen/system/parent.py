"""What a process owes to the one that started it: not to outlive it, and not to hang after a fork."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from multiprocessing import connection, parent_process

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_ORPHANED = 1
_LOOK = 1.0  # seconds between two looks at who the parent is


def end_with_parent() -> None:
    """From now on this worker ends as soon as the process that started it does, however that one ended.

    For workers of :mod:`multiprocessing`, under any start method. A thread waits for the parent's end of a pipe, which
    the system closes with the parent, be it killed, and leaves at once; what a worker holds open (memory, pipes, a
    GPU) is free again. Forked siblings may keep that end open, so the thread looks besides who the parent is. On Linux
    the kernel sends SIGKILL, too, for a worker that is deep in native code; it does so when the *thread* ends that
    started the worker, which must therefore live as long as the worker is wanted.

    In the main process, which has no parent of that kind, nothing happens.
    """
    parent = parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    is_child = os.getppid() == parent.pid  # not so of a fork server's children

    def watch() -> None:
        while not connection.wait([parent.sentinel], _LOOK):
            if is_child and os.getppid() != parent.pid:
                break
        os._exit(_ORPHANED)

    threading.Thread(target=watch, name="ends with its parent", daemon=True).start()
