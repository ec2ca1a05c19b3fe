from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from helpers import toys
from helpers.engines import Elsewhere
from unseen.classifier.zoo import MODELS
from unseen.cli.options import EngineOptions
from unseen.explainers.catalogue import METHODS


@pytest.fixture(autouse=True)
def toy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The methods and the models of ``toys`` can be chosen by name."""
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(METHODS.entries, "unable", toys.UNABLE)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Words that ask for an engine, which works in this process as another one would."""
    made = EngineOptions.made
    monkeypatch.setattr(EngineOptions, "made", lambda asked: Elsewhere() if asked.workers == 2 else made(asked))
    return ["--workers", "2"]


@pytest.fixture
def bright_left(tmp_path: Path) -> Path:
    """A photograph whose left half is white."""
    path = tmp_path / "half.png"
    image = Image.new("RGB", (64, 48))
    image.paste("white", (0, 0, 32, 48))
    image.save(path)
    return path
