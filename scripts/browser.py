"""A Chromium, in which the tests open pages: the one that is there, else Debian's (as root), else Playwright's.

Without any the tests that need one are skipped; under CI they fail. Run it with the Python of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN = (
    ("apt-get", "update", "-qq"),
    ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"),
)

_LONGEST = 300
"""Seconds that one step of an installation may take."""


def main() -> None:
    """Do nothing where one is there."""
    if any(map(shutil.which, NAMES)):
        return
    print("Installing Chromium, in which the tests open pages.", file=sys.stderr)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if all(_succeeds(words, env=quiet, stdout=subprocess.DEVNULL) for words in DEBIAN):
            return
    if not _succeeds((sys.executable, "-m", "playwright", "install", "chromium")):
        print("No Chromium can be had here: tests of pages will be skipped, or fail under CI.", file=sys.stderr)


def _succeeds(words: tuple[str, ...], **options: Any) -> bool:
    try:
        return subprocess.run(words, timeout=_LONGEST, check=False, **options).returncode == 0
    except subprocess.TimeoutExpired:
        return False


if __name__ == "__main__":
    main()
