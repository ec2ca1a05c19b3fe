from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from unseen.criteria import CRITERIA, check
from unseen.criteria.checks import table
from unseen.criteria.verdict import SEEDS, Asked
from unseen.errors import ModelError, ParameterError, UnknownNameError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.controls.maps import Control
from unseen.explainers.method import Method
from unseen.removal import REMOVALS

FAIRLY = "shapley:segments=8"  # all coalitions are evaluated; fewer segments would cross the edges of features


@dataclass(frozen=True, kw_only=True)
class Ramp(Control):
    """Grows from left to right, whatever there is."""

    def drawn(self, image: Tensor, seed: int) -> Tensor:
        del seed
        return torch.arange(image.shape[2]).expand(image.shape[1:])


@dataclass(frozen=True, kw_only=True)
class Careless(Control):
    """Draws from the stream that everybody draws from."""

    def drawn(self, image: Tensor, seed: int) -> Tensor:
        del seed
        return torch.rand(image.shape[1:])


@dataclass(frozen=True, kw_only=True)
class Helpless(Control):
    """Cannot explain what it is given."""

    def drawn(self, image: Tensor, seed: int) -> Tensor:
        del image, seed
        raise ModelError("the model fails\nhere")


VERDICTS = {
    "sensitivity-a": (
        ["integrated-gradients", "deeplift", "occlusion", FAIRLY, "uniform"],
        ["saliency", "input-x-gradient", "guided-backprop", "lrp-epsilon", "grad-cam"],
    ),
    "sensitivity-b": (
        ["saliency", "integrated-gradients", "deeplift", FAIRLY],
        ["uniform", "random", "grad-cam", "occlusion", Ramp()],
    ),
    "saturation": (["integrated-gradients", "deeplift", FAIRLY], ["saliency", "occlusion", "lrp-epsilon"]),
    "conservation": (
        ["integrated-gradients", "deeplift", FAIRLY, "expected-gradients"],
        ["saliency", "input-x-gradient", "lrp-epsilon", "uniform", "random"],
    ),
    "positivity": (["saliency", "vargrad", "uniform", "deep-taylor"], ["integrated-gradients", "lrp-epsilon"]),
    "symmetry": (["saliency", "integrated-gradients", "occlusion", FAIRLY, "random"], [Ramp()]),
    "linearity": (
        ["saliency:channels=sum", "integrated-gradients", "deeplift", "occlusion", FAIRLY, "cam", "grad-cam"],
        ["saliency", "layer-cam", "eigen-cam", "uniform", "occlusion:score=probability"],
    ),
    "consistency": (["integrated-gradients", FAIRLY, "uniform"], ["saliency", "score-cam"]),
    "implementation-invariance": (
        ["saliency", "integrated-gradients", "occlusion", FAIRLY, "smoothgrad:samples=5"],
        ["deeplift", "lrp-epsilon", "lrp-alpha-beta", "deconvnet", "guided-backprop", "grad-cam", "layer-cam"],
    ),
    "input-shift": (
        ["saliency", "guided-backprop", "grad-cam"],
        ["integrated-gradients", "input-x-gradient", "deeplift", "occlusion"],
    ),
    "rotation": (
        ["saliency", "integrated-gradients", "deeplift", "grad-cam", "uniform", "random", "smoothgrad:samples=5"],
        [Ramp()],
    ),
    "weak-dependence": (
        ["saliency", "fullgrad:photograph=gradient"],
        ["input-x-gradient", "integrated-gradients", "occlusion"],
    ),
    "continuity": (
        ["integrated-gradients", "deeplift", "occlusion", "uniform"],
        ["saliency", "input-x-gradient", "guided-backprop", "grad-cam"],
    ),
    "determinism": (["rise:masks=40", "saliency", "random"], [Careless()]),
}
"""Settled in the literature, or plain: on whom each criterion holds and on whom it fails."""


@pytest.mark.parametrize("criterion", list(CRITERIA))
def test_a_criterion_tells_those_that_satisfy_it_from_those_that_do_not(criterion: str) -> None:
    satisfied, violated = VERDICTS[criterion]
    found: dict[str | Method, str] = {one: check(one, criterion).status for one in (*satisfied, *violated)}
    assert found == {**dict.fromkeys(satisfied, "holds"), **dict.fromkeys(violated, "fails")}


@pytest.mark.parametrize(
    ("method", "criterion", "told"),
    [
        ("cam", "saturation", "cam needs a head that averages"),
        ("expected-gradients", "sensitivity-a", "its baselines are many"),
        ("integrated-gradients:baseline=white", "consistency", "its baseline is white"),
        ("shapley:budget=20", "saturation", "budget 20 is too small"),
    ],
)
def test_what_does_not_apply_says_why(method: str, criterion: str, told: str) -> None:
    verdict = check(method, criterion)
    assert verdict.status == "not applicable"
    assert told in verdict.reason


def test_a_network_that_a_method_refuses_is_left_out_and_told() -> None:
    verdict = check("cam", "symmetry")
    assert verdict.status == "holds"
    assert "(1 of 2 networks left out: cam needs a head" in verdict.reason


@pytest.mark.parametrize("criterion", list(CRITERIA))
def test_a_method_that_fails_on_a_network_does_not_end_the_table(criterion: str) -> None:
    verdict = check(Helpless(), criterion)
    assert (verdict.status, verdict.reason) == ("not applicable", "the model fails here")


def test_the_witness_has_its_numbers_and_maps() -> None:
    verdict = check("deeplift", "implementation-invariance")
    assert verdict.reason.startswith("after ReLU(ReLU(a) − c − ReLU(b)) is written as ReLU(ReLU(a − c) − ReLU(b))")
    before, after = verdict.maps["before"], verdict.maps["after"]
    apart = float((before - after).abs().sum() / max(before.abs().sum(), after.abs().sum()))
    assert verdict.numbers == {"difference": pytest.approx(apart)}


def test_lrp_conserves_only_without_biases() -> None:
    assert check("lrp-epsilon", "conservation").reason.endswith("without biases it adds up to f(x)")


def test_the_removal_and_the_seed_matter() -> None:
    assert check("occlusion", "input-shift", "channel-mean").status == "holds"
    assert check("occlusion", "input-shift", "black").status == "fails"
    numbers = [check("rise:masks=40", "determinism", seed=seed).numbers for seed in (0, 1)]
    assert numbers[0] != numbers[1]


def test_wrong_names_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'symmetry'"):
        check("saliency", "symetry")
    with pytest.raises(UnknownNameError, match="did you mean 'saliency'"):
        check("salience", "symmetry")
    with pytest.raises(ParameterError, match=r"seed must be in .*, got -1"):
        check("saliency", "symmetry", seed=-1)


def test_a_table_tells_its_progress() -> None:
    told: list[tuple[str, int, int]] = []
    rows = list(table(["uniform", "edges"], ["positivity"], watch=lambda *news: told.append(news)))
    assert [(method, criterion, verdict.status) for method, criterion, verdict in rows] == [
        ("uniform", "positivity", "holds"),
        ("edges", "positivity", "holds"),
    ]
    assert told == [("uniform, positivity", 0, 2), ("edges, positivity", 1, 2)]


def test_every_criterion_is_tested_and_documented() -> None:
    assert set(VERDICTS) == set(CRITERIA)
    assert all(callable(CRITERIA[name].load()) and CRITERIA[name].load().__doc__ for name in CRITERIA)


def test_means_over_seeds_have_standard_errors() -> None:
    from unseen.criteria.axioms import one_feature

    scene = one_feature()[0]
    asked = Asked(METHODS.create("random"), REMOVALS.create("black"), 5)
    mean, error = asked.mean(scene, torch.sum)
    sums = torch.stack([asked.map(scene, further).sum() for further in range(SEEDS)])
    assert float(mean) == pytest.approx(float(sums.mean()))
    assert float(error) == pytest.approx(float(sums.std() / SEEDS**0.5))
    assert float(Asked(METHODS.create("uniform"), REMOVALS.create("black")).mean(scene, torch.sum)[1]) == 0
