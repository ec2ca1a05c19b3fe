"""The tests marked ``numerics`` as other processors would compute them, each time with other threads and another seed.

PyTorch, oneDNN and MKL can be held to fewer instructions than the processor has: kernels change, and with them the last
bits. A processor cannot be made another one in this way, so the last setting plays one on which bits depend on the
batch, the place in it and the layout (``tests/helpers/unsteady.py``). Where a library does not know a variable, as on
ARM, it ignores it. ``--short`` runs those of ``SHORT`` alone; other arguments are for pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SETTINGS: dict[str, dict[str, str]] = {
    "as it is": {"UNSEEN_TEST_THREADS": "2", "UNSEEN_TEST_SEED": "1"},
    "SSE4": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "UNSEEN_TEST_THREADS": "1",
        "UNSEEN_TEST_SEED": "2",
    },
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "UNSEEN_TEST_THREADS": "2",
        "UNSEEN_TEST_SEED": "2",
    },
    "MKL as on any processor": {"MKL_CBWR": "COMPATIBLE", "UNSEEN_TEST_THREADS": "1", "UNSEEN_TEST_SEED": "1"},
    "SSE4, unsteady": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "UNSEEN_TEST_PROCESSOR": "unsteady",
        "UNSEEN_TEST_THREADS": "1",
        "UNSEEN_TEST_SEED": "2",
    },
    "unsteady": {"UNSEEN_TEST_PROCESSOR": "unsteady", "UNSEEN_TEST_THREADS": "1", "UNSEEN_TEST_SEED": "2"},
}


SHORT = ("SSE4, unsteady",)
"""What every change is tried under, beside the whole suite as the machine is: `--short`."""


def main(told: list[str]) -> int:
    """Run every setting, or those of ``SHORT``; 1 if a test fails under any."""
    failed = []
    short = "--short" in told
    told = [word for word in told if word != "--short"]
    for name, variables in SETTINGS.items():
        if short and name not in SHORT:
            continue
        print(f"== {name}: {' '.join(f'{key}={value}' for key, value in variables.items())}", flush=True)
        environment = {**os.environ, **variables, "OMP_NUM_THREADS": variables["UNSEEN_TEST_THREADS"]}
        began = time.perf_counter()
        asked = [sys.executable, "-m", "pytest", "-q", "-m", "numerics", "--dist", "worksteal", *told]
        if subprocess.run(asked, cwd=ROOT, env=environment).returncode:
            failed.append(name)
        print(f"   {time.perf_counter() - began:.0f} s", flush=True)
    if failed:
        print(f"Tests failed under: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
