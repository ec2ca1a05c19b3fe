from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.optimised import OWED, Glow, glowing
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.regions import Game, Region, variation
from unseen.explainers.sufficient.evaluation import Evaluator

NAMES = ("meaningful-perturbation", "smallest-destroying-region", "smallest-sufficient-region")


@pytest.mark.parametrize("name", NAMES)
def test_the_region_is_what_the_class_is_owed_to(name: str) -> None:
    found = METHODS.create(f"{name}:rounds=80").attribute(Evaluator(glowing(), 0), 0, None)
    assert float(found.saliency[OWED].mean()) > 4 * float(found.saliency[~OWED].mean())
    level = found.record["level"]
    assert level == pytest.approx(1, abs=0.1) if name == NAMES[2] else level == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("game", ["destroy", "keep"])
def test_a_region_that_weighs_more_is_smaller(game: Game) -> None:
    light, heavy = (
        Region(game, area=area, rounds=80).attribute(Evaluator(glowing(), 0), 0, None).record["region"]
        for area in (0.05, 2.0)
    )
    assert heavy < light - 0.05


def test_variation_is_the_papers() -> None:
    region = torch.zeros(1, 3, 3)
    region[0, 1, 1] = 1
    literal = (1 + 1 + 2 ** (3 / 2)) / 4  # from above, from the left, and both at the cell itself
    assert float(variation(region, 3.0)) == pytest.approx(literal, rel=1e-4)


def test_seeds_shift_the_region_differently_and_repeat() -> None:
    asked = [
        Region("destroy", rounds=20, jitter=0.1).attribute(Evaluator(glowing(), 0), seed, None).saliency
        for seed in (0, 0, 1)
    ]
    assert torch.allclose(asked[0], asked[1])
    assert not torch.allclose(asked[0], asked[2])


def test_few_rounds_are_said_to_be_too_few_and_more_help() -> None:
    few, enough = (
        Region("destroy", rounds=rounds).attribute(Evaluator(glowing(), 0), 0, None).notes for rounds in (4, 200)
    )
    assert "give more rounds" in few[0]
    assert not enough


def test_a_class_that_nothing_changes_has_an_empty_map() -> None:
    findings = Region("keep", rounds=3)(glowing(), 1)
    assert not bool(findings.saliency.any())
    assert "has the score of no that nothing shown has" in findings.notes[0]


def test_it_needs_a_removal_that_blends() -> None:
    with pytest.raises(NotApplicableError, match="optimises soft masks"):
        Region("keep", rounds=3).attribute(Evaluator(glowing("ad"), 0), 0, None)


@pytest.mark.parametrize("settings", [{"area": -1.0}, {"power": 0.5}, {"jitter": 1.5}, {"grid": 1}])
def test_bad_parameters_are_named(settings: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(settings))):
        Region("keep", **settings)


@pytest.mark.parametrize(
    "spec", ["extremal-perturbation:grid=16,areas=2,rounds=60", "meaningful-perturbation:rounds=60"]
)
def test_what_speaks_against_a_class_is_negative(spec: str) -> None:
    found = METHODS.create(spec).attribute(Evaluator(glowing(network=Against()), 0), 0, None).saliency
    assert float(found.max()) <= 0
    assert float(found[OWED].mean()) < 2 * float(found[~OWED].mean())


class Against(Glow):
    def forward(self, x: Tensor) -> Tensor:
        return -super().forward(x)
