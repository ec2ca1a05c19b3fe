from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from helpers import toys
from unseen.classifier.zoo import MODELS
from unseen.explainers.catalogue import METHODS


@pytest.fixture(autouse=True)
def toy_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The methods and the models of ``toys`` can be chosen by name."""
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(METHODS.entries, "unable", toys.UNABLE)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)


@pytest.fixture
def bright_left(tmp_path: Path) -> Path:
    """A photograph whose left half is white."""
    path = tmp_path / "half.png"
    image = Image.new("RGB", (64, 48))
    image.paste("white", (0, 0, 32, 48))
    image.save(path)
    return path
