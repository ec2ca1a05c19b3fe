from __future__ import annotations

import pytest

from helpers import pointers
from unseen.explainers.catalogue import METHODS


@pytest.fixture(autouse=True)
def known_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The methods of ``pointers`` can be chosen by name."""
    for name, entry in pointers.METHODS.items():
        monkeypatch.setitem(METHODS.entries, name, entry)
