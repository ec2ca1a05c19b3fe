from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unseen.explanation.plotting import pixels

masks = arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))).map(torch.from_numpy)


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE 1976 L* of sRGB colours, in [0, 100]."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


@given(masks)
def test_the_outline_is_every_edge_between_inside_and_outside(mask: torch.Tensor) -> None:
    rows, cols = mask.shape

    def inside(row: int, col: int) -> bool:
        return 0 <= row < rows and 0 <= col < cols and bool(mask[row, col])

    expected = set()
    for row in range(rows + 1):
        for col in range(cols + 1):
            if inside(row, col) != inside(row - 1, col):
                expected.add((col - 0.5, row - 0.5, col + 0.5, row - 0.5))
            if inside(row, col) != inside(row, col - 1):
                expected.add((col - 0.5, row - 0.5, col - 0.5, row + 0.5))
    found = [tuple(segment.flatten().tolist()) for segment in pixels.outline(mask)]
    assert set(found) == expected
    assert len(found) == len(expected)


def test_the_part_keeps_its_pixels_and_the_rest_loses_its_colour() -> None:
    image = torch.rand(3, 5, 6, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(5, 6, dtype=torch.bool)
    mask[1:3, 2:5] = True
    shown = pixels.cut_out(pixels.photograph(image), mask)
    np.testing.assert_array_equal(shown[mask.numpy()], image.permute(1, 2, 0)[mask].numpy())
    hidden = shown[~mask.numpy()]
    np.testing.assert_allclose(hidden, hidden[:, :1].repeat(3, axis=1))
    assert hidden.min() >= 0.72


def test_limits_of_a_volume_that_torch_takes_no_quantile_of() -> None:
    assert pixels.limits(torch.linspace(0, 1, 16_000_001)) == (0.0, pytest.approx(0.995, abs=1e-3))


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.0, 3.0], (0, 3)), ([1.0, 3.0], (0, 3)), ([-1.0, 3.0], (-3, 3)), ([-4.0, 3.0], (-4, 4)), ([0.0, 0.0], (0, 1))],
)
def test_limits_start_at_zero_or_are_symmetric(values: list[float], expected: tuple[float, float]) -> None:
    assert pixels.limits(torch.tensor([values])) == expected


def test_a_few_extreme_pixels_do_not_make_all_others_invisible() -> None:
    values = torch.linspace(0, 1, 1000)
    values[17] = 1e6
    assert pixels.limits(values[None])[1] == pytest.approx(1, abs=0.01)
    drawn = pixels.overlay(torch.full((3, 1, 1000), 0.5), values[None])
    np.testing.assert_allclose(drawn[0, 17], drawn[0, 999], atol=1e-6)
    lonely = torch.zeros(1, 1000)
    lonely[0, 3] = 4
    assert pixels.limits(lonely) == (0, 4)


@pytest.mark.parametrize("others", [[0.5, 1.0], [-0.5, 1.0]])
def test_the_photograph_shows_through_where_the_map_is_zero(others: list[float]) -> None:
    image = torch.rand(3, 1, 3, generator=torch.Generator().manual_seed(0))
    drawn = pixels.overlay(image, torch.tensor([[0.0, *others]]))
    np.testing.assert_allclose(drawn[0, 0], pixels.faded(pixels.photograph(image), 0.55)[0, 0], atol=1e-6)
    assert np.abs(drawn - pixels.faded(pixels.photograph(image), 0.55)).max(axis=2)[0, 1:].min() > 0.05


def test_colours_of_a_positive_map_grow_darker_for_every_reader() -> None:
    steps = np.diff(lightness(pixels.ramp(0, 7)[0]))
    assert steps.max() < 0


def test_colours_of_a_signed_map_grow_darker_on_both_sides_of_zero() -> None:
    light = lightness(pixels.ramp(-2, 2)[0])
    assert np.diff(light[128:]).max() < 0
    assert np.diff(light[:128]).min() > 0
    assert light[127] == pytest.approx(light[128], abs=0.5)


def test_the_two_signs_differ_in_blueness_which_every_reader_sees() -> None:
    ends = pixels.ramp(-2, 2)[0, [0, -1]]
    assert ends[0, 2] - ends[0, 0] > 0.05
    assert ends[1, 0] - ends[1, 2] > 0.25
