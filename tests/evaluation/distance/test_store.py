"""Features on disk: computed once, kept at once, and never mistaken for others'."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helpers.toys import Colours
from unseen import Classifier, Preprocessing
from unseen.errors import OutputError
from unseen.evaluation.distance.store import FeatureStore, identity_of, key_of

IMAGE = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))


def counted(asked: list[int]) -> object:
    def compute(places: Sequence[int]) -> Tensor:
        asked.extend(places)
        return torch.stack([torch.full((4,), float(place)) for place in places])

    return compute


def test_what_is_known_is_not_computed_again(tmp_path: Path) -> None:
    asked: list[int] = []
    for path in (tmp_path / "some" / "features.sqlite", None):
        asked.clear()
        store = FeatureStore(path)
        first = store.get(["a", "b"], counted(asked))
        assert asked == [0, 1]
        both = store.get(["b", "c", "a"], counted(asked))
        assert asked == [0, 1, 1]
        assert torch.equal(both, torch.stack([first[1], torch.ones(4), first[0]]))
        store.close()
    again = FeatureStore(tmp_path / "some" / "features.sqlite")
    assert torch.equal(again.get(["a", "b", "c"], counted(asked)), both[[2, 0, 1]])
    assert asked == [0, 1, 1]
    again.close()


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features.sqlite")
    known = store.get(["a"], counted([]))

    def fails(places: Sequence[int]) -> Tensor:
        raise KeyboardInterrupt(len(places))

    with pytest.raises(KeyboardInterrupt):
        store.get(["a", "b"], fails)
    store.close()
    again = FeatureStore(tmp_path / "features.sqlite")
    assert torch.equal(again.get(["a"], fails), known)
    again.close()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "features.sqlite"
    path.write_text("not a data base, but long enough to be read as the head of one " * 20)
    with pytest.raises(OutputError, match=r"features\.sqlite is no store of features or is damaged .* move it away"):
        FeatureStore(path)
    with pytest.raises(OutputError, match="cannot write"):
        FeatureStore(path / "inside.sqlite")


@pytest.mark.parametrize("damage", ["x'0102'", "'text'"])
def test_a_vector_that_is_damaged_is_refused(damage: str, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "features.sqlite")
    store.get(["a"], counted([]))
    store.close()
    with closing(sqlite3.connect(tmp_path / "features.sqlite")) as file, file:
        file.execute(f"UPDATE features SET vector = {damage}")
    store = FeatureStore(tmp_path / "features.sqlite")
    with pytest.raises(OutputError, match=r"features\.sqlite is no store .* move it away"):
        store.get(["a"], counted([]))
    store.close()


def test_another_run_in_the_same_file_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = FeatureStore(tmp_path / "features.sqlite"), FeatureStore(tmp_path / "features.sqlite")
    one.get(["a"], counted([]))
    asked: list[int] = []
    assert other.get(["a", "b"], counted(asked)).shape == (2, 4)
    assert asked == [1]
    one.close()
    other.close()
    monkeypatch.setattr("unseen.system.database.PATIENCE", 0.1)
    with closing(sqlite3.connect(tmp_path / "features.sqlite", isolation_level=None)) as file:
        file.execute("BEGIN EXCLUSIVE")
        with pytest.raises(OutputError, match="is in use by another process; wait for it"):
            FeatureStore(tmp_path / "features.sqlite")


def test_keys_tell_everything_apart() -> None:
    def classifier(std: float = 1.0) -> Classifier:
        return Classifier(Colours(), Preprocessing((24, 32), None, std=(std, std, std)))

    one, mask = classifier(), torch.ones(24, 32)
    half = mask.clone()
    half[:12] = 0
    other = classifier()
    other.model.head.bias.data.add_(1)
    keys = [
        key_of(identity_of(one), IMAGE),
        key_of(identity_of(one), IMAGE / 2),
        key_of(identity_of(one), IMAGE, "grey", mask),
        key_of(identity_of(one), IMAGE, "black", mask),
        key_of(identity_of(one), IMAGE, "grey", half),
        key_of(identity_of(classifier(2.0)), IMAGE),
        key_of(identity_of(other), IMAGE),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of(identity_of(one), IMAGE.clone(), "grey", half > 0) == keys[4]
