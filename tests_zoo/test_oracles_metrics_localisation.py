"""Localisation metrics against Quantus and scikit-learn, on maps without equal values unless said otherwise."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score as sklearn_f1
from sklearn.metrics import jaccard_score, precision_recall_curve
from torch import Tensor

from unseen.metrics.localisation import (
    f1_score,
    intersection_over_union,
    localisation_energy,
    pointing_game,
    rank_accuracy,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import quantus

SEEDS = range(8)


pytestmark = pytest.mark.usefixtures("quiet_peers")


def drawn(seed: int, *, positive: bool = True) -> tuple[Tensor, Tensor]:
    """A smooth object and a map that half follows it."""
    stream = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    centre, radius = torch.rand(2, generator=stream) * 32, 4 + 6 * torch.rand(1, generator=stream)
    annotation = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 < radius**2
    saliency = torch.rand(32, 32, generator=stream) + 0.4 * annotation
    return saliency if positive else saliency - 0.5, annotation


def asked(metric: Any, saliency: Tensor, annotation: Tensor) -> float:
    """Quantus' value of one map; it neither scales nor rectifies it."""
    map_, mask = saliency.numpy()[None, None], annotation.numpy()[None, None]
    if hasattr(metric, "evaluate_instance"):
        return float(metric.evaluate_instance(x=map_[0], a=map_[0], s=mask[0]))
    return float(np.asarray(metric.evaluate_batch(x_batch=map_, a_batch=map_, s_batch=mask))[0])


def peer(name: str, **more: Any) -> Any:
    return getattr(quantus, name)(abs=False, normalise=False, disable_warnings=True, **more)


@pytest.mark.parametrize("seed", SEEDS)
def test_quantus_agrees(seed: int) -> None:
    saliency, annotation = drawn(seed)
    assert asked(peer("PointingGame"), saliency, annotation) == pointing_game(saliency, annotation, 0)
    mass = asked(peer("RelevanceMassAccuracy"), saliency, annotation)
    assert localisation_energy(saliency, annotation) == pytest.approx(mass, rel=1e-5)
    share = asked(peer("AttributionLocalisation", weighted=False), saliency, annotation)
    assert localisation_energy(saliency, annotation) == pytest.approx(share, rel=1e-5)
    rank = asked(peer("RelevanceRankAccuracy"), saliency, annotation)
    assert rank_accuracy(saliency, annotation) == pytest.approx(rank)
    for k in (1, 10, 200):
        top = asked(peer("TopKIntersection", k=k, concept_influence=False), saliency, annotation)
        assert rank_accuracy(saliency, annotation, k) == pytest.approx(top)


def test_of_equal_maxima_quantus_takes_the_luckiest() -> None:
    """Zhang et al. know one maximum; with the luckiest of several a constant map would always hit."""
    _, annotation = drawn(0)
    assert asked(peer("PointingGame"), torch.ones(32, 32), annotation) == 1
    assert pointing_game(torch.ones(32, 32), annotation, 0) == pytest.approx(float(annotation.float().mean()))


@pytest.mark.parametrize("seed", SEEDS)
def test_overlap_is_scikit_learns(seed: int) -> None:
    saliency, annotation = drawn(seed, positive=False)
    true, shown = annotation.flatten().numpy(), (saliency > 0.3 * saliency.max()).flatten().numpy()
    assert intersection_over_union(saliency, annotation) == pytest.approx(jaccard_score(true, shown))
    assert f1_score(saliency, annotation) == pytest.approx(sklearn_f1(true, shown))


@pytest.mark.parametrize("levels", [None, 6])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_f1_lies_on_scikit_learns_curve(seed: int, levels: int | None) -> None:
    saliency, annotation = drawn(seed, positive=False)
    saliency = saliency if levels is None else (saliency * levels).round()
    precision, recall, _ = precision_recall_curve(annotation.flatten().numpy(), saliency.flatten().numpy())
    best = float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12)))
    assert f1_score(saliency, annotation, None) == pytest.approx(best)
