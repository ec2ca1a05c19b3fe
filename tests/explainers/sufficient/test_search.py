from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan

import pytest
import torch
from jaxtyping import Bool
from torch import Tensor

from helpers.cells import SIZE, graded, masked
from unseen.errors import NotApplicableError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Given(FromMap):
    """The map that it is given; further parts need a new one, which is ``again``."""

    saliency: Tensor
    again: Tensor | None = None
    stage = "nothing"
    empty = "the map of {label} is empty"
    renewed = True

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        del evaluate, seed
        return Findings(self.saliency if domain is None or self.again is None else self.again)

    def cost(self, shape: tuple[int, int]) -> int:
        del shape
        return 0


def ramp() -> Tensor:
    return torch.arange(SIZE * SIZE).reshape(SIZE, SIZE).float()


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_map_that_is_not_finite_is_refused_before_parts_are_searched(value: float) -> None:
    broken = ramp()
    broken[3, 4] = value
    asked = masked(graded(2))
    with pytest.raises(NotApplicableError, match=r"the map of yes has NaN or infinite values.*'occlusion'"):
        Given(saliency=broken)(asked, 0)
    assert asked.evaluations == 0
    with pytest.raises(NotApplicableError, match="NaN"):
        Given(saliency=ramp(), again=broken)(masked(graded(2, 9)), 0, parts=2)


def test_the_method_offered_instead_of_a_map_that_is_not_finite_has_one() -> None:
    assert bool(METHODS.create("occlusion")(masked(graded(2)), 0).saliency.isfinite().all())


@pytest.mark.parametrize(
    ("change", "flat"),
    [
        (torch.ones_like, True),
        (lambda saliency: -3 * torch.ones_like(saliency), True),
        (lambda saliency: 1 + 1e-10 * saliency, True),
        (lambda saliency: 1 + 1e-5 * saliency, False),
        (torch.zeros_like, False),
    ],
)
def test_a_map_that_is_the_same_everywhere_is_told(change: Change, flat: bool) -> None:
    found = Given(saliency=change(ramp()))(masked(graded(2)), 0)
    assert any("the same everywhere" in note for note in found.notes) is flat
    assert any("is empty" in note for note in found.notes) is not bool(found.saliency.any())


def test_controls_say_when_they_rank_nothing() -> None:
    assert any("the same everywhere" in note for note in METHODS.create("uniform")(masked(graded(2)), 0).notes)
