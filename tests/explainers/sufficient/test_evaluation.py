from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import SIZE, Cells, Wavering, cell, conjunction, disjunction, graded, masked, show
from helpers.processor import generator
from unseen.explainers.sufficient.evaluation import Evaluator, SufficiencyCriterion, chunks

pytestmark = pytest.mark.numerics


def random_masks(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, SIZE, SIZE, generator=generator(seed)) > 0.5


def test_verdicts_are_those_of_the_model_in_order() -> None:
    model = masked(graded(0, 5, 6, 9))
    masks = random_masks(40)
    expected = model(masks).softmax(dim=1)
    verdicts = Evaluator(model, 1)(iter(masks))
    assert torch.equal(verdicts.probability, expected[:, 1])
    assert torch.equal(verdicts.top, expected.argmax(dim=1) == 1)


def test_no_set_is_evaluated_twice() -> None:
    model = masked(graded(0, 5))
    evaluate = Evaluator(model, 0)
    masks = random_masks(30)
    doubled = evaluate([*masks, *masks])
    assert model.evaluations == 30
    again = evaluate(masks.flip(0))
    assert model.evaluations == 30
    assert torch.equal(again.probability, doubled.probability[:30].flip(0))
    assert float(evaluate.full.probability) == float(evaluate.full.probability)
    assert model.evaluations == 31


def test_more_sets_than_one_chunk() -> None:
    model = masked(graded(0, 5))
    masks = random_masks(1100)
    verdicts = Evaluator(model, 0)(mask for mask in masks)
    assert model.evaluations == 1100
    expected = masked(graded(0, 5))(masks).softmax(dim=1)[:, 0]
    torch.testing.assert_close(verdicts.probability, expected)  # in other batches than the chunks


def test_no_sets_no_verdicts() -> None:
    model = masked(graded(0))
    assert len(Evaluator(model, 0)([]).top) == 0
    assert len(SufficiencyCriterion(Evaluator(model, 0), 0.0)([]).passes) == 0
    assert model.evaluations == 0


def test_fresh_verdicts_are_evaluated_again() -> None:
    model = masked(graded(0))
    evaluate = Evaluator(model, 0)
    evaluate([cell(0)])
    evaluate.fresh(cell(0)[None])
    assert model.evaluations == 2


def test_a_sufficient_set_needs_the_top_and_the_floor() -> None:
    evaluate = Evaluator(masked(graded(0, 1)), 0)
    one, two = evaluate([show(0), show(0, 1)]).probability.tolist()
    for floor, expected in ((0.0, [False, True, True]), ((one + two) / 2, [False, False, True]), (0.99, [False] * 3)):
        assert SufficiencyCriterion(evaluate, floor)([show(), show(0), show(0, 1)]).passes.tolist() == expected


def test_a_contrastive_set_also_changes_the_class_when_hidden() -> None:
    model = masked(disjunction(0, 5))
    trial = SufficiencyCriterion(Evaluator(model, 0), 0.0, contrastive=True)([show(0), show(5), show(0, 5), show(1)])
    assert trial.passes.tolist() == [False, False, True, False]
    assert model.evaluations == 4 + 3  # the hidden side only of what passes when visible


def test_verification_is_of_the_set_alone_and_in_a_batch() -> None:
    class MoodyInBatches(Cells):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1 if (len(x) == 1) == self.passes_alone else -1)

    for passes_alone in (True, False):
        moody = MoodyInBatches(conjunction(0))
        moody.passes_alone = passes_alone
        criterion = SufficiencyCriterion(Evaluator(masked(moody.rule, model=moody), 0), 0.0)
        assert not bool(criterion.verify(cell(0)).passes)
    calm = SufficiencyCriterion(Evaluator(masked(conjunction(0)), 0), 0.0)
    assert bool(calm.verify(cell(0)).passes)
    assert not bool(calm.verify(cell(1)).passes)


@pytest.mark.parametrize("contrastive", [False, True])
def test_verification_is_in_the_company_of_other_sets(contrastive: bool) -> None:
    """The network leaks: each image is judged with the mean of its batch."""

    class Leaking(Cells):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward((x + 2 * x.mean(dim=0)) / 3)

    for model, passes in ((Leaking, False), (Cells, True)):
        network = model(conjunction(0))
        criterion = SufficiencyCriterion(Evaluator(masked(network.rule, model=network), 0), 0.0, contrastive)
        assert bool(criterion([cell(0)]).passes)
        assert bool(criterion.verify(cell(0)).passes) == passes


@pytest.mark.parametrize(("batch_size", "batches"), [(1, [1, 1]), (2, [1, 1, 2]), (3, [1, 1, 3]), (64, [1, 1, 8])])
def test_verification_keeps_to_the_batch_size(batch_size: int, batches: list[int]) -> None:
    class Counting(Cells):
        def forward(self, x: Tensor) -> Tensor:
            sizes.append(len(x))
            return super().forward(x)

    sizes: list[int] = []
    network = Counting(disjunction(0, 5))
    model = masked(network.rule, model=network, batch_size=batch_size)
    sizes.clear()  # of the check when it is bound
    assert bool(SufficiencyCriterion(Evaluator(model, 0), 0.0, contrastive=True).verify(show(0, 5)).passes)
    assert sizes == batches
    assert not bool(SufficiencyCriterion(Evaluator(model, 0), 0.0, contrastive=True).verify(show(0)).passes)
    assert not bool(SufficiencyCriterion(Evaluator(model, 0), 0.0).verify(show(1)).passes)


def test_verification_of_a_contrastive_set_looks_at_both_sides() -> None:
    criterion = SufficiencyCriterion(Evaluator(masked(disjunction(0, 5)), 0), 0.0, contrastive=True)
    assert bool(criterion.verify(show(0, 5)).passes)
    assert not bool(criterion.verify(show(0)).passes)


@pytest.mark.parametrize("moody_alone", [True, False])
def test_the_hidden_side_is_verified_alone_and_in_a_batch(moody_alone: bool) -> None:
    class Moody(Cells):
        def forward(self, x: Tensor) -> Tensor:
            self.rule = disjunction(0, 5) if (len(x) == 1) == moody_alone else conjunction(0)
            return super().forward(x)

    moody = Moody(conjunction(0))
    evaluate = Evaluator(masked(moody.rule, model=moody), 0)
    assert bool(SufficiencyCriterion(evaluate, 0.0).verify(cell(0)).passes)
    assert not bool(SufficiencyCriterion(evaluate, 0.0, contrastive=True).verify(cell(0)).passes)


@pytest.mark.parametrize("contrastive", [False, True])
def test_rounding_that_depends_on_the_batch_is_no_reason_to_fail(contrastive: bool) -> None:
    """What says exactly what the photograph says reaches a floor of all of it, in whatever batch either is evaluated."""
    rule = graded(0, 5)
    for batch_size in range(1, 9):
        model = masked(rule, model=Wavering(rule), batch_size=batch_size)
        for full in (1, 2, 3, 4):
            floor = float(model(torch.ones(full, SIZE, SIZE)).softmax(1)[0, 0])
            criterion = SufficiencyCriterion(Evaluator(model, 0), floor, contrastive)
            assert bool(criterion([*random_masks(full), show(0, 5)]).passes[-1])
            assert bool(criterion.verify(show(0, 5)).passes)
            assert not bool(criterion([show(0)]).passes)
            assert not bool(criterion.verify(show(0)).passes)


@given(st.lists(st.integers()), st.integers(1, 5))
def test_chunks_partition(items: list[int], size: int) -> None:
    parts = list(chunks(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])
