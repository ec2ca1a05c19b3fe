from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from helpers import colour_model
from helpers.serving import ESPRESSO
from unseen.app import evaluated
from unseen.app.evaluated import Evaluated
from unseen.errors import OutputError
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.gallery import Selection
from unseen.evaluation.judging.ledger import FILE
from unseen.evaluation.judging.plan import Plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("evaluation")
    asked = {"methods": ("saliency", "occlusion"), "metrics": ("insertion",), "removals": ("black", "grey")}
    run(Plan((ESPRESSO,), model=colour_model.build(), controls=False, **asked), place)  # type: ignore[arg-type]
    return place


def test_a_page_of_pictures_has_values_and_says_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Evaluated.of(folder)
    assert found.offered is not None
    monkeypatch.setattr(evaluated, "PAGE", 3)
    first, count = found.cards(Selection(), None, 0)
    second, _ = found.cards(Selection(), None, 3)
    assert count == 4
    assert (first.count("<article>"), second.count("<article>")) == (3, 1)
    assert first.count("data-enlarge") == 3
    assert "insertion" in first
    with sqlite3.connect(folder / FILE) as database:
        database.execute("UPDATE explanations SET reason = '<b>burnt' WHERE method = 'saliency'")
        database.execute("DELETE FROM maps WHERE method = 'occlusion'")
    database.close()
    monkeypatch.setattr(evaluated, "PAGE", 9)
    again, _ = found.cards(Selection(), 0.5, 0)
    assert again.count("&lt;b&gt;burnt") == again.count("No picture was kept") == 2
    (folder / FILE).unlink()
    assert found.cards(Selection(), None, 0)[1] == 0
    assert 'role="alert"' in found.cards(Selection(), None, 0)[0]
    with pytest.raises(OutputError, match="holds no results"):
        Evaluated.of(folder)
