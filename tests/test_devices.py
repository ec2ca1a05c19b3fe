"""On a device other than the CPU everything is as on it: ``pytest -m gpu``, on the GPU where there is one.

Without a GPU the other device is a stand-in that refuses what a GPU would; see :mod:`helpers.elsewhere`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.elsewhere import elsewhere
from helpers.networks import Network
from helpers.truths import FEWER
from unseen import Classifier, Preprocessing, explain, load_classifier
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers import METHODS, map_of
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS, MaskedClassifier

pytestmark = pytest.mark.gpu

SIDE, CLASSES = 16, 3
FEW = {
    **FEWER,
    "occlusion": "window=0.3,stride=0.2", "iassa": "budget=40", "zip-decomposition": "most=20",
    "aggregate": "of=grad-cam/saliency,nearby=1,hidden=8,segments=8", "opti-cam": "rounds=3",
    "extremal-perturbation": "areas=1,rounds=2,grid=6", "meaningful-perturbation": "rounds=3",
    "smallest-destroying-region": "rounds=3", "smallest-sufficient-region": "rounds=3", "zipo": "most=5",
    "null-feature": "steps=3", "single-feature": "steps=3", "double-feature": "steps=3",
    **{f"relative-{by}-stability": "samples=2" for by in ("input", "representation", "output")},
    "average-sensitivity": "samples=2", "max-sensitivity": "samples=2", "attribution-shift": "side=2",
    "robust-size": "contexts=4",
}  # fmt: skip
"""Of what is costly."""
ELSEWHERE = {"mae", "mae-zip", "telea", "navier-stokes"}
"""Removals that paint by a model of their own, or another library."""
OF_ATTENTION = {"attention-rollout", "chefer"}
WITH_FOLDER = {"marginal", "donor", "dataset-mean"}


def convolutions() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES),
        ).eval().requires_grad_(False)  # fmt: skip


def attending(network: Network, images: Tensor) -> Tensor:
    tokens = network.tokens(images)
    return network.head((tokens + network.attention(tokens, tokens, tokens, need_weights=False)[0]).mean(1))


def of(network: nn.Module) -> Classifier:
    fed = Preprocessing((SIDE, SIDE), None, mean=(0.5,) * 3, std=(0.25,) * 3)
    return Classifier(network, fed, list("abc"))


def photograph(seed: int = 0) -> Tensor:
    return torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@contextmanager
def both(network: nn.Module) -> Iterator[tuple[Classifier, Classifier]]:
    """The same classifier on the CPU and on the other device."""
    with elsewhere() as device:
        yield of(network), of(copy.deepcopy(network).to(device))


@pytest.fixture
def pair() -> Iterator[tuple[Classifier, Classifier]]:
    with both(convolutions()) as found:
        yield found


def spelt(name: str) -> str:
    return f"{name}:{FEW[name]}" if name in FEW else name


def close(found: Tensor, expected: Tensor) -> None:
    """To rounding, which differs by device."""
    assert found.device.type == "cpu"
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()) + 1e-12)


def test_a_tensor_of_the_cpu_is_refused() -> None:
    """Else nothing below would mean anything."""
    with elsewhere() as device:
        network = convolutions().to(device)
        network(photograph()[None].to(device))
        with pytest.raises(RuntimeError, match="device"):
            network(photograph()[None])


def test_answers_come_back_to_the_cpu(pair: tuple[Classifier, Classifier]) -> None:
    here, there = pair
    assert there.device.type != "cpu"
    close(there.logits(photograph()[None]), here.logits(photograph()[None]))
    close(there.optimised().logits(photograph()[None]), here.logits(photograph()[None]))


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_makes_the_same_map(method: str) -> None:
    asked = METHODS.create(spelt(method))
    network = Network(attending).eval().requires_grad_(False) if method in OF_ATTENTION else convolutions()
    with both(network) as pair:
        here, there = (REMOVALS.create("zero").bind(one, photograph()) for one in pair)
        close(map_of(asked, there, 0), map_of(asked, here, 0))


@pytest.mark.parametrize("removal", sorted(set(REMOVALS) - ELSEWHERE - WITH_FOLDER))
def test_every_removal_hides_alike(removal: str, pair: tuple[Classifier, Classifier]) -> None:
    masks = (torch.rand(4, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    here, there = (REMOVALS.create(spelt(removal)).bind(one, photograph()) for one in pair)
    close(there(masks), here(masks))


@pytest.mark.parametrize("removal", ["ad", "ad:pooled", "ad:pooled,fill=neighbour"])
@pytest.mark.parametrize("method", ["occlusion", "grad-cam", "saliency"])
def test_switched_off_activations_and_attention(method: str, removal: str) -> None:
    with both(Network(attending).eval().requires_grad_(False)) as pair:
        here, there = (REMOVALS.create(removal).bind(one, photograph()) for one in pair)
        try:
            expected = map_of(METHODS.create(method), here, 0)
        except NotApplicableError as refusal:
            with pytest.raises(NotApplicableError, match=str(refusal)[:20]):
                map_of(METHODS.create(method), there, 0)
            return
        close(map_of(METHODS.create(method), there, 0), expected)


@pytest.mark.parametrize("metric", [name for name in METRICS if METRICS[name].judges == "map"])
def test_every_metric_says_the_same(metric: str, pair: tuple[Classifier, Classifier]) -> None:
    method, removal = METHODS.create("input-x-gradient"), REMOVALS.create("zero")
    where = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    where[4:12, 4:12] = True

    def value(masked: MaskedClassifier) -> float:
        others = [photograph(seed) for seed in range(1, 9)]
        given: dict[str, Any] = {"explainer": explainer(method, removal), "annotation": where, "others": lambda: others}
        case = Case(map_of(method, masked, 0), 0, masked, **given)
        return float(METRICS.create(spelt(metric))(case))

    here, there = (removal.bind(one, photograph()) for one in pair)
    try:
        expected = value(here)
    except (NotApplicableError, ParameterError) as refusal:
        with pytest.raises(type(refusal)):
            value(there)
        return
    assert value(there) == pytest.approx(expected, rel=1e-2, abs=1e-3, nan_ok=True)


def test_an_explanation_with_its_parts(pair: tuple[Classifier, Classifier]) -> None:
    here, there = (
        explain(
            photograph(), one, method="grad-cam", robustness=0.5, contexts="colours", part=("sufficient", "necessary")
        )
        for one in pair
    )
    assert [part.role for part in there.parts] == [part.role for part in here.parts]
    close(there.saliency, here.saliency)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype: torch.dtype) -> None:
    with elsewhere() as device:
        network = convolutions()
        there = of(copy.deepcopy(network).to(device, dtype))
        found = there.logits(photograph()[None])
        assert found.dtype == torch.float32
        assert float((found - of(network).logits(photograph()[None])).abs().max()) < 0.05
        masked = REMOVALS.create("ad").bind(there, photograph())
        assert map_of(METHODS.create("occlusion"), masked, 0).isfinite().all()


def test_where_memory_is_short_batches_are_halved() -> None:
    masks = torch.ones(40, SIDE, SIDE)
    with elsewhere(room=7) as device:
        masked = REMOVALS.create("zero").bind(of(convolutions().to(device)), photograph(), batch_size=32)
        assert masked(masks).shape == (40, CLASSES)
        assert device.type == "cuda" or masked.batch <= 7


def test_the_bundled_network() -> None:
    here = load_classifier("efficientnet-lite0", device="cpu")
    image = torch.rand(3, 224, 224, generator=torch.Generator().manual_seed(0))
    masks = torch.ones(1, 224, 224)
    masks[:, :100] = 0
    with elsewhere() as device:
        there = Classifier(copy.deepcopy(here.model).to(device), here.preprocessing, here.labels)
        expected, found = (REMOVALS.create("ad").bind(one, image)(masks) for one in (here, there))
        assert float((found - expected).abs().max()) < 1e-2
