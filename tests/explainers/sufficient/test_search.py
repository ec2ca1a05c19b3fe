from __future__ import annotations

from collections import Counter
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
from unseen.explainers.sufficient.chance import alike
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.explanation.roles import Asked
from unseen.removal.masked import MaskedForward
from unseen.removal.memory import digest

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


@pytest.mark.parametrize("spec", ["causal", "occlusion", "shapley:segments=9", "lime:segments=9", "rise:masks=60"])
def test_no_mask_is_evaluated_twice_in_one_explanation(spec: str) -> None:
    """Map, curves and parts of all roles and γ together; but a part once more alone, and once in company: as verified."""
    model = masked(graded(0, 5, 6))
    asked = Counter[bytes]()

    def counted(pixels: Tensor, masks: Tensor, inner: MaskedForward = model.forward) -> Tensor:
        asked.update(map(digest, masks))
        return inner(pixels, masks)

    model.forward = counted
    roles: tuple[Asked, ...] = ("sufficient", "necessary", "both")
    found = METHODS.create(spec)(model, 0, confidence=(0.5, 0.6, 0.9), parts=2, part=roles, chance=4)
    assert len(found.parts) >= 6
    others = [other for part in found.parts for other in alike(part.mask, 4)]
    company = {digest(one) for mask in [*(part.mask for part in found.parts), *others] for one in (mask, ~mask)}
    repeated = {mask: count for mask, count in asked.items() if count > 1}
    assert repeated.keys() <= company
    assert all(asked[digest(torch.full((SIZE, SIZE), shown))] == 1 for shown in (False, True))


@pytest.mark.parametrize("spec", ["causal:iterations=4", "iassa:beta=1,budget=80", "occlusion"])
def test_what_was_asked_of_a_photograph_before_changes_nothing(spec: str) -> None:
    method, used, fresh = METHODS.create(spec), masked(graded(0, 5, 6)), masked(graded(0, 5, 6))
    for seed in (0, 2):
        METHODS.create("causal:iterations=3")(used, 0, seed=seed, part=("sufficient", "necessary"))
        method(used, 0, seed=seed)
    before = used.evaluations
    again, alone = method(used, 0, seed=1), method(fresh, 0, seed=1)
    assert torch.equal(again.saliency, alone.saliency)
    assert again.parts == alone.parts
    assert again.record == alone.record
    assert used.evaluations - before == fresh.evaluations
