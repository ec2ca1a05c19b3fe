"""What parts do, on classifiers of which the answer is known; the causal search ranks the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.cells import Cells, Rule, cell, cells_of, conjunction, disjunction, graded, masked, show
from unseen.explainers.causal.method import Causal
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings, Part
from unseen.explanation.roles import Asked

SEARCH = Causal(iterations=6, min_box=0.125, block=0.25, steps=12)  # blocks are cells


def find(rule: Rule, **request: Any) -> Findings:
    return SEARCH(masked(rule), 0, **request)


def only(findings: Findings) -> Part:
    assert len(findings.parts) == 1
    return findings.parts[0]


def test_the_answer_to_nothing_is_made_by_no_part() -> None:
    findings = find(lambda visible: visible[:, 0] | True)
    assert findings.parts == ()
    assert findings.record["default_class"]
    assert findings.record["missing"] == {"necessary": {"0.5": "not found"}}
    assert any("yes is the model's answer to nothing" in note for note in findings.notes)
    assert any("hiding nothing that was tried is seen to end the decision for yes" in note for note in findings.notes)


def test_of_the_answer_to_nothing_the_part_is_shown_without_which_another_class_wins() -> None:
    findings = find(lambda visible: ~visible[:, 5] | visible[:, 6])
    part = only(findings)
    assert (part.role, cells_of(part.mask)) == ("necessary", {6})
    assert part.verified
    assert part.instead is not None
    assert part.instead.label == "no"


def test_where_nothing_suffices_for_what_is_asked_there_is_no_empty_part() -> None:
    """The class is named without a photograph; at γ = 0 a single pixel would "suffice"."""

    def rule(visible: Tensor) -> Tensor:
        return 0.2 + 3.0 * visible[:, 3]

    findings = find(rule, confidence=(0.0, 0.5))
    assert cells_of(only(findings).mask) == {3}
    assert findings.record["missing"] == {"sufficient": {"0.0": "empty"}}
    assert any(
        "with everything hidden the model still says yes, and γ = 0 asks for no more" in n for n in findings.notes
    )


def test_a_part_that_is_both_holds_every_way_to_the_class() -> None:
    findings = find(disjunction(1, 14), part=("both",))
    part = only(findings)
    assert part.role == "both"
    assert part.verified
    assert cells_of(part.mask) == {1, 14}
    assert cells_of(only(find(conjunction(1, 14), part=("both",))).mask) == {1, 14}


def test_parts_that_are_both_of_several_thresholds() -> None:
    findings = find(graded(0, 5, 6, 9), confidence=(0.6, 0.97), part=("both",))
    low, high = findings.parts
    assert [part.confidence_threshold for part in (low, high)] == [0.6, 0.97]
    for part in (low, high):
        assert part.role == "both"
        assert part.verified
        assert part.asked is not None
        assert part.confidence >= part.asked
        assert cells_of(part.mask) == {0, 5, 6, 9}  # any one that stays visible keeps the class


def test_parts_that_are_both_grow_with_the_threshold() -> None:
    def rule(visible: Tensor) -> Tensor:
        return 2.0 * visible[:, 0] + 2.0 * (visible[:, 0] & visible[:, 15]) - 1

    low, high = find(rule, confidence=(0.5, 0.99), part=("both",)).parts
    assert cells_of(low.mask) == {0}
    assert cells_of(high.mask) == {0, 15}
    assert low.verified
    assert high.verified


def test_a_necessary_part_holds_every_way_to_the_class() -> None:
    part = only(find(disjunction(1, 14), part=("necessary",)))
    assert part.role == "necessary"
    assert cells_of(part.mask) == {1, 14}
    assert part.verified
    assert part.minimal_block == 8
    assert part.asked is not None
    assert part.confidence <= part.asked


def test_any_member_of_a_conjunction_is_necessary_by_itself() -> None:
    findings = find(conjunction(0, 15), part=("necessary",), parts=2)
    first, second = (part.mask for part in findings.parts)
    assert not bool((first & second).any())
    assert all(cells_of(mask) in ({0}, {15}) for mask in (first, second))  # half a cell hides it, as the model looks
    assert masked(conjunction(0, 15))(~torch.stack([first, second])).argmax(1).tolist() == [1, 1]
    assert [part.rank for part in findings.parts] == [0, 1]
    assert find(disjunction(0, 15), part=("necessary",), parts=2).notes == (
        "1 of 2 disjoint parts found: hiding what is left of the photograph does not take γ = 0.5 of the rise away and "
        "end the decision for yes",
    )


def test_every_part_is_compared_with_others_of_its_size_and_shape() -> None:
    found = only(find(conjunction(0, 15))).by_chance
    assert found is not None
    assert (found.passing, found.tried) == (0, 16)
    assert only(find(conjunction(0, 15), chance=0)).by_chance is None


def test_where_any_part_of_the_size_does_chance_finds_it_too() -> None:
    class Brightness(Cells):
        def forward(self, x: Tensor) -> Tensor:
            logit = 40 * (x.mean((1, 2, 3)) - 0.1)
            return torch.stack([logit, torch.zeros_like(logit)], dim=1)

    bright = Brightness(conjunction(0))
    found = only(SEARCH(masked(bright.rule, model=bright), 0)).by_chance
    assert found is not None
    assert found.share == 1
    assert found.finds_it_too


@dataclass(frozen=True)
class Misled(FromMap):
    """Asks about cell 3, and ranks it last."""

    def attribute(self, evaluate: Evaluator, seed: int, domain: Tensor | None) -> Findings:
        del seed, domain
        evaluate([cell(3), ~cell(3)])
        return Findings(show(*range(8, 16)).float() - cell(3).float())


@pytest.mark.parametrize("role", ["sufficient", "necessary"])
def test_the_search_of_a_part_begins_with_the_smallest_set_that_was_seen_to_pass(role: Asked) -> None:
    def enough(visible: Tensor) -> Tensor:
        return visible[:, 3] | visible[:, 8:].all(1)

    def needed(visible: Tensor) -> Tensor:
        return visible[:, 3] & visible[:, 8:].any(1)

    rule = enough if role == "sufficient" else needed
    part = only(Misled(block=0.25)(masked(rule), 0, part=(role,)))
    assert cells_of(part.mask) == {3}
    assert part.verified
    assert part.first_passing is not None
    assert part.first_passing > 0.25
    prefix = only(Misled()(masked(rule), 0, part=(role,)))  # which stays one
    assert cells_of(prefix.mask) >= set(range(8, 16))


def test_a_part_is_found_where_no_prefix_of_the_ranking_passes() -> None:
    part = only(Misled(block=0.25)(masked(lambda visible: visible[:, 3] & ~visible[:, 8:].any(1)), 0))
    assert cells_of(part.mask) == {3}
    assert part.verified
    assert (part.first_passing, part.stable) == (None, None)


def test_a_further_part_does_not_begin_where_the_first_is() -> None:
    first, second = Misled(block=0.25)(masked(disjunction(3, 9)), 0, parts=2).parts
    assert (cells_of(first.mask), cells_of(second.mask)) == ({3}, {9})


def test_a_part_that_fails_alone_is_grown_back() -> None:
    """Cell 0 suffices in a batch; alone the model needs cell 1 as well."""

    class Moody(Cells):
        def forward(self, x: Tensor) -> Tensor:
            self.rule = conjunction(0, 5) if len(x) == 1 else conjunction(0)
            return super().forward(x)

    moody = Moody(conjunction(0))
    part = only(SEARCH(masked(moody.rule, model=moody), 0))
    assert part.verified
    assert cells_of(part.mask) >= {0, 5}
    assert part.minimal_block is None


def test_a_part_that_never_passes_twice_is_reported() -> None:
    class Moody(Cells):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) if len(x) > 1 else -3 * torch.ones(1, 1) * torch.tensor([[1.0, 0.0]])

    moody = Moody(conjunction(0))
    findings = SEARCH(masked(moody.rule, model=moody), 0)
    assert not only(findings).verified
    assert any("not verified" in note and "last and largest" in note for note in findings.notes)
