from __future__ import annotations

import sqlite3
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from unseen.errors import OutputError
from unseen.evaluation.classes.store import FILE, MapStore, StoredMap

PART = torch.zeros(5, 7, dtype=torch.bool)
PART[1:3, 2:6] = True


def stored(part: torch.Tensor | None = PART) -> StoredMap:
    return StoredMap(3, "cat", True, 120, torch.randn(5, 7, generator=torch.Generator().manual_seed(0)), part)


@pytest.mark.parametrize("part", [PART, None])
def test_a_map_reads_back_as_it_was_after_the_file_was_closed(tmp_path: Path, part: torch.Tensor | None) -> None:
    first = MapStore(tmp_path / FILE)
    first.put("one", stored(part))
    first.close()
    second = MapStore(tmp_path / FILE)
    found = second.get("one")
    assert found is not None
    for field in fields(StoredMap):
        before, after = getattr(stored(part), field.name), getattr(found, field.name)
        assert torch.equal(before, after) if isinstance(before, torch.Tensor) else before == after
    assert second.get("another") is None
    second.close()


@pytest.mark.parametrize("change", ["saliency = x'00'", "space = '6x7'", "part = x'789c'", "label = x'00'"])
def test_a_damaged_map_is_refused(tmp_path: Path, change: str) -> None:
    store = MapStore(tmp_path / FILE)
    store.put("one", stored())
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(f"UPDATE maps SET {change}")
    database.close()
    with pytest.raises(OutputError, match="is no store of maps or is damaged"):
        store.get("one")
    store.close()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("no database, but long enough to be looked at as one" * 40)
    with pytest.raises(OutputError, match="is no store of maps"):
        MapStore(tmp_path / FILE)
