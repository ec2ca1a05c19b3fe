"""Distances against loops and against scikit-learn, and what they must do where the answer is known."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score
from torch import Tensor

from unseen.errors import ParameterError
from unseen.evaluation.distance.distances import (
    Gaussian,
    auroc,
    discriminant,
    mahalanobis,
    neighbour_distance,
    relative,
    shrunk_covariance,
)


def normal(count: int, channels: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))


REFERENCE = normal(40, seed=1) + 2


@pytest.mark.parametrize("k", [1, 3, 40])
def test_the_neighbour_is_that_of_a_loop(k: int) -> None:
    features = normal(5) + 1
    for vector, found in zip(features.double(), neighbour_distance(features, REFERENCE, k).tolist(), strict=True):
        away = [float((vector / vector.norm() - known / known.norm()).norm()) for known in REFERENCE.double()]
        assert found == pytest.approx(sorted(away)[k - 1], abs=1e-9)


def test_length_does_not_matter_to_neighbours_and_nothing_is_at_distance_one() -> None:
    features = normal(5)
    found = neighbour_distance(features, REFERENCE, 3)
    torch.testing.assert_close(neighbour_distance(7 * features, REFERENCE / 3, 3), found, rtol=1e-5, atol=1e-7)
    assert neighbour_distance(torch.zeros(1, 6), REFERENCE, 3).tolist() == pytest.approx([1.0])


@pytest.mark.parametrize("k", [0, 41])
def test_a_neighbour_that_there_is_not_is_refused(k: int) -> None:
    with pytest.raises(ParameterError, match=f"neighbour {k} must be from 1 to 40"):
        neighbour_distance(REFERENCE, REFERENCE, k)


@pytest.mark.parametrize(("count", "channels"), [(40, 6), (10, 30), (3, 2)])
def test_the_covariance_and_the_distance_are_those_of_scikit_learn(count: int, channels: int) -> None:
    mixing = normal(channels, channels, seed=2)
    reference, features = normal(count, channels) @ mixing, normal(7, channels, seed=3)
    oracle = LedoitWolf().fit(reference.double().numpy())
    torch.testing.assert_close(shrunk_covariance(reference), torch.from_numpy(oracle.covariance_), rtol=1e-7, atol=1e-9)
    expected = torch.from_numpy(oracle.mahalanobis(features.double().numpy())).sqrt()
    torch.testing.assert_close(mahalanobis(features, reference), expected, rtol=1e-5, atol=1e-7)


def test_a_reference_without_spread_is_refused() -> None:
    with pytest.raises(ParameterError, match="the same features"):
        mahalanobis(REFERENCE, REFERENCE[:1].expand(20, -1))


@given(st.floats(3, 50))
def test_the_distance_grows_when_pictures_are_moved_away(step: float) -> None:
    direction = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
    middle = REFERENCE.mean(0, keepdim=True)
    near, far = middle + step * direction, middle + 1.1 * step * direction
    assert float(mahalanobis(near, REFERENCE)) < float(mahalanobis(far, REFERENCE))
    assert float(neighbour_distance(near, REFERENCE, 5)) < float(neighbour_distance(far, REFERENCE, 5))


def test_whitened_vectors_have_the_length_of_the_distance() -> None:
    features = normal(5)
    gaussian = Gaussian.of(REFERENCE)
    torch.testing.assert_close(gaussian.whitened(features).norm(dim=1), mahalanobis(features, REFERENCE))
    assert gaussian.whitened(REFERENCE).mean(0).abs().max() < 1e-5


@given(st.lists(st.integers(0, 6), min_size=1, max_size=15), st.integers(0, 100))
def test_auroc_is_that_of_scikit_learn(found: list[int], seed: int) -> None:
    own = torch.randint(0, 7, (len(found),), generator=torch.Generator().manual_seed(seed)).tolist()
    expected = roc_auc_score([1] * len(found) + [0] * len(own), [*found, *own])
    value = auroc(found, own)
    assert value.value == pytest.approx(expected)
    assert 0 <= value.low <= value.high <= 1


def test_known_areas() -> None:
    own = [1.0, 2.0, 3.0, 4.0]
    for found, expected in (([5.0, 6, 7, 8], 1.0), ([0.0] * 4, 0.0), (own, 0.5)):
        value = auroc(found, own)
        assert (value.value, value.n) == (expected, 4)
    # The photographs themselves in another order are no pairs any more, and still cannot be told.
    assert auroc(own[::-1], own).value == 0.5


def test_relative_is_a_ratio_of_means() -> None:
    value = relative([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert (value.value, value.low, value.high) == (2.0, 2.0, 2.0)
    assert relative([3.0, 1.0], [1.0, 3.0]).value == 1.0


def test_no_multiple_of_nothing() -> None:
    with pytest.raises(ParameterError, match="all the same direction"):
        relative([1.0, 2.0], [0.0, 0.0])


def test_the_discriminant_tests_each_photograph_by_the_others() -> None:
    found, own = normal(6) + 0.5, normal(6, seed=9)
    along, along_own = discriminant(found, own)
    for number in range(6):
        others = [other for other in range(6) if other != number]
        direction = found[others].mean(0) - own[others].mean(0)
        assert float(along[number]) == pytest.approx(float(found[number] @ direction), rel=1e-4)
        assert float(along_own[number]) == pytest.approx(float(own[number] @ direction), rel=1e-4)


def test_the_discriminant_finds_what_moves_towards_the_middle() -> None:
    reference, own = normal(200, 30, seed=1) + 1, normal(40, 30, seed=2) + 1
    shrunken = 0.1 * own + 0.9 * reference.mean(0)
    shrunken[:, 0] += 1.0  # all in one direction, and still nearer to the middle than any photograph
    assert auroc(mahalanobis(shrunken, reference), mahalanobis(own, reference)).value < 0.05
    whitened = Gaussian.of(reference).whitened
    assert auroc(*discriminant(whitened(shrunken), whitened(own))).value > 0.8
    assert auroc(*discriminant(whitened(own), whitened(own))).value == 0.5


def test_the_discriminant_is_not_misled_by_photographs_of_another_kind_than_the_reference() -> None:
    whitened = Gaussian.of(normal(200, 30, seed=1)).whitened
    own, apart, step = normal(40, 30, seed=2), torch.zeros(30), torch.zeros(30)
    apart[0], step[1] = 3.0, 1.5
    near = auroc(*discriminant(whitened(own + step), whitened(own))).value
    assert near > 0.75
    for found in (own + apart + step, own + apart - 1.5 * apart / 3):  # aside, and back towards the reference
        assert auroc(*discriminant(whitened(found), whitened(own + apart))).value == pytest.approx(near, abs=0.1)


def test_the_discriminant_of_other_photographs_cannot_be_told() -> None:
    reference = normal(200, 30, seed=1)
    whitened = Gaussian.of(reference).whitened
    areas = []
    for seed in range(10):
        one, other = whitened(normal(40, 30, seed=100 + seed)), whitened(normal(40, 30, seed=200 + seed))
        areas.append(auroc(*discriminant(one, other)).value)
    assert sum(areas) / len(areas) == pytest.approx(0.5, abs=0.06)
