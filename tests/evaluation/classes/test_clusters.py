from __future__ import annotations

import sys

import numpy as np
import pytest

from unseen.errors import ModelError
from unseen.evaluation.classes.clusters import affinity_of, kinds_of


def around(*centres: float, each: int = 10, spread: float = 1.0) -> np.ndarray:
    stream = np.random.default_rng(1)
    return np.concatenate([stream.normal(centre, spread, (each, 6)) for centre in centres])


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_gap_of_the_eigenvalues_says_how_many_kinds_there_are(count: int) -> None:
    kinds = kinds_of(around(*(10.0 * n for n in range(count))))
    assert kinds.count == count
    assert list(kinds.eigenvalues) == sorted(kinds.eigenvalues)
    for place in range(count):
        assert len(set(kinds.labels[10 * place : 10 * place + 10].tolist())) == 1


def test_the_largest_kind_comes_first() -> None:
    maps = np.concatenate([around(0.0, each=6), around(20.0, each=14)])
    kinds = kinds_of(maps)
    assert kinds.labels.tolist() == [1] * 6 + [0] * 14


def test_few_maps_and_equal_maps_are_one_kind() -> None:
    assert kinds_of(around(0.0, 9.0, each=3)).labels.tolist() == [0] * 6
    assert kinds_of(np.ones((12, 4))).count == 1


def test_likeness_is_symmetric_and_each_map_is_most_like_itself() -> None:
    affinity = affinity_of(around(0.0, 5.0))
    np.testing.assert_allclose(affinity, affinity.T)
    np.testing.assert_allclose(np.diag(affinity), 1)
    assert affinity.min() > 0


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ModelError, match=r"pip install 'unseen\[classes\]'"):
        kinds_of(around(0.0, 20.0))
