from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import SIZE, cell, graded, masked
from helpers.processor import generator
from helpers.spaces import bright, looking
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.removal import REMOVALS
from unseen.removal.memory import Memory

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
    assert torch.allclose(again.probability, doubled.probability[:30].flip(0))  # read off the logits together
    assert float(evaluate.full.probability) == float(evaluate.full.probability)
    assert model.evaluations == 31


def test_nothing_and_everything_are_evaluated_once() -> None:
    model = masked(graded(0, 5))
    evaluate = Evaluator(model, 0)
    for _ in range(2):
        assert float(evaluate.nothing.probability) < 0.5 < float(evaluate.full.probability)
        assert (bool(evaluate.nothing.top), bool(evaluate.full.top)) == (False, True)
    assert model.evaluations == 2


def test_what_the_model_says_is_its_decision_and_how_sure_it_is() -> None:
    evaluate = Evaluator(masked(graded(0)), 0)
    assert evaluate.label == "yes"
    assert evaluate.said(cell(1)).label == "no"
    assert evaluate.said(cell(1)).probability == pytest.approx(0.6225, abs=1e-4)


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
    assert model.evaluations == 0


def test_fresh_verdicts_are_evaluated_again_but_for_the_same_sets_together() -> None:
    model = masked(graded(0))
    evaluate = Evaluator(model, 0)
    evaluate([cell(0)])
    evaluate.fresh(cell(0)[None])
    assert model.evaluations == 2
    evaluate.fresh(torch.stack([cell(0), cell(1)]))
    assert model.evaluations == 4
    evaluate.fresh(torch.stack([cell(0), cell(1)]))
    assert model.evaluations == 4


@given(st.lists(st.integers(), max_size=3000), st.integers(1, 700))
def test_chunks_partition_and_are_whole_batches(items: list[int], batch: int) -> None:
    model = masked(graded(0))
    model.batch = batch
    parts = list(Evaluator(model, 0).chunks(items))
    assert [item for part in parts for item in part] == items
    assert all(len(part) % batch == 0 for part in parts[:-1])


def test_sets_of_a_large_volume_are_not_held_by_the_hundreds() -> None:
    """As many voxels wait at most as 512 sets of 224 × 224 have pixels."""
    space, held = (96, 96, 96), list[int]()

    class Held(Memory):
        def logits(self, masks: Sequence[Tensor], evaluate: Callable[[Tensor], Tensor]) -> Tensor:
            held.append(sum(map(torch.numel, masks)))
            return super().logits(masks, evaluate)

    bound = REMOVALS.create("black").bind(looking(space, 1), bright(space, 1))
    sets = (torch.arange(96)[:, None, None].expand(space) < number for number in range(40))
    assert len(Evaluator(bound, 0, Held())(sets).top) == 40
    assert max(held) <= 512 * 224 * 224
    assert len(held) == 2
