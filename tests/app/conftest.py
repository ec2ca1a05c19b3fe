from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from helpers import colour_model
from helpers.browser import chromium
from helpers.serving import Serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real one, without a window."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def server(browser: Browser) -> Iterator[Serving]:
    """``unseen app``; only where there is a browser to open it."""
    del browser
    serving = Serving("--model", f"python:{colour_model.__file__}:build")
    yield serving
    serving.end()
