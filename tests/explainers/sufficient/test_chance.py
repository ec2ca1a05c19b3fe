from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unseen.explainers.sufficient.chance import alike


def rectangle(top: int, left: int, height: int, width: int, size: int = 32) -> Tensor:
    part = torch.zeros(size, size, dtype=torch.bool)
    part[top : top + height, left : left + width] = True
    return part


def letter(size: int = 32) -> Tensor:
    """An L, which is none of its mirror images."""
    return rectangle(2, 3, 8, 2, size) | rectangle(8, 3, 2, 6, size)


def box(part: Tensor) -> Tensor:
    rows, columns = part.any(1).nonzero().flatten(), part.any(0).nonzero().flatten()
    return part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99))
def test_others_have_exactly_as_many_pixels(seed: int, share: float) -> None:
    part = torch.from_numpy(np.random.default_rng(seed).random((12, 17)) < share)
    others = alike(part, 5, seed)
    if not bool(part.any()) or bool(part.all()):
        assert len(others) == 0
        return
    assert others.shape == (5, 12, 17)
    assert set(others.sum((1, 2)).tolist()) == {int(part.sum())}


def test_where_the_part_fits_elsewhere_others_are_its_copies_and_mirror_images() -> None:
    part = letter()
    others = alike(part, 40)
    shape = box(part)
    mirrored = [shape, shape.flip(0), shape.flip(1), shape.flip(0, 1)]
    kinds = [next(i for i, one in enumerate(mirrored) if torch.equal(box(other), one)) for other in others]
    assert set(kinds) == {0, 1, 2, 3}
    assert len({other.numpy().tobytes() for other in others}) == 40


@pytest.mark.parametrize("space", [(60,), (10, 12, 14)])
def test_signals_and_volumes_have_other_places_too(space: tuple[int, ...]) -> None:
    part = torch.zeros(space, dtype=torch.bool)
    part[tuple(slice(2, 5) for _ in space)] = True
    others = alike(part, 6)
    assert set(others.flatten(1).sum(1).tolist()) == {int(part.sum())}
    assert len({other.numpy().tobytes() for other in others}) == 6
    assert int((others & part).sum()) <= 6 * int(part.sum()) ** 2 // part.numel()
    large = torch.zeros(space, dtype=torch.bool)
    large[1:] = True  # it fits nowhere else
    assert set(alike(large, 3).flatten(1).sum(1).tolist()) == {int(large.sum())}


def test_copies_lie_at_other_places() -> None:
    part = letter()
    allowed = int(part.sum()) ** 2 / part.numel()
    assert int((alike(part, 200) & part).sum((1, 2)).max()) <= allowed


def test_places_are_all_over_the_photograph() -> None:
    places = alike(rectangle(0, 0, 4, 4), 300).float().mean(0)
    quarters = [float(places[i : i + 16, j : j + 16].sum()) for i in (0, 16) for j in (0, 16)]
    assert min(quarters[1:]) > 0.5 * max(quarters)


def test_what_fits_nowhere_else_is_compared_with_blobs_of_its_spectrum() -> None:
    part = rectangle(2, 2, 28, 27)
    others = alike(part, 30)
    assert set(others.sum((1, 2)).tolist()) == {int(part.sum())}
    assert not any(torch.equal(other, part) for other in others)

    def border(mask: Tensor) -> float:
        return float((mask[1:] ^ mask[:-1]).sum() + (mask[:, 1:] ^ mask[:, :-1]).sum())

    scattered = torch.rand(32, 32, generator=torch.Generator().manual_seed(0)) < float(part.float().mean())
    compact = np.mean([border(other) for other in others])
    grainy = np.mean([border(other) for other in alike(scattered, 30)])
    assert compact < 0.5 * grainy


def test_others_follow_from_the_seed() -> None:
    part = letter()
    assert torch.equal(alike(part, 6, 3), alike(part, 6, 3))
    assert not torch.equal(alike(part, 6, 3), alike(part, 6, 4))


@pytest.mark.parametrize("part", [torch.zeros(8, 9, dtype=torch.bool), torch.ones(8, 9, dtype=torch.bool)])
def test_of_nothing_and_everything_there_is_no_other(part: Tensor) -> None:
    assert alike(part, 4).shape == (0, 8, 9)
    assert alike(letter(), 0).shape == (0, 32, 32)


def test_the_places_of_a_volume_are_not_listed() -> None:
    """A list of them took more than a hundred bytes a voxel, 2 GB at 256 × 256 × 256 for each mirror image."""
    part = torch.zeros(64, 64, 64, dtype=torch.bool)
    part[10:13, 20:24, 30:35] = True
    alike(part, 1)  # what loads
    tracemalloc.start()
    try:
        others = alike(part, 5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 80 * part.numel()
    assert others.flatten(1).sum(1).tolist() == [60] * 5
    assert not bool((others & part).any())
