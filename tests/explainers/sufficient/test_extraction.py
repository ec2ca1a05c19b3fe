from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from helpers.cells import SIZE, cell, disjunction, graded, masked
from unseen.explainers.sufficient.criterion import Criterion, SetVerdicts
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.extraction import boundary, curve, shortest_prefix
from unseen.explanation.ranking import rank


@given(st.lists(st.booleans(), min_size=2, max_size=300), st.booleans(), st.integers(1, 9))
def test_the_boundary_passes_next_to_a_failure(table: list[bool], upwards: bool, tolerance: int) -> None:
    good, bad = (len(table) - 1, 0) if upwards else (0, len(table) - 1)
    table[good], table[bad] = True, False
    asked: set[int] = set()

    def passes(points: Sequence[int]) -> list[bool]:
        assert 0 < len(points) <= 3
        assert not asked.intersection(points)
        asked.update(points)
        return [table[point] for point in points]

    found = boundary(passes, good, bad, tolerance=tolerance)
    assert table[found]
    failing = [point for point in asked | {bad} if not table[point]]
    assert min(abs(found - point) for point in failing) <= tolerance
    if all(table[i] <= table[i + 1] for i in range(len(table) - 1)) and upwards and tolerance == 1:
        assert found == table.index(True)


def by_size(table: Sequence[bool], seen: list[int]):  # type: ignore[no-untyped-def]
    """A test that looks up the number of visible pixels."""

    def test(visible: Iterable[Tensor]) -> SetVerdicts:
        sizes = [int(mask.sum()) for mask in visible]
        seen.extend(sizes)
        return SetVerdicts(torch.tensor([table[size] for size in sizes], dtype=torch.bool), torch.zeros(len(sizes)))

    return test


@given(st.lists(st.booleans(), min_size=65, max_size=65), st.integers(3, 12))
def test_a_prefix_that_fails_is_never_returned(table: list[bool], steps: int) -> None:
    seen: list[int] = []
    ranking = rank(torch.zeros(8, 8))
    sizes = ranking.grid(steps)
    prefix = shortest_prefix(by_size(table, seen), ranking, sizes)
    if prefix is None:
        assert not any(table[size] for size in sizes)
        return
    assert table[prefix.first]
    assert prefix.first in seen
    taken = int(prefix.visible.sum())
    assert taken == (prefix.first if prefix.stable is None else prefix.stable)
    assert table[taken]
    assert torch.equal(prefix.visible, ranking.prefix(taken))
    assert prefix.first == min(size for size in seen if table[size])
    failing = [size for size in seen if not table[size]]
    longer = [size for size in seen if size > max(failing, default=-1)]
    assert prefix.stable == (min(longer) if longer else None)


@given(st.integers(0, 2000))
def test_a_monotone_prefix_is_found_exactly(threshold: int) -> None:
    ranking = rank(torch.zeros(40, 50))
    table = [size >= threshold for size in range(2001)]
    prefix = shortest_prefix(by_size(table, []), ranking, ranking.grid(12), tolerance=1)
    assert prefix is not None
    assert prefix.first == prefix.stable == threshold
    coarse = shortest_prefix(by_size(table, []), ranking, ranking.grid(12))
    assert coarse is not None
    assert threshold <= coarse.first <= max(threshold * 1.02, threshold + 1)


def test_where_a_longer_prefix_fails_the_stable_one_is_taken_and_refined() -> None:
    ranking = rank(torch.zeros(40, 50))
    table = [200 <= size < 300 or size >= 1234 for size in range(2001)]
    prefix = shortest_prefix(by_size(table, []), ranking, ranking.grid(24), tolerance=1)
    assert prefix is not None
    assert (prefix.first, prefix.stable, int(prefix.visible.sum())) == (200, 1234, 1234)


def test_where_the_longest_prefix_fails_there_is_no_stable_one() -> None:
    ranking = rank(torch.zeros(40, 50))
    prefix = shortest_prefix(by_size([100 <= size < 2000 for size in range(2001)], []), ranking, ranking.grid(24))
    assert prefix is not None
    assert prefix.stable is None
    assert int(prefix.visible.sum()) == prefix.first <= 101


def test_the_curve_inserts_and_deletes_along_the_ranking() -> None:
    model = masked(graded(5, 6))
    evaluate = Evaluator(model, 0)
    ranking = rank((cell(5) | cell(6)).float())
    line = curve(evaluate, ranking, [0, 128, SIZE * SIZE])
    nothing, everything = model(torch.stack([ranking.prefix(0), ranking.prefix(SIZE * SIZE)])).softmax(1)[:, 0].tolist()
    assert line.fractions == (0.0, 0.125, 1.0)
    assert line.insertion == pytest.approx((nothing, everything, everything))
    assert line.deletion == pytest.approx((everything, nothing, nothing))


def test_any_saliency_map_serves() -> None:
    evaluate = Evaluator(masked(disjunction(9)), 0)
    ranking = rank(-torch.arange(SIZE * SIZE, dtype=torch.float32).reshape(SIZE, SIZE))
    prefix = shortest_prefix(Criterion(evaluate, 0.0), ranking, ranking.grid(24), tolerance=1)
    assert prefix is not None
    # rows from the top; cell 9 lies in rows 16–23, columns 8–15: half of it is visible after 20 rows
    assert prefix.first == prefix.stable == 20 * SIZE + 9
