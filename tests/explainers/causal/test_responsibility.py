from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import SIZE, cell, conjunction, disjunction, graded, masked, show
from unseen.explainers.causal.responsibility import _Job, responsibility
from unseen.explainers.sufficient.evaluation import Evaluator, Verdicts

SHAPE = (SIZE, SIZE)
PROPER = [subset for size in (1, 2, 3) for subset in combinations(range(4), size)]


def quarter_table(passing: set[tuple[int, ...]], asked: list[tuple[int, ...]]):  # type: ignore[no-untyped-def]
    """Verdicts on sets of quarters of a 2 × 2 photograph, from a table."""

    def evaluate(visible: Iterable[Tensor]) -> Verdicts:
        sets = [tuple(mask.flatten().nonzero().flatten().tolist()) for mask in visible]
        asked.extend(sets)
        return Verdicts(torch.full((len(sets),), 0.5), torch.tensor([s in passing for s in sets], dtype=torch.bool))

    return evaluate


def degree_by_definition(box: int, passing: set[tuple[int, ...]]) -> float:
    """1/(1 + k) by listing every set of hidden boxes, as the definition says."""
    sizes = []
    for visible in [*PROPER, (0, 1, 2, 3)]:
        after = tuple(b for b in visible if b != box)
        if box in visible and visible in passing and after not in passing:
            sizes.append(4 - len(visible))
    return 1 / (1 + min(sizes)) if sizes else 0.0


tables = st.sets(st.sampled_from(PROPER), min_size=1)


@given(tables, st.booleans())
def test_definition_is_the_degree_of_responsibility(passing: set[tuple[int, ...]], whole: bool) -> None:
    passing = passing | {(0, 1, 2, 3)} if whole else passing
    saliency = responsibility(quarter_table(passing, []), (2, 2), iterations=1, credit="definition", min_side=1)
    assert saliency.flatten().tolist() == pytest.approx([degree_by_definition(b, passing) for b in range(4)])


@given(tables)
def test_rex_divides_each_passing_subset_among_its_boxes(passing: set[tuple[int, ...]]) -> None:
    saliency = responsibility(quarter_table(passing, []), (2, 2), iterations=3, credit="rex", min_side=1)
    expected = [3 * sum(1 / len(s) for s in passing if b in s) for b in range(4)]
    assert saliency.flatten().tolist() == pytest.approx(expected)


@given(tables)
def test_minimal_credits_the_smallest_size_and_asks_for_no_larger(passing: set[tuple[int, ...]]) -> None:
    asked: list[tuple[int, ...]] = []
    saliency = responsibility(quarter_table(passing, asked), (2, 2), iterations=1, credit="minimal", min_side=1)
    size = min(map(len, passing))
    expected = [sum(1 / size for s in passing if b in s and len(s) == size) for b in range(4)]
    assert saliency.flatten().tolist() == pytest.approx(expected)
    assert max(map(len, asked)) == size


def test_nothing_passes_nothing_is_responsible() -> None:
    for credit in ("minimal", "rex", "definition"):
        model = masked(lambda visible: visible.any(dim=1) & False)
        saliency = responsibility(Evaluator(model, 0), SHAPE, iterations=2, credit=credit, min_side=4)
        assert not saliency.any()
        assert model.evaluations <= 28 + 1


@pytest.mark.parametrize("credit", ["minimal", "rex", "definition"])
def test_two_distant_regions_are_followed_to_the_smallest_boxes(credit: str) -> None:
    rule = conjunction(0, 15)
    saliency = responsibility(Evaluator(masked(rule), 0), SHAPE, iterations=8, credit=credit, min_side=2)  # type: ignore[arg-type]
    first, second = saliency[cell(0)], saliency[cell(15)]
    elsewhere = saliency[~show(0, 15)]
    assert min(first.mean(), second.mean()) > 1.5 * elsewhere.mean()


def test_every_level_adds_to_both_regions() -> None:
    saliency = responsibility(Evaluator(masked(conjunction(0, 15)), 0), SHAPE, iterations=8, min_side=2)
    first_level = 8 * 0.5
    assert float(saliency[cell(0)].max()) > 2 * first_level
    assert float(saliency[cell(15)].max()) > 2 * first_level


def test_either_of_two_regions_is_responsible() -> None:
    saliency = responsibility(Evaluator(masked(disjunction(1, 14)), 0), SHAPE, iterations=10, min_side=4)
    assert saliency[show(1, 14)].mean() > 1.5 * saliency[~show(1, 14)].mean()


def test_the_map_belongs_to_the_seed_and_not_to_the_batch() -> None:
    def run(seed: int, batch_size: int | None) -> Tensor:
        evaluate = Evaluator(masked(graded(0, 3, 12), batch_size=batch_size), 0)
        return responsibility(evaluate, SHAPE, iterations=4, min_side=4, seed=seed)

    assert torch.equal(run(0, 1), run(0, 7))
    assert torch.equal(run(0, None), run(0, 7))
    assert not torch.equal(run(0, None), run(1, None))


def test_boxes_of_any_level_are_split_by_streams_of_their_own() -> None:
    box = ((0, 1000), (0, 1000))
    jobs = [_Job(iteration, path, box) for iteration in (0, 1) for path in [(), (0,), (0, 0), (1,)]]
    seeds = [seed + k for seed in (0, 2**32, 2**64) for k in range(3)]
    points = [job.quarters(seed, 1)[0] for job in jobs for seed in seeds]
    assert len(set(points)) == len(points)


def test_of_equal_subsets_any_is_refined() -> None:
    jobs = [_Job(iteration, (), ((0, 10), (0, 10))) for iteration in range(300)]
    found = {(0,): 0.7, (1,): 0.5, (3,): 0.7 * (1 - 1e-7), (0, 1): 0.9}
    chosen = [job.chosen(found, 5) for job in jobs]
    assert set(chosen) == {(0,), (3,)}
    assert 100 < chosen.count((0,)) < 200  # 150 ± 9
    assert chosen == [job.chosen(found, 5) for job in jobs]
    assert chosen != [job.chosen(found, 6) for job in jobs]
    assert {job.chosen({(0,): 0.7, (3,): 0.7001, (0, 1): 0.9}, 5) for job in jobs} == {(3,)}


def test_equal_regions_are_given_the_same() -> None:
    evaluate = Evaluator(masked(disjunction(4, 7)), 0)
    sums = torch.stack([responsibility(evaluate, SHAPE, iterations=40, min_side=4, seed=seed) for seed in range(12)])
    left, right = (sums[:, cell(index)].sum(1).double() for index in (4, 7))
    difference = (left - right) / (left + right)
    assert abs(float(difference.mean())) < 4 * float(difference.std()) / 12**0.5


def test_iterations_do_not_depend_on_each_other() -> None:
    maps = [
        responsibility(Evaluator(masked(conjunction(0, 15)), 0), SHAPE, iterations=n, min_side=4) for n in (1, 2, 3)
    ]
    for fewer, more in pairwise(maps):
        assert float((more - fewer).min()) >= 0
        assert bool((more > fewer).any())


def test_only_the_domain_is_ever_visible() -> None:
    seen: list[Tensor] = []
    evaluate = Evaluator(masked(disjunction(1, 14)), 0)

    def recorded(visible: Iterable[Tensor]) -> Verdicts:
        masks = list(visible)
        seen.extend(masks)
        return evaluate(masks)

    domain = ~cell(1)
    saliency = responsibility(recorded, SHAPE, iterations=6, min_side=4, domain=domain)
    assert seen
    assert not any(bool((mask & ~domain).any()) for mask in seen)
    assert not saliency[~domain].any()
    assert saliency[cell(14)].mean() > saliency[~cell(14)].mean()


def test_no_box_is_narrower_than_asked() -> None:
    saliency = responsibility(Evaluator(masked(conjunction(5)), 0), SHAPE, iterations=1, min_side=5)
    rows = [0, *(i for i in range(1, SIZE) if not torch.equal(saliency[i], saliency[i - 1])), SIZE]
    assert len(rows) > 3
    assert min(b - a for a, b in pairwise(rows)) >= 5
    model = masked(conjunction(5))
    assert not responsibility(Evaluator(model, 0), SHAPE, iterations=1, min_side=17).any()
    assert model.evaluations == 0
