from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helpers.cells import Cells, Rule, Wavering, cell, cells_of, conjunction, disjunction, graded, majority, masked
from unseen import Classifier
from unseen.errors import ParameterError
from unseen.explainers.causal.method import Causal
from unseen.explainers.sufficient.criterion import lost
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings, Part
from unseen.removal import REMOVALS, MaskedClassifier

SEARCH = Causal(iterations=6, min_box=0.125, block=0.25, steps=12)  # blocks are cells


def find(rule: Rule, *, target: int = 0, batch_size: int | None = None, **request: Any) -> Findings:
    return SEARCH(masked(rule, batch_size=batch_size), target, **request)


def only(findings: Findings) -> Part:
    assert len(findings.parts) == 1
    return findings.parts[0]


def assert_equal(one: Findings, other: Findings) -> None:
    assert torch.equal(one.saliency, other.saliency)
    assert one.parts == other.parts
    assert one.notes == other.notes
    assert one.record["full_probability"] == other.record["full_probability"]
    assert one.curve is not None
    assert other.curve is not None
    assert one.curve.insertion == pytest.approx(other.curve.insertion)


@pytest.mark.numerics
@pytest.mark.parametrize("seed", range(4))
def test_both_distant_regions_of_a_conjunction_are_found(seed: int) -> None:
    part = only(find(conjunction(0, 15), seed=seed))
    assert cells_of(part.mask) == {0, 15}
    assert part.verified
    assert part.minimal_block == 8
    assert part.role == "sufficient"


@pytest.mark.numerics
@pytest.mark.parametrize("batch_size", [3, 8, None])
def test_a_part_that_keeps_everything_is_found_where_bits_depend_on_the_batch(batch_size: int | None) -> None:
    rule = graded(0, 15)
    part = only(SEARCH(masked(rule, model=Wavering(rule), batch_size=batch_size), 0, confidence=(1.0,)))
    assert cells_of(part.mask) == {0, 15}
    assert part.verified
    assert part.minimal_block == 8


@pytest.mark.parametrize("seed", range(4))
def test_exactly_one_region_of_a_disjunction_is_found(seed: int) -> None:
    part = only(find(disjunction(1, 14), seed=seed))
    assert cells_of(part.mask) in ({1}, {14})


@pytest.mark.parametrize("seed", range(4))
def test_a_majority_needs_just_more_than_half(seed: int) -> None:
    voters = (0, 3, 6, 9, 15)
    part = only(find(majority(*voters), seed=seed))
    assert len(cells_of(part.mask)) == 3
    assert cells_of(part.mask) <= set(voters)


def test_disjoint_parts_until_the_rest_does_not_suffice() -> None:
    findings = find(disjunction(1, 14), parts=3)
    assert [part.rank for part in findings.parts] == [0, 1]
    assert {frozenset(cells_of(part.mask)) for part in findings.parts} == {frozenset({1}), frozenset({14})}
    assert not bool((findings.parts[0].mask & findings.parts[1].mask).any())
    assert all(part.verified for part in findings.parts)
    assert len(findings.notes) == 1
    assert "2 of 3 disjoint parts" in findings.notes[0]


def test_a_conjunction_has_one_part() -> None:
    findings = find(conjunction(1, 14), parts=2)
    assert cells_of(only(findings).mask) == {1, 14}
    assert "1 of 2 disjoint parts" in findings.notes[0]


def test_thresholds_share_a_search_and_a_lower_one_needs_no_more() -> None:
    rule = graded(0, 5, 6, 9, 15)
    findings = find(rule, confidence=(0.9, 0.0, 0.97))
    assert [part.confidence_threshold for part in findings.parts] == [0.9, 0.0, 0.97]
    middle, low, high = (part.fraction for part in findings.parts)
    assert low < middle <= high
    full = findings.record["full_probability"]
    nothing = findings.record["nothing_probability"]
    for part in findings.parts:
        assert part.asked == pytest.approx(nothing + part.confidence_threshold * (full - nothing))
        assert part.confidence >= part.asked
    one_by_one = [masked(rule) for _ in range(3)]
    for model, gamma in zip(one_by_one, (0.9, 0.0, 0.97), strict=True):
        SEARCH(model, 0, confidence=(gamma,))
    shared = masked(rule)
    SEARCH(shared, 0, confidence=(0.9, 0.0, 0.97))
    assert shared.evaluations < sum(model.evaluations for model in one_by_one)


def test_every_evaluation_is_accounted_for() -> None:
    model = masked(graded(0, 5, 6))
    findings = SEARCH(model, 0, confidence=(0.5, 0.9), parts=2)
    assert set(findings.record["evaluations"]) == {"responsibility", "curves", "parts"}
    assert sum(findings.record["evaluations"].values()) == model.evaluations
    costs = findings.record["evaluations_by_threshold"]
    assert set(costs) == {"0.5", "0.9"}
    assert sum(costs.values()) == findings.record["evaluations"]["parts"]


def test_only_the_verification_evaluates_a_set_again() -> None:
    class Recording(Cells):
        seen: list[bytes]

        def forward(self, x: Tensor) -> Tensor:
            self.seen.extend(row.numpy().tobytes() for row in x[:, 0])
            return super().forward(x)

    network = Recording(graded(0, 5, 6))
    network.seen = []
    model = masked(network.rule, model=network)
    network.seen.clear()  # what binding checks is counted nowhere
    SEARCH(model, 0)
    assert len(network.seen) == model.evaluations
    searched = network.seen[:-18]  # what follows is the part alone, and in a batch with sixteen others
    assert len(searched) == len(set(searched))


def test_the_result_belongs_to_the_seed_and_not_to_the_batch() -> None:
    rule = graded(0, 3, 5, 10, 12)
    runs = [find(rule, batch_size=size, confidence=(0.5, 0.95), seed=1) for size in (1, 7, 64)]
    assert_equal(runs[0], runs[1])
    assert_equal(runs[0], runs[2])
    assert_equal(runs[0], find(rule, confidence=(0.5, 0.95), seed=1))
    assert not torch.equal(runs[0].saliency, find(rule, seed=2).saliency)


def test_a_chosen_target_that_only_a_part_shows() -> None:
    """Class 1 is on top while cell 0 is hidden: not on the full photograph."""
    findings = find(lambda visible: visible[:, 0] | ~visible.any(dim=1), target=1)
    part = only(findings)
    assert 0 not in cells_of(part.mask)
    assert bool(part.mask.any())
    assert part.stable is None
    assert part.verified


def test_a_target_that_never_appears_has_no_part() -> None:
    findings = find(lambda visible: visible[:, 0] | True, target=1)
    assert findings.parts == ()
    assert not findings.saliency.any()
    assert findings.curve is None
    assert any("no part found" in note for note in findings.notes)
    assert any("map is empty" in note for note in findings.notes)


def test_without_a_map_the_whole_photograph_is_minimised() -> None:
    corners = (0, 3, 12, 15)
    findings = Causal(min_box=0.5, block=0.25)(masked(conjunction(*corners)), 0)
    assert not findings.saliency.any()
    assert findings.curve is None
    part = only(findings)
    assert cells_of(part.mask) == set(corners)
    assert part.first_passing == 1.0


def test_without_blocks_the_part_is_the_shortest_prefix_that_passes() -> None:
    rule = majority(0, 3, 6, 9, 15)
    whole = only(Causal(iterations=6, min_box=0.125, block=0, steps=12)(masked(rule), 0))
    minimal = only(find(rule))
    assert whole.verified
    assert whole.minimal_block is None
    assert whole.fraction == whole.stable
    assert whole.first_passing == minimal.first_passing
    assert whole.fraction >= minimal.fraction


def test_several_roles_are_found_at_once_from_maps_of_their_own() -> None:
    model = masked(disjunction(1, 14))
    findings = SEARCH(model, 0, part=("sufficient", "necessary"))
    assert [(part.role, len(cells_of(part.mask))) for part in findings.parts] == [("sufficient", 1), ("necessary", 2)]
    assert sum(findings.record["evaluations"].values()) == model.evaluations
    assert torch.equal(findings.saliency, find(disjunction(1, 14)).saliency)


def test_responsibility_for_necessity_is_the_degree_by_chockler_and_halpern() -> None:
    """Of a conjunction each member alone makes the difference, 1; of a disjunction of two only both do, 1/2."""
    for rule, degree in ((conjunction(0, 15), 1.0), (disjunction(0, 15), 0.5)):
        found = Causal(iterations=1, min_box=0.5, role="necessary").attribute(Evaluator(masked(rule), 0), 0, None)
        corners = {float(found.saliency[cell(index)].max()) for index in (0, 15)}
        assert corners == {degree}
        assert not found.saliency[cell(3)].any()


def test_first_passing_and_stable_describe_the_ranking() -> None:
    part = only(find(graded(0, 5, 6)))
    assert part.first_passing is not None
    assert part.stable is not None
    assert part.first_passing <= part.stable <= 1
    assert part.fraction <= part.stable


def test_the_curve_has_both_ends() -> None:
    findings = find(graded(0, 5, 6))
    assert findings.curve is not None
    assert findings.curve.fractions[0] == 0
    assert findings.curve.fractions[-1] == 1
    assert findings.curve.insertion[-1] == pytest.approx(findings.record["full_probability"])


def test_progress_is_told_stage_by_stage() -> None:
    told: list[tuple[str, int, int | None]] = []
    model = masked(graded(0, 5, 6))
    model.progress = lambda stage, done, expected: told.append((stage, done, expected))
    SEARCH(model, 0)
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["responsibility", "curves", "parts"]
    totals = {stage: {expected for name, _, expected in told if name == stage} for stage, _, _ in told}
    assert totals["responsibility"] == totals["parts"] == {None}  # what is found decides
    assert max(done for stage, done, _ in told if stage == "curves") <= max(totals["curves"])
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


@pytest.mark.parametrize(
    "bad",
    [
        {"iterations": 0},
        {"steps": 1},
        {"min_box": 0.0},
        {"min_box": 0.6},
        {"block": -0.1},
        {"block": 0.6},
        {"blur": -0.1},
    ],
)
def test_parameters_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(bad))):
        Causal(**bad)


def test_a_real_photograph_is_explained(classifier: Classifier, photo: Tensor) -> None:
    fast = classifier.optimised()
    model: MaskedClassifier = REMOVALS.create("zero").bind(fast, photo)
    target = int(fast.logits(photo[None]).argmax())
    findings = Causal(iterations=6)(model, target, confidence=(0.5,))
    part = only(findings)
    assert part.verified
    assert part.fraction < 0.2
    fill = torch.tensor(classifier.preprocessing.mean).reshape(3, 1, 1).expand_as(photo)
    probabilities = classifier.logits(torch.where(part.mask, photo, fill)[None]).softmax(dim=1)[0]
    assert int(probabilities.argmax()) == target
    assert float(probabilities[target]) == pytest.approx(part.confidence, abs=1e-3)
    side = part.minimal_block
    assert side == 16
    for top in range(0, 224, side):
        for left in range(0, 224, side):
            without = part.mask.clone()
            without[top : top + side, left : left + side] = False
            if not torch.equal(without, part.mask):
                logits = model(without[None])[0]
                reached = float(logits.softmax(0)[target]) >= (part.asked or 1)
                assert not (int(logits.argmax()) == target and reached)
    assert model.evaluations < 700


def test_a_map_that_only_ranks_for_necessary_parts_takes_half_of_the_iterations() -> None:
    def necessity(method: Causal) -> torch.Tensor:
        return method.necessity(lost(Evaluator(masked(conjunction(0, 9)), 0)), 0, None).saliency

    half = Causal(iterations=3, min_box=0.125, role="necessary")
    assert torch.equal(necessity(Causal(iterations=5, min_box=0.125)), necessity(half))
    assert not torch.equal(necessity(Causal(iterations=5, min_box=0.125, role="necessary")), necessity(half))
