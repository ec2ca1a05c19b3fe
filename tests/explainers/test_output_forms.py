"""Every method: the same function in every form of its outputs has the same map, and neither name of two is left empty."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.trained import FORMS, SIDE, findings, of_red, pictures, spots
from helpers.transformers import OF_ATTENTION
from unseen import METHODS, explain
from unseen.errors import NotApplicableError
from unseen.explainers import map_of
from unseen.removal import REMOVALS

FEWER = {
    "rise": "rise:masks=100",
    "iassa": "iassa:budget=60",
    "lime": "lime:samples=60",
    "sobol": "sobol:cells=9,designs=8",
    "hsic": "hsic:cells=9,masks=60",
    "extremal-perturbation": "extremal-perturbation:areas=2,rounds=10,grid=12",
    "meaningful-perturbation": "meaningful-perturbation:rounds=10",
    "smallest-destroying-region": "smallest-destroying-region:rounds=10",
    "smallest-sufficient-region": "smallest-sufficient-region:rounds=10",
    "causal": "causal:iterations=2",
    "opti-cam": "opti-cam:rounds=6",
    "shapley": "shapley:segments=16,budget=200",
    "zipo-class": "zipo-class:most=40",
    "expected-gradients": "expected-gradients:samples=40",
    "shapley-interactions": "shapley-interactions:segments=5",
    "deepshap": "deepshap:samples=2",
}
BLIND = {"uniform", "random", "edges", "aggregate"}
"""Controls, which ask nothing of the model, and mixtures of the others."""
BY_SIZE = {"score-cam": 0.85}
"""The softmax of scores is its weights, which a factor on the scores changes: z is twice as much as z / 2."""


def mapped(method: str, form: str, photo: Tensor, present: bool) -> Tensor:
    classifier = of_red(FORMS[form], form)
    assert classifier.labels is not None
    target = "red" if present else next(label for label in classifier.labels if label != "red")
    asked, index = classifier.asked(target)
    masked = REMOVALS.create("black").bind(asked, photo)
    return map_of(METHODS.create(FEWER.get(method, method)), masked, index).double()


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return pictures(1, 5, torch.tensor([[True, True, False]]))[0][0]


def test_the_network_has_learnt_what_it_should() -> None:
    images, there, _ = pictures(200, 1)
    right = (spots()((images - 0.3) / 0.2) > 0) == there
    assert bool((right.float().mean(0) > 0.9).all())


@pytest.mark.parametrize("method", sorted(set(METHODS) - BLIND - {*OF_ATTENTION}))
def test_the_form_of_the_outputs_changes_no_map(method: str, photo: Tensor) -> None:
    for present in (True, False):
        try:
            expected = mapped(method, "logits", photo, present)
        except NotApplicableError:
            assert method == "deep-taylor"  # which decomposes positive logits only
            assert not present
            continue
        assert bool(expected.any())
        for form in FORMS:
            found = mapped(method, form, photo, present)
            alike = float(torch.corrcoef(torch.stack([expected.flatten(), found.flatten()]))[0, 1])
            assert alike > BY_SIZE.get(method, 0.99), f"{form}, {present=}: {alike}"


@pytest.mark.parametrize(
    "method", ["occlusion:window=0.1,stride=0.05", "integrated-gradients", "grad-cam", "lrp-gamma"]
)
def test_of_independent_findings_each_has_its_own_pixels(method: str, photo: Tensor) -> None:
    """Of methods that see finer than from one spot to the other; windows of a fifth of the picture hide both at once."""
    where = pictures(1, 5, torch.tensor([[True, True, False]]))[2][0]
    assert photo.shape == (3, SIDE, SIDE)
    for target, own in (("red", 0), ("green", 1)):
        found = explain(photo, findings(), method=method, removal="black", target=target).saliency
        assert float(found[where[own]].mean()) > 3 * float(found[where[1 - own]].mean().abs())


def test_nothing_competes_among_findings(photo: Tensor) -> None:
    both = explain(photo, findings(), method="occlusion", removal="black", target="red")
    assert both.probability > 0.9
    assert explain(photo, findings(), method="occlusion", removal="black", target="green").probability > 0.9
    absent = explain(photo, findings(), method="occlusion", removal="black", target="no blue")
    assert absent.probability > 0.9
    assert not [note for note in absent.notes if "on the full photograph the model says" in note]
