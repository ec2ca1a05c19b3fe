"""Metrics that ask the method again leave the user's model, and everything global, as found."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.networks import bound
from helpers.untouched import fragile, untouched
from unseen import Classifier
from unseen.explainers.catalogue import METHODS
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS, MaskedClassifier

ASKING = (
    "average-sensitivity:samples=2",
    "max-sensitivity:samples=2,by=removal",
    "adcc",
    "attmask",
    "attribution-shift:side=2",
)
DRAWING = tuple(f"parameter-randomisation:layers=2,order={order}" for order in ("top-down", "independent"))


pytestmark = pytest.mark.usefixtures("unchecked_types")  # the checks draw from Python's random numbers themselves


def judged(masked: MaskedClassifier, target: int) -> Case:
    explain = explainer(METHODS.create("input-x-gradient"), REMOVALS.create("grey"))
    return Case(explain(masked.classifier, masked.image, target), target, masked, explain)


@pytest.mark.parametrize("metric", ASKING + DRAWING)
def test_a_small_network_is_left_as_found(metric: str) -> None:
    model = fragile()
    case = judged(bound(model, double=False), 1)
    judge = METRICS.create(metric)
    with untouched(model):
        judge(case)
    with untouched(model), torch.no_grad():
        assert judge(case) == judge(case)


def test_also_if_it_raises() -> None:
    model = fragile()
    case = judged(bound(model, double=False), 1)
    model.passes_left = 1
    with untouched(model), pytest.raises(Exception, match="the lights went out"):
        METRICS.create("average-sensitivity")(case)
    model.passes_left = 1  # of the copy, too
    with untouched(model), pytest.raises(Exception, match="the lights went out"):
        METRICS.create("parameter-randomisation:layers=1")(case)


def test_the_trained_network_is_left_as_found(classifier: Classifier, photo: Tensor) -> None:
    case = judged(REMOVALS.create("grey").bind(classifier, photo), 967)
    before = classifier.fingerprint
    metrics = [METRICS.create(spec) for spec in ("average-sensitivity:samples=1", "parameter-randomisation:layers=2")]
    with untouched(classifier.model):
        values = [metric(case) for metric in metrics]
    assert classifier.fingerprint == before
    assert 0 < values[0] < 2
    assert abs(values[1]) < 0.9
