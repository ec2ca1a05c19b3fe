from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor

from unseen.explanation.ranking import rank

maps = st.lists(st.integers(0, 3), min_size=12, max_size=12).map(
    lambda values: torch.tensor(values, dtype=torch.float32).reshape(3, 4)
)


@given(maps, st.integers(0, 100))
def test_a_ranking_lists_every_pixel_once_by_descending_saliency(saliency: Tensor, seed: int) -> None:
    order = rank(saliency, seed=seed).order
    assert sorted(order.tolist()) == list(range(12))
    assert bool((saliency.flatten()[order].diff() <= 0).all())


@given(maps)
def test_a_domain_keeps_the_order_of_its_pixels(saliency: Tensor) -> None:
    domain = torch.tensor([True, False] * 6).reshape(3, 4)
    everything, inside = rank(saliency).order.tolist(), rank(saliency, domain=domain).order.tolist()
    assert inside == [pixel for pixel in everything if pixel % 2 == 0]


@pytest.mark.parametrize("blur", [0.0, 2.5])
def test_ties_are_not_broken_by_position(blur: float) -> None:
    first = rank(torch.full((40, 50), 0.3), blur=blur, seed=3).prefix(1000)
    rows, columns = first.nonzero().float().mean(dim=0).tolist()
    assert rows == pytest.approx(19.5, abs=2)
    assert columns == pytest.approx(24.5, abs=2.5)
    assert not torch.equal(first, rank(torch.full((40, 50), 0.3), blur=blur, seed=4).prefix(1000))


def test_blur_is_a_gaussian_that_keeps_constants() -> None:
    saliency = torch.zeros(41, 51)
    saliency[20, 25] = 1
    expected = torch.from_numpy(gaussian_filter(saliency.double().numpy(), 4, truncate=3))
    order = rank(saliency, blur=4).order
    assert bool((expected.flatten()[order][: 20 * 20].diff() <= 1e-9).all())
    corner = torch.zeros(41, 51)
    corner[:12, :12] = 1
    assert bool(rank(corner, blur=4).prefix(1)[:6, :6].any())


def test_blur_ranks_the_middle_of_a_box_before_its_edge() -> None:
    saliency = torch.zeros(40, 40)
    saliency[10:30, 10:30] = 1
    assert bool(rank(saliency, blur=3).prefix(1)[16:24, 16:24].any())


@given(st.integers(1, 5000), st.integers(3, 40))
def test_the_grid_goes_from_nothing_to_everything(pixels: int, count: int) -> None:
    sizes = rank(torch.zeros(1, pixels)).grid(count)
    assert sizes[0] == 0
    assert sizes[-1] == pixels
    assert sizes == sorted(set(sizes))
    assert len(sizes) <= count


def test_where_a_pixel_stands_is_how_many_it_is_not_behind() -> None:
    domain = torch.tensor([[True, True, True], [True, False, False]])
    found = rank(torch.tensor([[0.3, 0.9, 0.1], [0.5, 2.0, 0.0]]), domain=domain).standing
    assert found.tolist() == [[0.5, 1.0, 0.25], [0.75, 0.0, 0.0]]
