"""Each axiom with maps that are handed in: what must hold holds, and what is broken is told with its size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from unseen.criteria import axioms
from unseen.criteria.networks import SIDE, block
from unseen.criteria.verdict import Asked, Verdict
from unseen.errors import NotApplicableError
from unseen.explainers import FromMap
from unseen.explainers.catalogue import METHODS
from unseen.explainers.gradients.gradient import Saliency
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal.fills.constant import ConstantFill

Rule = Tensor | Callable[[Evaluator, int], Tensor]
"""The map itself, or (what is explained, seed) → map."""


@dataclass(frozen=True)
class Given(FromMap):
    """A method whose map is a rule's."""

    rule: Any = field(default=None, kw_only=True)
    baseline = None
    stage = "given"
    empty = "nothing"

    def attribute(self, evaluate: Evaluator, seed: int, domain: Tensor | None) -> Findings:
        del domain
        found = self.rule if isinstance(self.rule, Tensor) else self.rule(evaluate, seed)
        return Findings(found.float())


def said(axiom: Callable[[Asked], Verdict], rule: Rule) -> Verdict:
    return axiom(Asked(Given(rule=rule), ConstantFill("black")))


def everywhere(value: float) -> Tensor:
    return torch.full((SIDE, SIDE), value)


def score(evaluate: Evaluator, image: Tensor | None = None) -> float:
    shown = evaluate.masked.image if image is None else image
    return float(evaluate.masked.classifier.logits(shown[None])[0, evaluate.target])


def from_hidden(evaluate: Evaluator) -> float:
    return score(evaluate) - score(evaluate, torch.zeros_like(evaluate.masked.image))


def adding_up(due: Callable[[Evaluator], float], factor: float = 1.0) -> Rule:
    def rule(evaluate: Evaluator, seed: int) -> Tensor:
        del seed
        return everywhere(factor * due(evaluate) / SIDE**2)

    return rule


# ---- networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("red", "expected"), [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (1.0, 1.0)])
def test_the_saturating_network_rises_and_is_flat(red: float, expected: float) -> None:
    image = torch.zeros(1, 3, SIDE, SIDE, dtype=torch.float64)
    image[:, 0] = red
    assert float(axioms.saturating(2.0)(image)[0, 0].detach()) == pytest.approx(expected)


def test_one_feature_has_the_value_2() -> None:
    flat, linear = axioms.one_feature()
    assert [float(scene.model(scene.image[None])[0, 0].detach()) for scene in (flat, linear)] == pytest.approx([1, 2])
    assert int(flat.image.any(0).sum()) == 16


@pytest.mark.parametrize(("baseline", "refused"), [("black", False), ("zero", False), (None, False), ("white", True)])
def test_a_method_whose_absent_feature_is_not_black_is_not_asked(baseline: Any, refused: bool) -> None:
    method = Given(rule=everywhere(1))
    object.__setattr__(method, "baseline", baseline)
    asked = Asked(method, ConstantFill("black"))
    if refused:
        with pytest.raises(NotApplicableError, match="its baseline is white"):
            axioms.check_baseline(asked)
    else:
        axioms.check_baseline(asked)
    with pytest.raises(NotApplicableError, match="its baselines are many"):
        axioms.check_baseline(Asked(METHODS.create("expected-gradients"), ConstantFill("black")))


# ---- axioms -----------------------------------------------------------------------------------------------------


def test_a_feature_that_changes_the_score_must_be_credited() -> None:
    feature = block(12, 12)
    assert said(axioms.sensitivity_a, feature).status == "holds"
    found = said(axioms.sensitivity_a, 1 - feature)
    assert found.status == "fails"
    assert found.numbers == {"credit": 0.0, "change": pytest.approx(1.0)}  # 1 − relu(1 − x), from x = 0 to 2


def test_so_must_a_feature_of_which_there_is_more_than_enough() -> None:
    feature = block(0, 0, SIDE // 2, SIDE)
    assert said(axioms.saturation, feature).status == "holds"
    found = said(axioms.saturation, 1 - feature)
    assert (found.status, found.numbers["credit"]) == ("fails", 0.0)


def test_what_the_network_does_not_see_must_be_given_nothing() -> None:
    seen = block(0, 0, SIDE, SIDE // 2)
    assert said(axioms.sensitivity_b, seen).status == "holds"
    found = said(axioms.sensitivity_b, seen + 0.25 * (1 - seen))
    assert found.status == "fails"
    assert found.numbers["share"] == pytest.approx(0.25)
    column = int(found.reason.partition("of column ")[2].split()[0])
    assert column >= SIDE // 2


def test_of_maps_that_are_drawn_the_mean_is_judged() -> None:
    seen = block(0, 0, SIDE, SIDE // 2)

    def noisy(share: float) -> Rule:
        def rule(evaluate: Evaluator, seed: int) -> Tensor:
            del evaluate
            noise = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) * 0.1
            return seen + (1 - seen) * (share + noise)

        return rule

    assert said(axioms.sensitivity_b, noisy(0.0)).status == "holds"
    found = said(axioms.sensitivity_b, noisy(0.5))
    assert found.status == "fails"
    assert found.numbers["standard error"] > 0


def test_a_map_may_add_up_to_the_score_or_to_how_far_it_is_from_what_is_hidden() -> None:
    assert said(axioms.conservation, adding_up(score)).reason == "the map adds up to f(x)"
    assert "f(x) − f(hidden)" in said(axioms.conservation, adding_up(from_hidden)).reason
    found = said(axioms.conservation, adding_up(score, 2.0))
    assert found.status == "fails"
    assert found.numbers["the map"] == pytest.approx(2 * found.numbers["f(x)"], rel=1e-4)


def test_no_value_may_be_negative() -> None:
    assert said(axioms.positivity, everywhere(0.0)).status == "holds"
    found = said(axioms.positivity, 1 - 1.5 * block(3, 3))
    assert (found.status, found.numbers) == ("fails", {"lowest": pytest.approx(-0.5)})


def test_features_that_are_treated_alike_must_be_given_the_same() -> None:
    one, other = block(12, 4, 8, 8), block(12, 20, 8, 8)
    assert said(axioms.symmetry, one + other).status == "holds"
    found = said(axioms.symmetry, one + 3 * other)
    assert found.status == "fails"
    assert found.numbers["difference"] == pytest.approx(0.5)  # (3 − 1) / (3 + 1)


def test_what_is_empty_where_it_should_say_something_is_not_judged() -> None:
    for axiom in (axioms.sensitivity_b, axioms.symmetry):
        assert said(axiom, everywhere(0.0)).status == "not applicable"


def test_a_real_method_is_asked_the_same_way() -> None:
    assert axioms.symmetry(Asked(Saliency(), ConstantFill("black"))).status == "holds"
