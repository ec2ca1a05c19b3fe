"""The public API changes on purpose only: names, signatures and options are those of public-api.txt."""

from __future__ import annotations

import difflib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_public_api_is_the_one_that_was_agreed() -> None:
    agreed = (ROOT / "tests" / "project" / "public-api.txt").read_text("utf-8").splitlines()
    command = [sys.executable, str(ROOT / "scripts" / "public_api.py")]
    found = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8").stdout.splitlines()
    change = "\n".join(difflib.unified_diff(agreed, found, "agreed", "found", lineterm="", n=0))
    assert found == agreed, f"the public API has changed; if that is meant, `make api` agrees to it:\n{change}"
