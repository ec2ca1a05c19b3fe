"""Networks that were really trained, on signals, spectra and volumes in which what decides was planted."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from torch import Tensor

from unseen import Classifier, explain
from unseen.explainers import METHODS, map_of
from unseen.removal import REMOVALS

EXAMPLE = Path(__file__).parents[2] / "examples" / "signals_and_volumes.py"

METHODS_TRIED = (
    "occlusion", "rise:masks=400", "shapley:budget=300", "sobol:designs=16", "hsic:masks=400",
    "integrated-gradients:baseline=zero", "lrp-epsilon", "deeplift:baseline=zero", "grad-cam",
)  # fmt: skip


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("signals_and_volumes", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module", params=["beats", "spectra", "nodules"])
def planted(request: pytest.FixtureRequest, example: ModuleType) -> tuple[str, Classifier, Tensor, Tensor, Tensor]:
    """The network, and inputs in their unit, with their classes and where what decides lies, which it never saw."""
    classifier = getattr(example, request.param)()
    numbers, classes, truth = getattr(example, f"draw_{request.param}")(32, 9999)
    return request.param, classifier, numbers, classes, truth


def shares(classifier: Classifier, numbers: Tensor) -> Tensor:
    low, high = classifier.preprocessing.scale.limits[0]
    return ((numbers - low) / (high - low)).clamp(0, 1)


def area_under_roc(saliency: Tensor, truth: Tensor) -> float:
    """How often a place of the truth is ranked before another one."""
    ranks = saliency.double().flatten().argsort().argsort().double()
    inside = truth.flatten()
    count = int(inside.sum())
    return float((ranks[inside].sum() - count * (count - 1) / 2) / (count * int((~inside).sum())))


def test_the_network_has_learnt_it(planted: Any) -> None:
    _, classifier, inputs, classes, _ = planted
    said = classifier.logits(shares(classifier, inputs)).argmax(1)
    assert float((said == classes).float().mean()) > 0.9


@pytest.mark.parametrize("removal", ["ad", "zero"])
def test_methods_find_what_decides(planted: Any, removal: str) -> None:
    """On average over three inputs a place that decides is ranked before one that does not, far above chance."""
    _, classifier, inputs, _, truth = planted
    for name in METHODS_TRIED:
        method = METHODS.create(name)
        if removal == "zero" and not method.uses_removal:
            continue
        bound = [REMOVALS.create(removal).bind(classifier, shares(classifier, inputs[i])) for i in (1, 3, 5)]
        areas = [area_under_roc(map_of(method, one, 1), truth[i]) for one, i in zip(bound, (1, 3, 5), strict=True)]
        assert sum(areas) / 3 > 0.7, (name, areas)


def test_what_suffices_lies_where_what_decides_is(planted: Any) -> None:
    name, classifier, inputs, _, truth = planted
    if name == "beats":  # an upright wave is what the network looks for: turned over is what has none
        return
    found = explain(inputs[3], classifier, removal="zero", target=1, part="sufficient")
    (part,) = found.parts
    assert part.verified
    assert part.fraction < 0.5
    assert float((part.mask & truth[3]).sum() / part.mask.sum()) > 5 * float(truth[3].float().mean())


def test_what_is_necessary_is_what_was_planted(planted: Any) -> None:
    """Of two peaks that must both be there, some of each and nothing else; of a ball, a part of the ball."""
    name, classifier, inputs, _, truth = planted
    if name == "beats":  # without the wave the network says what it said
        return
    found = explain(inputs[3], classifier, removal="zero", target=1, part="necessary")
    (part,) = (one for one in found.parts if one.role == "necessary")
    inside = part.mask & truth[3]
    assert part.verified
    if name == "spectra":
        middle = truth.shape[1] // 2
        assert float(inside.sum() / part.mask.sum()) > 0.8
        assert bool(inside[:middle].any())
        assert bool(inside[middle:].any())
    else:
        assert float(inside.sum() / part.mask.sum()) > 5 * float(truth[3].float().mean())


def test_the_example_writes_files_that_are_explained(example: ModuleType, tmp_path: Path) -> None:
    pytest.importorskip("nibabel")
    example.write(tmp_path)
    for name, make, title in (("beat.csv", "beats", "time (s)"), ("scan.nii.gz", "nodules", "down → up (mm)")):
        found = explain(tmp_path / name, getattr(example, make)(), method="occlusion", removal="zero")
        assert found.coordinates.axes[0].title == title
        assert found.label in ("turned over", "nodule")
