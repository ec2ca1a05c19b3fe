"""Real processes: parents that end in every way, whose workers must end with them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import multiprocessing, os, signal, sys, time
from unseen.system.parent import end_with_parent

def work(busy):
    end_with_parent()
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece, for its siblings write there, too
    while True:
        time.sleep(60) if not busy else sum(range(1000))

if __name__ == "__main__":
    signal.signal(int(sys.argv[2]), signal.SIG_DFL) if int(sys.argv[2]) != signal.SIGKILL else None
    context = multiprocessing.get_context(sys.argv[1])
    for busy in (False, False, True):
        context.Process(target=work, args=(busy,)).start()
    time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize(
    ("method", "number"),
    [
        ("spawn", signal.SIGKILL),
        ("spawn", signal.SIGTERM),
        ("spawn", signal.SIGHUP),
        ("spawn", signal.SIGSEGV),
        ("fork", signal.SIGKILL),
        ("forkserver", signal.SIGKILL),
    ],
)
def test_workers_end_with_their_parent(tmp_path: object, method: str, number: signal.Signals) -> None:
    script = f"{tmp_path}/parent.py"
    with open(script, "w") as file:  # noqa: PTH123
        file.write(PARENT)
    command = [sys.executable, script, method, str(int(number))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        try:
            assert parent.stdout is not None
            workers = [int(parent.stdout.readline()) for _ in range(3)]
            assert all(map(alive, workers))
            parent.send_signal(number)
            until = time.monotonic() + 30
            while any(map(alive, workers)) and time.monotonic() < until:
                time.sleep(0.05)
            assert list(filter(alive, workers)) == []
            assert parent.stdout.read() == ""  # the pipe is closed by all who held it
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
