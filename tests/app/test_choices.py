from __future__ import annotations

import pytest
from torch import nn

from helpers.toys import Sides
from unseen import METHODS, REMOVALS, Classifier, Preprocessing
from unseen.app import choices
from unseen.pipeline.explain import Request

SEEN = Preprocessing((32, 32), None, mean=(0, 0, 0), std=(1, 1, 1))


def model(network: nn.Module, labels: tuple[str, ...] | None) -> Classifier:
    return Classifier(network, SEEN, labels)


@pytest.mark.parametrize("labels", [("crane", "crane", "cat"), ("1", "2", "cat"), ("left", "right", "neither")])
def test_every_class_can_be_chosen(labels: tuple[str, ...]) -> None:
    classifier = model(Sides(), labels)
    top, *found = choices.classes(classifier)
    assert top[1] == choices.TOP
    assert [shown for shown, _ in found] == [*labels]
    chosen = [choices.target_of(classifier, value) for _, value in found]
    assert [classifier.asked(one)[1] for one in chosen if one is not None] == [0, 1, 2]
    assert chosen[2] == labels[2]
    assert choices.target_of(classifier, choices.TOP) is None


def test_what_is_offered_can_be_made_and_reads_no_files() -> None:
    classifier = model(Sides(), ("left", "right", "neither"))
    methods, removals = choices.methods(classifier), choices.removals(classifier)
    assert (methods[0][1], removals[0][1]) == ("causal", "ad")
    for registry, found in ((METHODS, methods), (REMOVALS, removals)):
        for shown, value in found:
            registry.create(value)
            assert shown.startswith(value)
    assert not {"mae", "mae-zip", "marginal", "dataset-mean", "donor"} & {value for _, value in removals}


def test_goals_are_requests() -> None:
    for goal in choices.GOALS.values():
        assert Request(part=goal.part, robust=goal.robustness).part == goal.part


def test_the_examples_are_there() -> None:
    assert len(choices.examples()) >= 3
