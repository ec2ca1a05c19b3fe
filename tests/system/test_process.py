import os
import platform
import subprocess
import sys

import pytest

from unseen.system import process as runtime

CHILD = """
import resource, sys
from unseen.system.process import tune_allocator
if sys.argv[1] == "tuned":
    assert tune_allocator()
for _ in range(40):
    bytearray(2**26)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's allocator has these settings")
def test_large_blocks_no_longer_fault() -> None:
    def faults(mode: str) -> int:
        done = subprocess.run([sys.executable, "-c", CHILD, mode], capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("tuned") < 0.5 * faults("untuned")


def test_elsewhere_it_declines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not runtime.tune_allocator()


def test_importing_unseen_changes_nothing() -> None:
    code = "import sys, unseen; assert 'unseen.system.process' not in sys.modules and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


WAITING = """
import os
from unseen.system.process import wait_passively
assert wait_passively() == (os.environ.get("GOMP_SPINCOUNT") is None)
print(os.environ.get("OMP_WAIT_POLICY"))
import torch
assert not wait_passively()
"""


@pytest.mark.parametrize(("given", "policy"), [({}, "passive"), ({"GOMP_SPINCOUNT": "9"}, "None")])
def test_threads_wait_passively_unless_the_user_decides(given: dict[str, str], policy: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")} | given
    done = subprocess.run([sys.executable, "-c", WAITING], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == policy
