from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from helpers import colour_model
from helpers.serving import ESPRESSO, Serving
from unseen.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """``unseen app`` with the results of an evaluation; only where there is a browser to open it."""
    del browser
    model = f"python:{colour_model.__file__}:build"
    results = tmp_path_factory.mktemp("evaluation")
    words = ["--removals", "black", "--methods", "saliency", "--metrics", "insertion", "--no-controls"]
    assert main(["evaluate", str(ESPRESSO), "--model", model, *words, "--out", str(results)]) == 0
    serving = Serving("--model", model, "--results", results)
    yield serving
    serving.end()
