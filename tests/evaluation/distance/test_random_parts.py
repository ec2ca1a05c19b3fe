"""Random visible parts: of an exact share, one inside the other, and the generator's alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unseen.errors import ParameterError
from unseen.evaluation.distance.random_parts import random_parts

FRACTIONS = (0.9, 0.7, 0.5, 0.3, 0.1)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(0, 1000), st.sampled_from(["cells", "window"]))
def test_smaller_parts_lie_inside_larger_ones(seed: int, form: str) -> None:
    parts = random_parts((56, 42), FRACTIONS, drawn(seed), form=form)
    for larger, smaller in pairwise(parts):
        assert bool((smaller <= larger).all())
        assert int(smaller.sum()) < int(larger.sum())


@pytest.mark.parametrize("cells", [1, 4, 7, 14])
def test_cells_are_shown_whole_and_as_many_as_asked(cells: int) -> None:
    parts = random_parts((56, 28), FRACTIONS, drawn(), cells=cells)
    for part, fraction in zip(parts, FRACTIONS, strict=True):
        high, wide = 56 // cells, 28 // cells
        blocks = part.reshape(cells, high, cells, wide).float().mean((1, 3))
        assert set(blocks.flatten().tolist()) <= {0.0, 1.0}
        assert int(blocks.sum()) == max(1, round(fraction * cells**2))


def test_a_window_is_a_rectangle_of_the_share() -> None:
    for part, fraction in zip(random_parts((100, 50), FRACTIONS, drawn(), form="window"), FRACTIONS, strict=True):
        rows, columns = part.any(1), part.any(0)
        assert torch.equal(part, rows[:, None] & columns)
        assert float(part.float().mean()) == pytest.approx(fraction, abs=0.01)


@pytest.mark.parametrize("space", [(98,), (12, 16, 20)])
def test_parts_of_signals_and_volumes_are_of_the_share(space: tuple[int, ...]) -> None:
    for form in ("cells", "window"):
        parts = random_parts(space, FRACTIONS, drawn(), form=form)
        assert parts.shape == (len(FRACTIONS), *space)
        for larger, smaller in pairwise(parts):
            assert bool((smaller <= larger).all())
        for part, fraction in zip(parts, FRACTIONS, strict=True):
            assert float(part.float().mean()) == pytest.approx(fraction, abs=0.05)


def test_everything_may_be_visible() -> None:
    for form in ("cells", "window"):
        assert bool(random_parts((9, 12), [1.0], drawn(), form=form).all())


def test_the_generator_decides_and_the_list_does_not() -> None:
    for form in ("cells", "window"):
        alone = random_parts((28, 28), [0.3], drawn(3), form=form)
        among = random_parts((28, 28), FRACTIONS, drawn(3), form=form)
        assert torch.equal(alone[0], among[3])
        assert not torch.equal(random_parts((28, 28), [0.3], drawn(4), form=form), alone)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fractions": [0.0]}, "got 0.0"),
        ({"fractions": [0.5, 1.1]}, "got 1.1"),
        ({"fractions": [float("nan")]}, "got nan"),
        ({"cells": 0}, "cells must be at least 1, got 0"),
        ({"cells": 17}, "more than the 16 pixels"),
        ({"form": "circle"}, "'cells' or 'window'"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_what_is_out_of_range_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        random_parts((16, 20), **{"fractions": [0.5], "generator": drawn(), **given})
