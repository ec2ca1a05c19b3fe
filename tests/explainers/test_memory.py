"""No tensor outlives the result that it was made for, without the garbage collector: large photographs fill the memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from helpers.memory import tensors, uncollected
from helpers.transformers import OF_ATTENTION, SIDE, planted
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers.catalogue import METHODS
from unseen.explanation import Explanation
from unseen.pipeline.explain import explain

SHORT = {
    "causal": "causal:iterations=1",
    "rise": "rise:masks=20",
    "sobol": "sobol:cells=9,designs=4",
    "hsic": "hsic:cells=9,masks=20",
    "extremal-perturbation": "extremal-perturbation:areas=1,rounds=3",
    "meaningful-perturbation": "meaningful-perturbation:rounds=3",
    "smallest-destroying-region": "smallest-destroying-region:rounds=3",
    "smallest-sufficient-region": "smallest-sufficient-region:rounds=3",
    "shapley-interactions": "shapley-interactions:segments=4",
    "deepshap": "deepshap:samples=2",
    "aggregate": "aggregate:nearby=2,hidden=8,segments=9",
}


@pytest.fixture(scope="module")
def small() -> Classifier:
    """A network that every method has a rule for; the bias makes the logit positive, as deep Taylor wants it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3),
        )  # fmt: skip
    nn.init.constant_(network[-1].bias, 1.0)  # type: ignore[arg-type]
    nn.init.uniform_(network[-1].weight, 0.1, 0.5, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    return Classifier(network.eval(), Preprocessing(size=(SIDE, SIDE), resize=None))


def held(explanation: Explanation) -> set[int]:
    own = [explanation.image, explanation.saliency, *(part.mask for part in explanation.parts)]
    return {id(one) for tensor in own for one in (tensor, tensor._base) if one is not None}


@pytest.mark.parametrize("removal", ["black", "ad"])
@pytest.mark.parametrize("method", tuple(METHODS))
def test_nothing_stays_alive_but_the_result(small: Classifier, method: str, removal: str) -> None:
    photo = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    spec, few = SHORT.get(method, method), {"chance": 2, "backgrounds": 2}
    if method in OF_ATTENTION:
        small = Classifier(planted(), small.preprocessing)
    try:
        explain(photo, small, method=spec, removal=removal, **few)  # what is made once for all is made now
    except NotApplicableError as error:
        pytest.skip(str(error))
    with uncollected():
        explanation = explain(photo, small, method=spec, removal=removal, **few)
        assert [tuple(one.shape) for one in tensors() if id(one) not in held(explanation)] == []
