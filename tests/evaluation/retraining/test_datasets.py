from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unseen.errors import ModelError, ParameterError, PhotoError
from unseen.evaluation.retraining.datasets import Dataset, labelled, load_dataset


def folder_of(place: Path, **classes: int) -> Path:
    """A folder with so many photographs per class, each class in a grey of its own."""
    for number, (name, count) in enumerate(classes.items()):
        (place / name).mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", (40, 30), (60 * number + 40, 0, index)).save(place / name / f"{index}.png")
    return place


def check_split(dataset: Dataset, test_share: float) -> None:
    both = torch.cat([dataset.train, dataset.test])
    assert torch.equal(both.sort().values, torch.arange(len(dataset.labels)))
    for number in range(len(dataset.classes)):
        count = int((dataset.labels == number).sum())
        assert int((dataset.labels[dataset.test] == number).sum()) == round(test_share * count)


def test_the_digits_are_real_and_upscaled() -> None:
    dataset = load_dataset("digits")
    assert dataset.images.shape == (1797, 3, 32, 32)
    assert dataset.classes == tuple("0123456789")
    assert 0 <= float(dataset.images.min()) < float(dataset.images.max()) <= 1
    assert torch.equal(dataset.images[:, 0], dataset.images[:, 2])
    check_split(dataset, 0.2)
    from sklearn.datasets import load_digits

    small = torch.nn.functional.avg_pool2d(dataset.images[:5, :1], 4)[:, 0]
    correlation = np.corrcoef(small.flatten(), load_digits().images[:5].ravel())[0, 1]
    assert correlation > 0.95


def test_the_faces_need_no_extra() -> None:
    dataset = load_dataset("faces", test_share=0.25)
    assert (dataset.images.shape, dataset.size) == ((200, 3, 32, 32), (32, 32))
    check_split(dataset, 0.25)


def test_the_split_is_that_of_the_seed() -> None:
    first, again, other = (load_dataset("faces", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.train, again.train)
    assert not torch.equal(first.test, other.test)
    assert first.fingerprint == again.fingerprint != other.fingerprint


def test_a_limit_keeps_classes_balanced_and_the_test_photographs() -> None:
    dataset = load_dataset("digits")
    limited = dataset.limited(50)
    assert torch.bincount(limited.labels[limited.train]).tolist() == [5] * 10
    assert torch.equal(limited.test, dataset.test)
    assert torch.equal(limited.train[:20], dataset.limited(20).train)
    assert dataset.limited(None) is dataset
    with pytest.raises(ParameterError, match="limit must be at least 20, got 19"):
        dataset.limited(19)


def test_a_folder_with_a_folder_per_class(tmp_path: Path) -> None:
    place = folder_of(tmp_path / "set", cat=12, dog=10)
    (place / ".hidden").mkdir()
    dataset = load_dataset(place, size=24)
    assert dataset.images.shape == (22, 3, 24, 24)
    assert dataset.classes == ("cat", "dog")
    reds = dataset.images[:, 0, 12, 12]
    torch.testing.assert_close(reds, torch.where(dataset.labels == 0, 40 / 255, 100 / 255))
    check_split(dataset, 0.2)


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="is no folder; give digits or faces"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(ParameterError, match="has 1 folder inside; a data set needs one for each"):
        load_dataset(folder_of(tmp_path / "one", cat=12))
    with pytest.raises(ParameterError, match=r"class 'dog' of .* has 9 photographs; give at least 10"):
        load_dataset(folder_of(tmp_path / "few", cat=12, dog=9))
    (tmp_path / "bare").mkdir()
    with pytest.raises(ParameterError, match="has no folders inside"):
        load_dataset(tmp_path / "bare")
    (tmp_path / "empty" / "a").mkdir(parents=True)
    (tmp_path / "empty" / "b").mkdir()
    with pytest.raises(PhotoError, match="holds no photographs"):
        load_dataset(tmp_path / "empty")
    with pytest.raises(ParameterError, match="size must be at least 16, got 8"):
        load_dataset(tmp_path / "one", size=8)
    with pytest.raises(ParameterError, match=r"test_share must be in \(0, 1\), got 1"):
        load_dataset("faces", test_share=1.0)
    with pytest.raises(ParameterError, match="has 1 classes"):
        labelled("one", torch.zeros(10, 3, 8, 8), torch.zeros(10, dtype=torch.int64), ("only",))


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModelError, match=r"pip install 'unseen\[retraining\]'"):
        load_dataset("digits")
