from __future__ import annotations

import numpy as np
import pytest
import torch

from unseen.evaluation.classes.boxes import LARGEST, OVERLAP, Box, densest, elsewhere
from unseen.inputs.shapes import Shape

SIZE = (20, 30)


def test_a_box_covers_its_pixels_and_keeps_its_place_on_a_finer_grid() -> None:
    box = Box((1, 2), (3, 4))
    assert box.mask((8, 8))[1:4, 2:6].all()
    assert int(box.mask((8, 8)).sum()) == 12
    assert box.scaled((8, 8), (16, 24)) == Box((2, 6), (6, 12))
    assert box.share((8, 8)) == 12 / 64


def test_a_margin_ends_with_the_grid() -> None:
    assert Box((0, 5), (2, 3)).grown(2, (8, 8)) == Box((0, 3), (4, 5))


@pytest.mark.parametrize("place", [(0, 0), (4, 9), (12, 3), (13, 13)])
def test_the_densest_box_is_the_bright_one_whatever_the_level_around_it(place: tuple[int, int]) -> None:
    stream = np.random.default_rng(0)
    cells = 1 + 0.1 * stream.random((16, 16))
    cells[place[0] : place[0] + 3, place[1] : place[1] + 3] += 2
    assert densest(cells) == Box(place, (3, 3))


def test_a_flat_map_points_nowhere_and_no_box_is_too_large_to_be_a_place() -> None:
    assert densest(np.ones((16, 16))) is None
    rising = np.add.outer(np.arange(16.0), np.arange(16.0))
    box = densest(rising)
    assert box is not None
    assert box.share((16, 16)) <= LARGEST


def test_boxes_elsewhere_are_different_of_the_same_size_and_hardly_touch() -> None:
    box = Box((8, 10), (4, 6))
    found = elsewhere(box, SIZE, 50, np.random.default_rng(0))
    assert len(found) == len(set(found)) == 50
    for other in found:
        assert other.lengths == (4, 6)
        common = int((box.mask(SIZE) & other.mask(SIZE)).sum())
        assert common <= OVERLAP * 24
        assert int(other.mask(SIZE).sum()) == 24


@pytest.mark.parametrize(("space", "place"), [((64,), Box((40,), (5,))), ((8, 7, 9), Box((5, 2, 1), (2, 3, 4)))])
def test_signals_and_volumes_have_boxes(space: tuple[int, ...], place: Box) -> None:
    cells = 1 + 0.1 * np.random.default_rng(0).random(space) + 2 * place.mask(space).numpy()
    assert densest(cells) == place
    fine = tuple(3 * n for n in space)
    scaled = place.scaled(space, fine)
    assert scaled.lengths == tuple(3 * n for n in place.lengths)
    others = elsewhere(scaled, fine, 30, np.random.default_rng(0))
    assert len(set(others)) == 30
    for other in others:
        assert other.mask(fine).sum() == scaled.mask(fine).sum()
        assert int((other.mask(fine) & scaled.mask(fine)).sum()) <= OVERLAP * int(scaled.mask(fine).sum())
    assert Box.of(scaled.to_dict()) == scaled  # type: ignore[arg-type]
    assert torch.equal(Shape.of(scaled.spec).mask(fine), scaled.mask(fine))


def test_where_there_is_no_room_there_are_fewer() -> None:
    assert elsewhere(Box((0, 0), (20, 29)), SIZE, 9, np.random.default_rng(0)) == []
