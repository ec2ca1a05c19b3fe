from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import SIZE, cell, graded, masked
from unseen.errors import ParameterError
from unseen.removal.memory import Memory, digest, recalled, remembering


def numbered(number: int) -> Tensor:
    """A set of 12 pixels that belongs to a number below 4,096."""
    return (torch.tensor(number) >> torch.arange(12) & 1).bool().reshape(3, 4)


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), max_size=8), st.integers(0, 300))
def test_each_set_is_evaluated_once_while_it_is_remembered_and_answered_in_order(
    asked: list[list[int]], limit: int
) -> None:
    memory, evaluated = Memory(limit), list[int]()

    def evaluate(masks: Tensor) -> Tensor:
        numbers = (masks.flatten(1) * 2 ** torch.arange(12)).sum(1)
        evaluated.extend(numbers.tolist())
        return torch.stack([numbers, -numbers], 1).float()

    room, kept = limit // 9, list[int]()
    for numbers in asked:
        before = len(evaluated)
        found = memory.logits([numbered(number) for number in numbers], evaluate)
        assert found.tolist() == [[number, -number] for number in numbers]
        new = [number for number in dict.fromkeys(numbers) if number not in kept]
        assert evaluated[before:] == new
        kept = [*kept, *new][-room:] if room else []
        remembered = sorted(memory.masks((3, 4)), key=lambda mask: mask.int().flatten().tolist())
        wanted = sorted(map(numbered, kept), key=lambda mask: mask.int().flatten().tolist())
        assert [one.tolist() for one in remembered] == [one.tolist() for one in wanted]


def test_a_set_is_the_same_whatever_its_type() -> None:
    visible = torch.rand(5, 7) > 0.5
    assert digest(visible) == digest(visible.float()) == digest(visible.double())
    assert len({digest(one) for one in (visible, ~visible, visible * 0.5, visible * 0.25)}) == 4


def test_the_smallest_of_what_is_remembered_come_first() -> None:
    memory = Memory()
    sets = torch.ones(20, 5, 7, dtype=torch.bool)
    for number, one in enumerate(sets):
        one.view(-1)[:number] = False
    memory.logits([*sets], lambda masks: masks[:, 0].float())
    assert torch.equal(torch.stack([*memory.masks((5, 7))]), sets.flip(0))
    assert torch.equal(torch.stack([*memory.masks((5, 7), largest_first=True)]), sets)


def test_soft_masks_are_not_remembered() -> None:
    memory, evaluated = Memory(), list[int]()

    def evaluate(masks: Tensor) -> Tensor:
        evaluated.append(len(masks))
        return masks.flatten(1).sum(1, keepdim=True)

    for _ in range(2):
        found = memory.logits([torch.full((4,), share) for share in (0.5, 1.0, 0.5, 0.0)], evaluate)
        assert found.flatten().tolist() == [2, 4, 2, 0]
    assert evaluated == [4, 2]


def test_what_is_asked_again_in_one_explanation_is_recalled_and_nothing_from_before() -> None:
    model = masked(graded(0, 5))
    sets = torch.stack([cell(0), cell(5), torch.zeros(SIZE, SIZE, dtype=torch.bool)])
    said = model(sets)
    for explanation in (1, 2):
        with remembering(model) as memory:
            assert torch.equal(recalled(model, sets), said)
            with remembering(model) as within:
                assert within is memory
                assert torch.equal(recalled(model, sets.flip(0)), said.flip(0))
            assert torch.equal(recalled(model, sets), said)
        assert model.evaluations == 3 + 3 * explanation
    for _ in range(2):
        assert torch.equal(recalled(model, sets), said)
    assert model.evaluations == 3 + 6 + 6


def test_another_photograph_is_not_remembered_with_this_one() -> None:
    model, other = masked(graded(0)), masked(graded(1))
    with remembering(model):
        recalled(other, cell(1)[None])
        recalled(other, cell(1)[None])
        assert other.evaluations == 2
        with remembering(other):
            recalled(other, cell(1)[None])
            assert torch.equal(recalled(model, cell(1)[None]), model(cell(1)[None]))


def test_masks_of_another_shape_are_refused() -> None:
    model = masked(graded(0))
    with remembering(model), pytest.raises(ParameterError, match="masks have shape"):
        recalled(model, torch.ones(1, SIZE, SIZE - 1, dtype=torch.bool))
