"""Normalised convolution against a loop over pixels, and what a mean of the visible promises."""

from __future__ import annotations

from math import ceil, exp

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers.processor import generator
from unseen import Classifier, Preprocessing
from unseen.errors import ParameterError
from unseen.removal import REMOVALS
from unseen.removal.batched import evaluate_batched
from unseen.removal.fills.neighbour import Neighbour, neighbours, widths

SIZE = (9, 12)
SEEN = Classifier(nn.Flatten(), Preprocessing(SIZE, None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))


def picture(seed: int = 0, size: tuple[int, int] = SIZE) -> Tensor:
    return torch.rand(3, *size, generator=generator(seed))


def random_mask(share: float, seed: int = 1, size: tuple[int, int] = SIZE) -> Tensor:
    return (torch.rand(size, generator=generator(seed)) < share).float()


def slow(image: Tensor, mask: Tensor, narrowest: float) -> Tensor:
    """One pixel after another, from the widest Gaussian to the narrowest."""
    image, (_, height, across) = image.double(), image.shape
    filled = torch.zeros_like(image)
    for row in range(height):
        for column in range(across):
            value = (image * mask).sum((1, 2)) / mask.sum() if bool(mask.any()) else image.mean((1, 2))
            for width in reversed(widths(narrowest, max(height, across))):
                total, seen, all_of_it = torch.zeros(3, dtype=torch.float64), 0.0, 0.0
                for y in range(height):
                    for x in range(across):
                        if max(abs(y - row), abs(x - column)) <= ceil(3 * width):
                            weight = exp(-0.5 * ((y - row) ** 2 + (x - column) ** 2) / width**2)
                            all_of_it += weight
                            seen += weight * float(mask[y, x])
                            total += weight * float(mask[y, x]) * image[:, y, x]
                if seen:
                    share = min(1.0, seen / all_of_it / 0.3)
                    value = share * total / seen + (1 - share) * value
            filled[:, row, column] = value
    return filled


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.9])
def test_it_is_the_loops(share: float) -> None:
    image, mask = picture(), random_mask(share)
    found = neighbours(image[None], mask[None], 1.1)[0]
    torch.testing.assert_close(found.double(), slow(image, mask, 1.1), atol=1e-5, rtol=0)


def test_certainties_may_be_anything_between() -> None:
    image, mask = picture(), torch.rand(SIZE, generator=generator(3))
    fill = slow(image, mask.double(), 2.0).float()
    shown = Neighbour().bind(SEEN, image)(mask[None]).reshape(image.shape)
    torch.testing.assert_close(shown, mask * image + (1 - mask) * fill, atol=1e-5, rtol=0)


@given(st.integers(2, 24), st.integers(2, 24), st.floats(0, 1), st.floats(0.3, 9), st.integers(0, 99))
def test_it_lies_between_what_is_visible(height: int, across: int, share: float, width: float, seed: int) -> None:
    image, mask = picture(seed, (height, across)), random_mask(share, seed, (height, across))
    mask[seed % height, seed % across] = 1
    found = neighbours(image[None], mask[None], width)[0]
    visible = image[:, mask == 1]
    assert bool((found >= visible.amin(1)[:, None, None] - 1e-5).all())
    assert bool((found <= visible.amax(1)[:, None, None] + 1e-5).all())


def test_hidden_pixels_do_not_matter_and_visible_ones_stay() -> None:
    image, mask = picture(), random_mask(0.4)
    other = torch.where(mask == 1, image, picture(9))
    one, two = (Neighbour().bind(SEEN, photo)(mask[None]).reshape(image.shape) for photo in (image, other))
    assert torch.equal(one, two)
    assert torch.equal(one[:, mask == 1], image[:, mask == 1])
    everything = Neighbour().bind(SEEN, image)(torch.ones(1, *SIZE)).reshape(image.shape)
    assert torch.equal(everything, image)


def test_with_nothing_visible_it_is_the_mean_colour() -> None:
    image = picture()
    shown = Neighbour().bind(SEEN, image)(torch.zeros(1, *SIZE)).reshape(image.shape)
    torch.testing.assert_close(shown, image.mean((1, 2), keepdim=True).expand(image.shape))


def test_results_do_not_depend_on_the_batch_or_the_company() -> None:
    several = [Neighbour().bind(SEEN, picture(seed)) for seed in (1, 2)]
    masks = torch.stack([random_mask(share) for share in (0.0, 0.1, 0.9)])
    for one, together in zip(several, evaluate_batched([(one, masks) for one in several]), strict=True):
        torch.testing.assert_close(together, torch.cat([one(mask[None]) for mask in masks]), atol=1e-6, rtol=0)


def test_gradients_are_those_of_differences() -> None:
    mask = random_mask(0.4, size=(5, 6)).double()[None]
    pixels = picture(size=(5, 6)).double()[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda p: neighbours(p, mask, 0.8), (pixels,))


def test_specs_give_it_back_and_widths_are_checked() -> None:
    for spec in ("neighbour", "neighbour:4.5"):
        assert REMOVALS.create(spec).name == spec
    assert widths(2.0, 224) == [2, 4, 8, 16, 32, 64, 128]
    assert widths(500.0, 224) == [500]
    for width in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="standard deviation"):
            Neighbour(width)


def test_a_hole_in_a_real_photograph_keeps_the_colours_of_its_edge(photo: Tensor) -> None:
    mask = torch.ones(1, 224, 224)
    mask[0, 60:180, 50:170] = 0
    filled = neighbours(photo[None], mask, 2.0)[0]
    torch.testing.assert_close(filled[:, 61, 51:169], photo[:, 59, 51:169], atol=0.35, rtol=0)
    assert float((filled[:, 62, 51:169] - photo[:, 59, 51:169]).abs().mean()) < 0.08
    assert float(filled[:, 62:178, 52:168].diff(dim=2).abs().max()) < 0.1  # no seam where widths change
