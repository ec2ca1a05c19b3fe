"""Every method leaves the user's model, and everything global, exactly as found: whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.networks import bound
from helpers.transformers import OF_ATTENTION
from helpers.untouched import fragile, untouched
from unseen import Classifier
from unseen.errors import UnseenError
from unseen.explainers.catalogue import METHODS
from unseen.removal import REMOVALS

CHEAP = {
    "causal": "causal:iterations=1", "rise": "rise:masks=8", "occlusion": "occlusion",
    "integrated-gradients": "integrated-gradients:most=17,tolerance=0.9", "expected-gradients": "expected-gradients:samples=2", "deepshap": "deepshap:samples=2",
    "smoothgrad": "smoothgrad:samples=2", "smoothgrad-squared": "smoothgrad-squared:samples=2", "vargrad": "vargrad:samples=2",
    "opti-cam": "opti-cam:rounds=2", "lime": "lime:samples=8", "shapley": "shapley:segments=9,budget=60", "shapley-interactions": "shapley-interactions:segments=4", "sobol": "sobol:cells=9,designs=4", "hsic": "hsic:cells=9,masks=20",
    "extremal-perturbation": "extremal-perturbation:areas=2,rounds=2",
    **{name: f"{name}:rounds=2" for name in ("meaningful-perturbation", "smallest-destroying-region", "smallest-sufficient-region")},
    "iassa": "iassa:budget=20",
    "zipo": "zipo:most=3,excess=0.0001", "zipo-class": "zipo-class:most=3,drift=0.0001",
}  # fmt: skip
NAMES = [name for name in METHODS if name not in OF_ATTENTION]
"""Those that ask a transformer are tried with their kind."""
TRAINED = ("saliency", "guided-backprop", "lrp-gamma", "deeplift", "grad-cam", "opti-cam", "cam", "smoothgrad")
"""Those that are tried on the bundled network, too: one of each kind."""


pytestmark = pytest.mark.usefixtures("unchecked_types")  # the checks draw from Python's random numbers themselves


def ask(name: str, masked: Any) -> None:
    METHODS.create(CHEAP.get(name, name))(masked, 1, confidence=(0.5,), seed=1)


@pytest.mark.parametrize("name", NAMES)
def test_a_small_network_is_left_as_found(name: str) -> None:
    model = fragile()
    masked = bound(model, double=False)
    with untouched(model):
        ask(name, masked)
    assert masked.evaluations > 0


@pytest.mark.parametrize("passes", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_also_if_it_raises(name: str, passes: int) -> None:
    model = fragile()
    masked = bound(model, double=False)
    model.passes_left = passes
    with untouched(model), pytest.raises(UnseenError, match="the lights went out"):
        ask(name, masked)


@pytest.mark.parametrize("name", NAMES)
def test_also_if_it_is_refused(name: str) -> None:
    model = fragile()
    model.strange = True
    masked = bound(model, double=False)
    refused = False
    with untouched(model):
        try:
            ask(name, masked)
        except UnseenError:
            refused = True
    looks_inside = ("lrp", "deep", "fullgrad", "cam", "deconvnet", "guided", "iassa", "aggregate")
    assert refused == (any(word in name for word in looks_inside))


@pytest.mark.parametrize("name", NAMES)
def test_also_from_code_without_gradients(name: str) -> None:
    model = fragile()
    masked = bound(model, double=False)
    with untouched(model), torch.no_grad():
        ask(name, masked)
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("name", TRAINED)
def test_the_trained_network_is_left_as_found(name: str, classifier: Classifier, photo: Tensor) -> None:
    masked = REMOVALS.create("grey").bind(classifier, photo)
    with untouched(classifier.model):
        method = METHODS.create(CHEAP.get(name, name))
        method.attribute(_evaluator(masked), 0, None)  # type: ignore[attr-defined]


def _evaluator(masked: Any) -> Any:
    from unseen.explainers.sufficient.evaluation import Evaluator

    return Evaluator(masked, 967)
