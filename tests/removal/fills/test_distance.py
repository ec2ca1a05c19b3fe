"""Max distance against its words, and the mean of scores against a loop over passes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from helpers.networks import Network
from unseen import Classifier, Preprocessing
from unseen.classifier.outputs import Logits
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal import REMOVALS
from unseen.removal.batched import evaluate_batched
from unseen.removal.fills.distance import AveragedMaxDistance, MaxDistance, far, farthest

SIZE = (8, 10)
PLAIN = Preprocessing(SIZE, None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
SEEN = Classifier(nn.Flatten(), PLAIN)


def picture(seed: int = 0) -> Tensor:
    return torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(seed))


def masks(count: int = 5) -> Tensor:
    return torch.rand(count, *SIZE, generator=torch.Generator().manual_seed(7)) < 0.5


def test_a_hidden_value_goes_to_the_farther_end() -> None:
    image, some = picture(), masks()
    shown = MaxDistance().bind(SEEN, image)(some).reshape(5, *image.shape)
    for i in range(5):
        for place in torch.cartesian_prod(*map(torch.arange, image.shape)).tolist():
            channel, row, column = place
            value = float(image[channel, row, column])
            expected = value if bool(some[i, row, column]) else max((0.0, 1.0), key=lambda end: abs(end - value))
            assert float(shown[i, channel, row, column]) == expected


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_random_points_are_half_the_range_away_and_inside(value: float, draw: float) -> None:
    image = torch.full((3, 1, 1), value, dtype=torch.float64)
    moved = far(image, torch.full((1, 3, 1, 1), draw, dtype=torch.float64))[0]
    assert bool(((moved >= 0) & (moved <= 1)).all())
    assert float((moved - image).abs().min()) >= 0.5 - 1e-12
    assert float((moved - image).abs().max()) <= float((farthest(image) - image).abs().max()) + 1e-12


def test_the_mean_score_is_that_of_a_loop_and_of_one_pass_is_its_own() -> None:
    logits = torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(0)) * 4
    expected = torch.zeros(4, 5)
    for one in logits:
        expected += one.softmax(1) / 6
    torch.testing.assert_close(Logits().mean(logits).softmax(1), expected)
    torch.testing.assert_close(Logits().mean(logits[:1]), logits[0])
    torch.testing.assert_close(Logits().mean(logits[:1].expand(3, -1, -1)), logits[0])
    assert bool(torch.isfinite(Logits().mean(logits * 1e4)).all())
    assert Logits().mean(logits.half()).dtype == torch.float32


def test_scores_are_averaged_over_the_passes_of_the_fills() -> None:
    classifier, image, some = Classifier(Network(), PLAIN), picture(), masks()
    removal = AveragedMaxDistance(3, seed=2)
    masked = removal.bind(classifier, image, batch_size=2)
    got = masked(some)
    fills = removal.fills(classifier, image)
    assert fills.shape == (3, *image.shape)
    expected = torch.zeros(5, 3)
    for fill in fills:
        for i in range(5):
            expected[i] += classifier.logits(torch.where(some[i], image, fill)[None])[0].softmax(0) / 3
    torch.testing.assert_close(got.softmax(1), expected)
    assert masked.evaluations == 5
    torch.testing.assert_close(masked(torch.ones(1, *SIZE)), classifier.logits(image[None]))


def test_the_draws_are_of_the_photograph_and_the_seed() -> None:
    classifier = Classifier(Network(), PLAIN)
    several = [AveragedMaxDistance(2).bind(classifier, picture(seed)) for seed in (1, 2)]
    state = torch.get_rng_state()
    for one, together in zip(several, evaluate_batched([(one, masks()) for one in several]), strict=True):
        torch.testing.assert_close(together, one(masks()), atol=1e-6, rtol=0)
    again = AveragedMaxDistance(2).fills(SEEN, picture(1))
    assert torch.equal(again, AveragedMaxDistance(2).fills(SEEN, picture(1)))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(again, AveragedMaxDistance(2, seed=1).fills(SEEN, picture(1)))
    assert not torch.equal(again[0], again[1])


def test_soft_masks_blend_and_gradients_reach_what_is_visible() -> None:
    image, soft = picture(), torch.rand(2, *SIZE, generator=torch.Generator().manual_seed(2))
    shown = MaxDistance().bind(SEEN, image)(soft).reshape(2, *image.shape)
    torch.testing.assert_close(shown, soft[:, None] * image + (1 - soft[:, None]) * farthest(image))
    pixels = image[None].clone().requires_grad_()
    AveragedMaxDistance(2).forward(Classifier(Network(), PLAIN), image)(pixels, masks(1).float())[0, 0].backward()
    assert bool((pixels.grad[0][:, ~masks(1)[0]] == 0).all())
    assert bool(pixels.grad[0][:, masks(1)[0]].any())


def test_specs_give_them_back_and_no_picture_is_pretended() -> None:
    specs = ("max-distance", "averaged-max-distance", "averaged-max-distance:4", "averaged-max-distance:4,seed=2")
    for spec in specs:
        assert REMOVALS.create(spec).name == spec
    with pytest.raises(ParameterError, match="count"):
        AveragedMaxDistance(0)
    with pytest.raises(ParameterError, match="seed"):
        AveragedMaxDistance(seed=-1)
    with pytest.raises(NotApplicableError, match="paints nothing"):
        AveragedMaxDistance(2).bind(SEEN, picture()).painted(masks())
