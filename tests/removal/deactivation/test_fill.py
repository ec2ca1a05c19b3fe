"""Neighbour fill, by hand and by its properties."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unseen.removal.deactivation.fill import neighbour_fill
from unseen.removal.deactivation.grid import Grid


def tensor(rows: list[list[float]]) -> Tensor:
    return torch.tensor([[rows]])


def test_rings_by_hand() -> None:
    features = tensor([[9.0, 3, 9, 9, 9], [9, 5, 9, 9, 9]])
    grid = Grid(tensor([[0, 1, 0, 0, 0], [0, 1, 0, 0, 0.0]]))
    once = neighbour_fill(features, grid, 1)
    assert once.tolist() == [[[[4, 3, 4, 0, 0], [4, 5, 4, 0, 0]]]]
    assert neighbour_fill(features, grid, 2).tolist() == [[[[4, 3, 4, 4, 0], [4, 5, 4, 4, 0]]]]
    assert neighbour_fill(features, grid, 9).tolist() == [[[[4, 3, 4, 4, 4], [4, 5, 4, 4, 4]]]]


def test_a_position_takes_the_mean_of_those_of_its_eight_neighbours_that_are_on() -> None:
    features = tensor([[1, 2, 50], [50, 50, 3], [50, 4, 50.0]])
    grid = Grid(tensor([[1, 1, 0], [0, 0, 1], [0, 1, 0.0]]))
    filled = neighbour_fill(features, grid, 1)
    torch.testing.assert_close(filled, tensor([[1, 2, 2.5], [7 / 3, 2.5, 3], [4, 4, 3.5]]))


def test_explicit_padding_is_neither_filled_nor_a_source() -> None:
    features = tensor([[7.0, 50, 2, 7]])
    grid = Grid(tensor([[0, 0, 1, 0.0]]), tensor([[1, 0, 0, 1.0]]))
    assert neighbour_fill(features, grid, 3).tolist() == [[[[7, 2, 2, 7]]]]


def test_branches_are_filled_from_their_own_positions() -> None:
    features = torch.tensor([[[[1.0, 9]], [[9, 2]]]])
    grid = Grid(torch.tensor([[[[1.0, 0]], [[0, 1]]]]))
    assert neighbour_fill(features, grid, 1).tolist() == [[[[1, 1]], [[2, 2]]]]


def test_the_memory_format_is_kept() -> None:
    """A convolution of another format would round otherwise, and Theorem 1 would not be exact."""
    features = torch.rand(2, 4, 6, 5).to(memory_format=torch.channels_last)
    for channels in (1, 4):
        grid = Grid((torch.rand(2, channels, 6, 5) > 0.5).float())
        assert neighbour_fill(features, grid, 2).stride() == features.stride()


@given(st.lists(st.booleans(), min_size=24, max_size=24), st.integers(0, 6), st.integers(0, 99))
def test_fill_keeps_what_is_on_and_ignores_what_is_off(bits: list[bool], rings: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    grid = Grid(torch.tensor(bits).float().reshape(1, 1, 4, 6))
    one, other = torch.rand(2, 1, 3, 4, 6, generator=generator)
    other = torch.where(grid.active > 0, one, other)
    before = one.clone()
    filled = neighbour_fill(one, grid, rings)
    assert torch.equal(one, before)
    assert torch.equal(filled, neighbour_fill(other, grid, rings))
    assert torch.equal(filled * grid.active, one * grid.active)
    if any(bits):
        inside = one.masked_fill(grid.active == 0, torch.nan)
        low, high = inside.nan_to_num(2).amin(), inside.nan_to_num(-1).amax()
        assert bool(((filled == 0) | ((filled >= low - 1e-5) & (filled <= high + 1e-5))).all())
    else:
        assert torch.equal(filled, torch.zeros_like(filled))
