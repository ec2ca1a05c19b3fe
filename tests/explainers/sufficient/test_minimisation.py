from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import chain, combinations, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unseen.explainers.sufficient import minimisation
from unseen.explainers.sufficient.criterion import SetVerdicts
from unseen.explainers.sufficient.minimisation import minimise

ALL = frozenset(range(9))
SUBSETS = [frozenset(s) for s in chain.from_iterable(combinations(range(9), n) for n in range(10))]


def picture(blocks: frozenset[int], side: int = 2) -> Tensor:
    """3 × 3 blocks; the last row and column are cut to one pixel."""
    mask = torch.tensor([i in blocks for i in range(9)]).reshape(3, 3)
    return mask.repeat_interleave(side, 0).repeat_interleave(side, 1)[: 3 * side - 1, : 3 * side - 1]


def blocks_of(mask: Tensor) -> frozenset[int]:
    return frozenset(i for i in ALL if bool((picture(frozenset({i})) & mask).any()))


LEVEL = torch.ones(5, 5).double()
"""No pixel stands above another."""


def looked_up(passing: set[frozenset[int]], seen: list[frozenset[int]]):  # type: ignore[no-untyped-def]
    def test(visible: Iterable[Tensor]) -> SetVerdicts:
        sets = [blocks_of(mask) for mask in visible]
        seen.extend(sets)
        confidence = torch.tensor([hash(tuple(sorted(s))) % 97 / 97 for s in sets])
        return SetVerdicts(torch.tensor([s in passing for s in sets], dtype=torch.bool), confidence)

    return test


def random_family(seed: int, density: float) -> set[frozenset[int]]:
    draw = random.Random(seed)
    return {ALL} | {s for s in SUBSETS if draw.random() < density}


families = st.builds(random_family, st.integers(0, 2**32), st.floats(0, 1))
generators = st.sets(st.sampled_from(SUBSETS), min_size=1, max_size=6)


@given(families)
def test_no_single_block_can_be_spared_and_every_step_was_evaluated(passing: set[frozenset[int]]) -> None:
    seen: list[frozenset[int]] = [ALL]
    trail = [blocks_of(mask) for mask in minimise(looked_up(passing, seen), picture(ALL), (4, 2), LEVEL)]
    assert trail[0] == ALL
    assert all(later < earlier for earlier, later in pairwise(trail))
    assert all(part in passing and part in seen for part in trail)
    assert not any(trail[-1] - {block} in passing for block in trail[-1])


@given(generators, st.sampled_from([(2,), (4, 2)]))
def test_a_monotone_rule_ends_in_one_of_its_minimal_sets(
    generators: set[frozenset[int]], sides: tuple[int, ...]
) -> None:
    passing = {s for s in SUBSETS if any(g <= s for g in generators)}
    minimal = {s for s in passing if not any(s - {block} in passing for block in s)}
    found = minimise(looked_up(passing, []), picture(ALL), sides, LEVEL)[-1]
    assert blocks_of(found) in minimal


def test_a_part_keeps_its_shape_inside_the_blocks() -> None:
    part = picture(ALL)
    part[0, 0] = False
    found = minimise(looked_up({s for s in SUBSETS if 0 in s}, []), part, (2,), LEVEL)[-1]
    assert torch.equal(found, picture(frozenset({0})) & part)


def test_what_passes_with_nothing_visible_ends_empty() -> None:
    assert not minimise(looked_up(set(SUBSETS), []), picture(ALL), (2,), LEVEL)[-1].any()


def test_what_stands_lowest_is_spared_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any six blocks will do, and three are tried at a time."""
    monkeypatch.setattr(minimisation, "_TOGETHER", 3)
    standing = (torch.arange(9) * 7 % 9).reshape(3, 3).repeat_interleave(2, 0).repeat_interleave(2, 1)[:5, :5].double()
    for block in range(9):  # those at the edge have fewer pixels
        standing[picture(frozenset({block}))] /= picture(frozenset({block})).sum()
    found = minimise(looked_up({s for s in SUBSETS if len(s) >= 6}, []), picture(ALL), (2,), standing)[-1]
    assert blocks_of(found) == ALL - {0, 4, 8}  # of which 7 × block mod 9 is 0, 1 and 2


def test_what_is_indispensable_is_asked_about_once() -> None:
    seen: list[frozenset[int]] = []
    assert len(minimise(looked_up({ALL}, seen), picture(ALL), (2,), LEVEL)) == 1
    assert len(seen) == len(ALL)
