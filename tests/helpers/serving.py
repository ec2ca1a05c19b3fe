"""The real page, served by the real command, and visitors who open it in a real browser."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ESPRESSO = Path(__file__).parents[2] / "examples" / "espresso.jpg"

START = 120.0
"""Seconds that a server may take to start on a busy machine."""


_PLACES: dict[tuple[Browser, str], BrowserContext] = {}
"""By the browser and its options."""


class Serving:
    """The real command, as a process."""

    def __init__(self, *words: str | Path) -> None:
        command = [sys.executable, "-m", "unseen", "app", "--port", "0", *map(str, words)]
        quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quiet)
        self.told: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        alarm = threading.Timer(START, self.process.kill)
        alarm.start()
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if found := re.search(r"page: (http://\S+)", line):
                self.address = found[1]
                break
        else:
            pytest.fail(f"no page was served: {''.join(lines + self.told)}")
        alarm.cancel()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.told += self.process.stderr

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        self._reading.join(20)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def visit(browser: Browser, address: str, **context: object) -> Iterator[Page]:
    """The page as one visitor opens it; it must complain of nothing, and ask nobody but its server.

    Visitors with the same kind of browser share its cache, which saves most of the time that a page takes to open.
    """
    told: list[str] = []
    kind = browser, repr(sorted(context.items()))
    if kind not in _PLACES:
        _PLACES[kind] = browser.new_context(**context)  # type: ignore[arg-type]
    page = _PLACES[kind].new_page()
    page.set_default_timeout(90_000)
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: told.append(str(error)))
    ours = (address, "data:", "blob:", "about:")
    page.on("request", lambda request: None if request.url.startswith(ours) else told.append(request.url))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.goto(address)
    page.locator("#explain").wait_for()
    try:
        yield page
        assert told == []
    finally:
        page.close()


def give(page: Page, photo: Path) -> None:
    """Choose a file, and wait until the model has said what it sees, or what is wrong with it."""
    page.locator("#photo input[type=file]").set_input_files(photo)
    page.locator("#said :is(li, .unseen-error)").first.wait_for()


def pick(page: Page, what: str, value: str) -> None:
    """Choose by typing, as in a list of a thousand classes; again where a busy page lost the choice.

    The list is closed before anything else is clicked: a page that moves under a held button loses the click. Where one
    is chosen of many, the field then shows it; what was only typed is gone.
    """
    field, option = page.locator(f"#{what} input"), page.locator("[role=option]", has_text=value).first
    for _ in range(5):
        field.click()
        field.fill("")
        field.press_sequentially(value)
        option.wait_for()
        whole = option.inner_text().lstrip("✓").strip() == value  # it looks the same whether it is chosen or not
        field.press("Enter")
        for _ in range(20):
            if whole or field.input_value() != value:
                field.blur()
                option.wait_for(state="hidden")
                several = page.locator(f"#{what} .token").count()
                if several or not whole or field.input_value().strip() == value:
                    return
                break
            page.wait_for_timeout(50)
    pytest.fail(f"{value} cannot be chosen")
