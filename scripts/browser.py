"""A Chromium, in which the tests open pages: the one that is there, else Debian's (as root), else Playwright's.

Without any the tests that need one are skipped; under CI they fail. Run it with the Python of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DEBIAN = (
    ("apt-get", "update", "-qq"),
    ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"),
)


def main() -> None:
    """Do nothing where one is there."""
    if any(map(shutil.which, NAMES)):
        return
    print("Installing Chromium, in which the tests open pages.", file=sys.stderr)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if all(
            subprocess.run(words, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode == 0 for words in DEBIAN
        ):
            return
    if subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode:
        print("No Chromium can be had here: tests of pages will be skipped, or fail under CI.", file=sys.stderr)


if __name__ == "__main__":
    main()
