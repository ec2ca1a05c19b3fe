"""The blur against scipy's Gaussian and a loop, and what every fill promises."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, exp

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d
from torch import nn

from unseen import Classifier, Preprocessing
from unseen.errors import ParameterError
from unseen.inputs.smoothing import smoothing
from unseen.removal import REMOVALS
from unseen.removal.batched import evaluate_batched
from unseen.removal.fills.blur import Blur

PREPROCESSING = Preprocessing(size=(10, 13), resize=None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
SEEN = Classifier(nn.Flatten(), PREPROCESSING)
HIDDEN = torch.zeros(1, 10, 13)


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(3, 10, 13, generator=torch.Generator().manual_seed(seed))


def slow(image: torch.Tensor, width: float) -> torch.Tensor:
    """One pixel after another, averaging what exists within three widths, rounded up, along each axis."""
    _, height, across = image.shape
    blurred = torch.zeros_like(image)
    for row in range(height):
        for column in range(across):
            total = torch.zeros(3)
            mass = 0.0
            for y in range(height):
                for x in range(across):
                    if max(abs(y - row), abs(x - column)) <= ceil(3 * width):
                        weight = exp(-0.5 * ((y - row) ** 2 + (x - column) ** 2) / width**2)
                        total += weight * image[:, y, x]
                        mass += weight
            blurred[:, row, column] = total / mass
    return blurred


def test_hidden_pixels_are_a_gaussian_mean_of_what_exists() -> None:
    image = picture()
    shown = Blur(1.3).bind(SEEN, image)(HIDDEN).reshape(3, 10, 13)
    torch.testing.assert_close(shown, slow(image, 1.3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [3, 5, 8])
def test_by_the_size_of_its_filter_it_is_scipys_with_opencvs_standard_deviation(size: int) -> None:
    line = torch.rand(3, 1, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).expand(-1, 40, -1)
    classifier = Classifier(nn.Flatten(), replace(PREPROCESSING, size=(40, 40)))
    shown = Blur(size=size).bind(classifier, line.float())(torch.zeros(1, 40, 40)).reshape(3, 40, 40)
    sigma = {3: 0.8, 5: 1.1, 8: 1.55}[size]  # as cv2.getGaussianKernel's documentation says
    expected = torch.from_numpy(gaussian_filter1d(line.numpy(), sigma, radius=size // 2, axis=2))
    torch.testing.assert_close(shown[:, :, 4:-4].double(), expected[:, :, 4:-4], atol=1e-5, rtol=0)
    assert REMOVALS.create(Blur(size=size).name) == Blur(size=size)


@pytest.mark.parametrize("width", [0.4, 2.0, 3.3])
def test_away_from_the_borders_it_is_scipys(width: float) -> None:
    line = torch.rand(60, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    reach = ceil(3 * width)
    expected = torch.from_numpy(gaussian_filter1d(line.numpy(), width, radius=reach))
    torch.testing.assert_close((smoothing(60, width) @ line)[reach:-reach], expected[reach:-reach])


@given(st.floats(0.05, 200), st.integers(1, 40))
def test_an_even_line_stays_as_it_is(width: float, length: int) -> None:
    weights = smoothing(length, width)
    torch.testing.assert_close(weights.sum(1), torch.ones(length, dtype=torch.float64))
    assert bool((weights >= 0).all())


def test_what_is_visible_stays_and_soft_masks_blend() -> None:
    image, masks = picture(), torch.rand(3, 10, 13, generator=torch.Generator().manual_seed(2))
    masked = Blur(1.5).bind(SEEN, image)
    assert torch.equal(masked(torch.ones(2, 10, 13)), SEEN.logits(image.expand(2, -1, -1, -1)))
    blurred = masked(HIDDEN).reshape(3, 10, 13)
    expected = torch.stack([mask * image + (1 - mask) * blurred for mask in masks]).flatten(1)
    torch.testing.assert_close(masked(masks), expected, atol=1e-5, rtol=0)


def test_photographs_in_one_batch_are_each_blurred_on_their_own() -> None:
    several = [Blur(3).bind(SEEN, picture(seed)) for seed in (1, 2)]
    masks = torch.rand(2, 10, 13, generator=torch.Generator().manual_seed(2)) < 0.5
    for one, together in zip(several, evaluate_batched([(one, masks) for one in several]), strict=True):
        torch.testing.assert_close(together, one(masks), atol=1e-6, rtol=0)


def test_gradients_reach_hidden_pixels_through_the_blur() -> None:
    pixels = picture()[None].double().requires_grad_()
    Blur(1).forward(SEEN, picture().double())(pixels, HIDDEN).sum().backward()
    assert pixels.grad is not None
    torch.testing.assert_close(pixels.grad.sum(), torch.tensor(3.0 * 10 * 13, dtype=torch.float64))


def test_its_spec_gives_it_back_and_widths_are_checked() -> None:
    assert REMOVALS.create(Blur(7.5).name) == REMOVALS.create("blur:width=7.5") == Blur(7.5)
    assert REMOVALS.create("blur").name == "blur:20"
    for width in ("0", "-1", "nan", "inf"):
        with pytest.raises(ParameterError, match="standard deviation"):
            REMOVALS.create(f"blur:{width}")


def test_it_takes_detail_from_a_real_photograph_and_leaves_its_colour(photo: torch.Tensor) -> None:
    sharp = Classifier(nn.Flatten(), Preprocessing((224, 224), None, mean=(0.0,) * 3, std=(1.0,) * 3))
    seen = Blur(20).bind(sharp, photo)(torch.zeros(1, 224, 224)).reshape(3, 224, 224)
    assert float(seen.diff(dim=2).abs().mean()) < 0.2 * float(photo.diff(dim=2).abs().mean())
    torch.testing.assert_close(seen.mean((1, 2)), photo.mean((1, 2)), atol=0.03, rtol=0)


@pytest.mark.parametrize("width", [20.0, 2.5, 12.3456789, 1 / 3])
def test_the_name_gives_the_same_blur_again(width: float) -> None:
    assert REMOVALS.create(Blur(width).name) == Blur(width)
