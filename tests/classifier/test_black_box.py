"""A model of which only the answers are known: what asks is served, what looks inside is refused before any work."""

from __future__ import annotations

import copy
import re
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import unseen
from unseen import METHODS, METRICS, REMOVALS, Classifier, Preprocessing
from unseen.classifier.black_box import BlackBox, box_in, probed, refuse_closed
from unseen.errors import ModelError, NotApplicableError
from unseen.metrics.case import Case

SIZE = 16
PLAIN = Preprocessing((SIZE, SIZE), None, mean=(0, 0, 0), std=(1, 1, 1))
BUDGETS = {
    "causal": "causal:iterations=2", "rise": "rise:masks=40", "lime": "lime:samples=60", "shapley": "shapley",
    "sobol": "sobol:cells=16,designs=8", "hsic": "hsic:cells=16,masks=60",
}  # fmt: skip


class Sides:
    """Logits (left, right): how bright each half is, as a plain function that counts the images it was asked about."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.asked += len(batch)
        halves = np.split(batch, 2, axis=3)
        return 8 * np.stack([half.mean((1, 2, 3)) for half in halves], 1)


class SidesNetwork(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 8 * torch.stack([half.mean((1, 2, 3)) for half in x.chunk(2, 3)], 1)


def image() -> Tensor:
    pixels = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 0.5
    pixels[:, 4:12, 1:7] += 0.5
    return pixels


def boxed() -> tuple[Sides, Classifier]:
    function = Sides()
    return function, Classifier(function, PLAIN, ["left", "right"])


ASKING = [name for name in METHODS if not METHODS.load(name).inside and name != "aggregate"]


@pytest.mark.parametrize("name", ASKING)
def test_methods_that_only_ask_say_of_a_function_what_they_say_of_the_network(name: str) -> None:
    _, box = boxed()
    network = Classifier(SidesNetwork(), PLAIN, ["left", "right"])
    spec = BUDGETS.get(name, name)
    found, expected = (unseen.explain(image(), one, method=spec, removal="black") for one in (box, network))
    assert found.label == "left"
    torch.testing.assert_close(found.saliency, expected.saliency, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in METHODS if METHODS.create(name).inside])
def test_methods_that_look_inside_are_refused_before_the_model_is_asked(name: str) -> None:
    function, box = boxed()
    with pytest.raises(NotApplicableError, match=f"method '{re.escape(name)}.* looks inside .* plain function") as told:
        unseen.explain(image(), box, method=name, removal="black")
    assert function.asked == 0
    for offered in re.findall("'([a-z-]+)'", str(told.value).partition("; ")[2]):
        assert offered in ASKING


def test_an_aggregation_of_methods_that_ask_works() -> None:
    _, box = boxed()
    mixed = METHODS.create("aggregate:of=occlusion/rise:masks=40,goal=faithfulness,hidden=60")
    assert unseen.explain(image(), box, method=mixed, removal="black").label == "left"


FREE = sorted(set(REMOVALS) - {"mae", "mae-zip", "marginal", "donor", "dataset-mean", "telea", "navier-stokes"})


@pytest.mark.parametrize("name", FREE)
def test_removals_paint_or_are_refused_before_the_model_is_asked(name: str) -> None:
    function, box = boxed()
    removal = REMOVALS.create(name)
    if not removal.inside:
        assert removal.bind(box, image())(torch.ones(2, SIZE, SIZE)).shape == (2, 2)
        return
    with pytest.raises(NotApplicableError, match=f"removal '{name}' looks inside"):
        unseen.explain(image(), box, method="occlusion", removal=removal)
    with pytest.raises(NotApplicableError, match="'grey'"):
        removal.bind(box, image())
    assert function.asked == 0


def test_of_all_removals_these_look_inside() -> None:
    assert {name for name in REMOVALS if REMOVALS.load(name).inside} == {"ad", "zip", "zip-decomposition", "mae-zip"}


OF_MAPS = [name for name, entry in METRICS.entries.items() if getattr(entry, "judges", "") == "map"]


@pytest.mark.parametrize("name", OF_MAPS)
def test_metrics_judge_or_are_refused_with_a_reason(name: str) -> None:
    _, box = boxed()
    masked = REMOVALS.create("black").bind(box, image())
    saliency = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    annotation = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    annotation[4:12, 1:7] = True

    def again(classifier: Classifier, pixels: Tensor, target: int) -> Tensor:
        return pixels.mean(0) * float(classifier.logits(pixels[None])[0, target])

    def others(*_: Any) -> list[Tensor]:
        return [image().flip(2)] * 3

    case = Case(saliency, 0, masked, again, annotation, others, 0)
    with suppress(NotApplicableError):
        assert isinstance(METRICS.create(name)(case), float)


def test_a_gradient_is_refused_wherever_it_is_asked_for() -> None:
    _, box = boxed()
    with pytest.raises(NotApplicableError, match="computes no gradients"):
        box.forward(image()[None].requires_grad_())
    with pytest.raises(NotApplicableError, match="a gradient looks inside"), box.frozen():
        pass


def test_a_box_within_a_network_is_found() -> None:
    _, inner = boxed()
    outer = Classifier(nn.Sequential(inner.model, nn.Linear(2, 2)), PLAIN)
    assert outer.box is inner.model is box_in(outer.model)
    with pytest.raises(NotApplicableError, match="removal 'ad' looks inside"):
        unseen.explain(image(), outer, method="occlusion")
    with pytest.raises(NotApplicableError, match="Sequential is a plain function"):
        refuse_closed(outer.model, "ad")


def test_it_is_neither_optimised_nor_exported(tmp_path: Any) -> None:
    _, box = boxed()
    assert box.optimised() is box
    with pytest.raises(ModelError, match="plain function and cannot be exported"):
        box.accelerated(tmp_path)
    assert copy.deepcopy(box.model) is box.model


class Constant(BlackBox):
    def __init__(self, value: float, *, complete: bool) -> None:
        super().__init__("constant", "a constant", "abc", complete=complete)
        self.value = value

    def ask(self, images: Tensor) -> Tensor:
        return torch.tensor([[self.value, 1.0]]).expand(len(images), -1)


def test_its_fingerprint_is_its_identity_and_its_answers_where_that_is_not_all() -> None:
    def printed(value: float, complete: bool) -> str:
        return Classifier(Constant(value, complete=complete), PLAIN).fingerprint

    assert printed(1, True) == printed(2, True)
    assert printed(1, False) == printed(1, False) != printed(2, False)
    assert printed(1, False) == printed(1 + 1e-6, False), "another processor's rounding is no other model"
    assert probed(nn.Linear(2, 2), lambda: pytest.fail("a network is not asked")) == ""


def test_the_record_says_what_is_known_of_it() -> None:
    _, box = boxed()
    record = unseen.explain(image(), box, method="occlusion", removal="black").provenance["classifier"]["black_box"]
    assert (record["kind"], record["identity_is_complete"], record["takes"]) == ("a plain function", False, "array")
    network = Classifier(SidesNetwork(), PLAIN)
    about = unseen.explain(image(), network, method="occlusion", removal="black").provenance
    assert about["classifier"]["black_box"] is None
