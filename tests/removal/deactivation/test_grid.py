"""Grids, windows and the two ways to travel."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.reference import Map, Reference
from unseen.removal.deactivation.grid import Grid, Traveller, Window

sizes = st.tuples(st.integers(4, 9), st.integers(4, 9))


@st.composite
def masks(draw: st.DrawFn) -> Tensor:
    """(2, H, W); the first is contained in the second."""
    height, width = draw(sizes)
    bits = draw(st.lists(st.integers(0, 2), min_size=height * width, max_size=height * width))
    level = torch.tensor(bits).reshape(height, width)
    return torch.stack([(level == 2).float(), (level > 0).float()])


@st.composite
def windows(draw: st.DrawFn) -> Window:
    def pair(low: int, high: int) -> Any:
        return draw(st.tuples(st.integers(low, high), st.integers(low, high)))

    return Window(pair(1, 3), pair(1, 3), pair(0, 2), pair(1, 2))


def output_size(window: Window, size: tuple[int, int]) -> tuple[int, int]:
    layer = torch.ones(1, 1, *window.kernel)
    made = F.conv2d(torch.zeros(1, 1, *size), layer, None, window.stride, window.padding, window.dilation)
    return int(made.shape[2]), int(made.shape[3])


def fits(window: Window, size: Any) -> bool:
    return all(
        n + 2 * p > d * (k - 1) for n, p, d, k in zip(size, window.padding, window.dilation, window.kernel, strict=True)
    )


def travelled(mask: Tensor, window: Window, **how: Any) -> Tensor:
    traveller = Traveller(mask, how.get("travel", "dilating"), how.get("threshold", 0.0), torch.float32)
    size = output_size(window, traveller.origin.size)
    return traveller.through_window(traveller.origin, window, size).active[:, 0]


@given(masks(), windows(), st.sampled_from(["dilating", "pooled"]), st.floats(0, 0.999))
def test_more_visible_pixels_switch_more_positions_on(
    mask: Tensor, window: Window, travel: str, threshold: float
) -> None:
    if fits(window, mask.shape[1:]):
        fewer, more = travelled(mask, window, travel=travel, threshold=threshold)
        assert bool((more >= fewer).all())


@given(masks(), windows(), st.sampled_from(["dilating", "pooled"]), st.floats(0, 0.99), st.floats(0, 0.99))
def test_a_higher_threshold_switches_fewer_positions_on(
    mask: Tensor, window: Window, travel: str, one: float, other: float
) -> None:
    if fits(window, mask.shape[1:]):
        low, high = (travelled(mask, window, travel=travel, threshold=t) for t in sorted((one, other)))
        assert bool((low >= high).all())


@given(sizes, windows(), st.floats(0, 1, exclude_max=True))
def test_a_visible_photograph_is_on_everywhere_for_every_threshold(
    size: tuple[int, int], window: Window, threshold: float
) -> None:
    if fits(window, size):
        mask = torch.ones(2, *size)
        mask[1, 0] = 0  # or nothing would have to be counted
        traveller = Traveller(mask, "dilating", threshold, torch.float32)
        grid = traveller.through_window(traveller.origin, window, output_size(window, size))
        assert bool((grid.keep[0] == 1).all())


@given(masks(), windows(), st.sampled_from([0.0, 0.3, 0.5, 0.9]))
def test_dilating_counts_valid_positions(mask: Tensor, window: Window, threshold: float) -> None:
    """Definition 4 by loops."""
    if fits(window, mask.shape[1:]):
        layer = nn.Conv2d(1, 1, window.kernel, window.stride, window.padding, window.dilation)  # type: ignore[arg-type]
        for row, got in zip(mask, travelled(mask, window, threshold=threshold), strict=True):
            reference = Reference(row, threshold=threshold)
            expected = reference.conv(Map(row[None], row[None] > 0, torch.ones_like(row, dtype=torch.bool)), layer)
            ties = torch.zeros_like(expected.on[0]) if threshold in (0.0, 0.5) else _near(row, window, threshold)
            assert bool((got.bool() == expected.on[0])[~ties].all())


def _near(row: Tensor, window: Window, threshold: float) -> Tensor:
    """Windows whose share is the threshold itself, up to its rounding."""
    size = output_size(window, (row.shape[0], row.shape[1]))
    count, total = (window.visible(m[None, None], size)[0, 0] for m in (row, torch.ones_like(row)))
    return (count - threshold * total).abs() < 1e-3


@given(masks(), st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_pooled_never_grows(mask: Tensor, size: tuple[int, int]) -> None:
    """Without a threshold a position is on exactly if a pixel behind it is visible, so the area shrinks to cells."""
    grid = Traveller(mask, "pooled", 0.0, torch.float32).at_size(size)
    back = F.adaptive_max_pool2d(mask[:, None], size)
    assert torch.equal(grid.active, back)


def test_pooled_is_one_grid_per_size() -> None:
    traveller = Traveller(torch.ones(2, 8, 8), "pooled", 0.0, torch.float32)
    assert traveller.at_size((4, 4)) is traveller.at_size((4, 4))
    assert traveller.at_size((8, 8)) is traveller.origin


@given(masks(), windows())
def test_counts_are_those_of_a_convolution_with_ones(mask: Tensor, window: Window) -> None:
    if fits(window, mask.shape[1:]):
        size = output_size(window, (mask.shape[1], mask.shape[2]))
        ones = torch.ones(1, 1, *window.kernel)
        expected = F.conv2d(mask[:, None], ones, None, window.stride, window.padding, window.dilation)
        assert torch.equal(window.visible(mask[:, None], size), expected.round())


def grid(rows: list[list[int]], padding: list[list[int]] | None = None) -> Grid:
    return Grid(torch.tensor([[rows]]).float(), None if padding is None else torch.tensor([[padding]]).float())


def test_joins_return_the_grid_itself_where_it_covers_the_other() -> None:
    small, large = grid([[1, 0, 0]]), grid([[1, 1, 0]])
    assert small.union(large) is large
    assert large.union(small) is large
    assert small.intersection(large) is small
    other = grid([[0, 1, 1]])
    assert large.union(other).active.tolist() == [[[[1, 1, 1]]]]
    assert large.intersection(other).active.tolist() == [[[[0, 1, 0]]]]
    assert large.union(other) is large.union(other)


def test_padding_of_one_branch_belongs_to_the_other() -> None:
    padded, plain = grid([[0, 1, 0]], [[1, 0, 0]]), grid([[1, 1, 0]])
    for joined in (padded.union(plain), plain.union(padded)):
        assert joined.padding is None
        assert joined.active.tolist() == [[[[1, 1, 0]]]]
    assert padded.intersection(plain).active.tolist() == [[[[1, 1, 0]]]]
    both = padded.intersection(grid([[0, 1, 1]], [[1, 0, 0]]))
    assert both.keep.tolist() == [[[[1, 1, 0]]]]
    assert both.padding is not None
    assert both.padding.tolist() == [[[[1, 0, 0]]]]


def test_concatenated_grids_are_per_channel_only_where_they_differ() -> None:
    left, right = grid([[1, 0]]), grid([[1, 1]])
    joined = Grid.concatenated([(left, 2), (right, 1)])
    assert joined.active[0, :, 0].tolist() == [[1, 0], [1, 0], [1, 1]]
    assert not joined.full
    assert joined.collapsed().active.tolist() == [[[[1, 1]]]]
    assert joined.narrowed(slice(0, 2)).active.tolist() == [[[[1, 0]]]]
    assert joined.narrowed(slice(0, 2)) is joined.narrowed(slice(0, 2))
    assert Grid.concatenated([(left, 2), (left, 5)]) is left


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.999999])
def test_positions_without_a_source_are_padding(threshold: float) -> None:
    """A transposed convolution with gaps: what nothing reaches is neither on nor off."""
    mask = torch.ones(2, 3, 3)
    mask[1] = 0
    traveller = Traveller(mask, "dilating", threshold, torch.float32)

    def spread(values: Tensor) -> Tensor:
        return F.conv_transpose2d(values, torch.ones(1, 1, 1, 1), stride=2)

    spreaded = traveller.through_operation(traveller.origin, spread, (5, 5))
    assert spreaded.padding is not None
    assert bool((spreaded.keep[0] == 1).all())
    assert spreaded.active.sum().item() == 9
    assert spreaded.padding.sum().item() == 25 - 9
