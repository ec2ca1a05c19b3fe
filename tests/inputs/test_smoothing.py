"""Matrices along axes against one axis after the other, by hand."""

from __future__ import annotations

import pytest
import torch

from helpers.processor import generator
from unseen.inputs.smoothing import along_axes, smoothed, smoothing


@pytest.mark.parametrize("space", [(6,), (6, 7), (5, 6, 7)])
def test_each_axis_is_smoothed_on_its_own(space: tuple[int, ...]) -> None:
    values = torch.rand(2, 3, *space, generator=generator(), dtype=torch.float64)
    expected = values
    for axis, side in enumerate(space, start=2):
        expected = torch.tensordot(expected, smoothing(side, 1.3), dims=([axis], [1])).movedim(-1, axis)
    torch.testing.assert_close(smoothed(values, len(space), 1.3), expected)
    torch.testing.assert_close(smoothed(torch.ones_like(values), len(space), 2.0), torch.ones_like(values))


def test_lengths_may_change() -> None:
    values = torch.rand(4, 5, 6, generator=generator())
    shorter = [torch.ones(1, 4), torch.ones(2, 5), torch.ones(3, 6)]
    assert along_axes(values, shorter).shape == (1, 2, 3)
    torch.testing.assert_close(along_axes(values, shorter)[0, 1, 2], values.sum())
