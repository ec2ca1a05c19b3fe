"""Relative stability against plain loops, on maps that are known functions of the photograph."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.judged import case
from helpers.networks import Network, bound
from unseen import Classifier
from unseen.errors import NotApplicableError
from unseen.inputs.neighbourhood import noisy
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.metrics.relative_stability import RelativeStability, relative
from unseen.removal.penultimate import photograph_features


def squares(classifier: Classifier, image: Tensor, target: int) -> Tensor:
    del classifier, target
    return image[0] ** 2


def judged(explain: Any = squares, **more: Any) -> Case:
    masked = bound(Network(), double=False, removal="black")
    target = masked.classifier.outputs.top(masked.classifier.logits(masked.image[None])[0])
    return Case(explain(masked.classifier, masked.image, target), target, masked, explain, **more)


def norm(values: list[float]) -> float:
    return sum(value * value for value in values) ** 0.5


def change(one: Tensor, other: Tensor) -> float:
    pairs = zip(one.double().flatten().tolist(), other.double().flatten().tolist(), strict=True)
    return norm([(x - y) / (x or 1e-6) for x, y in pairs])


@pytest.mark.parametrize("by", ["input", "representation", "output"])
def test_equals_a_loop_over_neighbours_that_keep_the_decision(by: Any) -> None:
    one = judged(seed=3)
    found = RelativeStability(by, samples=6, radius=0.3)(one)
    classifier = one.classifier
    before, expected, kept = classifier.logits(one.image[None]), [], 0
    for image in noisy(one.image, 0.3, 6, one.generator()):
        after = classifier.logits(image[None])
        if int(after.argmax()) != int(before.argmax()):
            continue
        kept += 1
        pair = torch.stack([one.image, image])
        below = {
            "input": lambda pair: change(*classifier.normalise(pair)),
            "representation": lambda pair: change(*photograph_features(classifier, pair)),
            "output": lambda _, after=after: norm((before - after).double().flatten().tolist()),
        }[by](pair)
        expected.append(change(one.saliency, one.explained(image)) / below)
    assert kept
    assert found == pytest.approx(max(expected), rel=1e-4)


def test_a_neighbour_that_is_decided_otherwise_does_not_count() -> None:
    """Of neighbours far away some are; their maps are never asked for."""
    asked: list[int] = []

    def counted(classifier: Classifier, image: Tensor, target: int) -> Tensor:
        asked.append(int(classifier.logits(image[None]).argmax()) == target)
        return squares(classifier, image, target)

    one = judged(counted)
    RelativeStability(samples=40, radius=1.0)(one)
    assert all(asked)


def test_known_answers() -> None:
    assert relative(torch.tensor([2.0, 0.0]), torch.tensor([[1.0, 0.0], [2.0, 1e-6]])).tolist() == [
        0.5, pytest.approx(1, rel=1e-3),
    ]  # fmt: skip
    steady = judged(lambda _, image, __: torch.ones(image.shape[1:]))
    assert RelativeStability()(steady) == 0
    assert math.isnan(RelativeStability()(judged(lambda _, image, __: torch.zeros(image.shape[1:]))))
    twice = judged(lambda _, image, __: 2 * image[0] ** 2)  # the scale of a method does not matter
    assert RelativeStability()(twice) == pytest.approx(RelativeStability()(judged()), rel=1e-4)


def test_who_made_the_map_must_be_known() -> None:
    with pytest.raises(NotApplicableError, match="give an explainer"):
        METRICS.create("relative-input-stability")(case())
