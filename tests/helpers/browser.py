"""A real browser without a window, for tests of pages; none of its own requests leave the machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REMEDY = "no Chromium is here; python scripts/browser.py installs one (Debian: apt-get install chromium; pip install playwright)"
_QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; where there is none the test is skipped, and under CI it fails."""
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing(REMEDY)
    with sync_playwright() as driver:
        path = next(filter(None, map(shutil.which, NAMES)), None) or driver.chromium.executable_path
        if not Path(path).exists():
            missing(REMEDY)
        browser = driver.chromium.launch(executable_path=path, args=_QUIET, timeout=60_000)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, path: Path, **context: object) -> Iterator[tuple[Page, list[str]]]:
    """The page as a colleague opens it, without a network; and all that it complains of or asks for."""
    told: list[str] = []
    place = browser.new_context(offline=True, **context)  # type: ignore[arg-type]
    page = place.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on(
        "request", lambda request: told.append(request.url) if not request.url.startswith(("data:", "file:")) else None
    )
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.goto(path.absolute().as_uri())
    try:
        yield page, told
    finally:
        place.close()
