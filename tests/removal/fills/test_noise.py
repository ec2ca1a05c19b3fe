"""Noise of a photograph and a seed: what it is made of, and that it depends on nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.errors import ParameterError
from unseen.inputs.streams import stream_of
from unseen.removal import REMOVALS
from unseen.removal.batched import evaluate_batched
from unseen.removal.fills.noise import AddedNoise, Noise

SIZE = (40, 48)
SEEN = Classifier(nn.Flatten(), Preprocessing(SIZE, None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))
SPECS = ("noise", "noise:normal", "add-noise", "add-noise:0.1,seed=3")


def picture(seed: int = 0) -> Tensor:
    colours = torch.tensor([0.4, 0.5, 0.6])[:, None, None]
    return colours + 0.2 * (torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(seed)) - 0.5)


def hidden(spec: str, image: Tensor) -> Tensor:
    """What is seen with everything hidden."""
    return REMOVALS.create(spec).bind(SEEN, image)(torch.zeros(1, *SIZE)).reshape(image.shape)


def test_it_is_drawn_from_the_photographs_own_stream() -> None:
    image = picture()
    uniform = torch.rand(image.shape, generator=stream_of(image, 5))
    normal = torch.randn(image.shape, generator=stream_of(image, 5))
    assert torch.equal(hidden("noise:seed=5", image), uniform)
    assert torch.equal(hidden("add-noise:0.1,seed=5", image), (image + 0.1 * normal).clamp(0, 1))
    expected = torch.stack([(c.mean() + c.std() * n).clamp(0, 1) for c, n in zip(image, normal, strict=True)])
    torch.testing.assert_close(hidden("noise:normal,seed=5", image), expected)


def test_it_has_the_moments_that_it_promises() -> None:
    image = picture()
    uniform, normal, added = (hidden(spec, image) for spec in ("noise", "noise:normal", "add-noise:0.05"))
    assert float(uniform.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(uniform.var()) == pytest.approx(1 / 12, abs=0.005)
    torch.testing.assert_close(normal.mean((1, 2)), image.mean((1, 2)), atol=0.01, rtol=0)
    torch.testing.assert_close(normal.std((1, 2)), image.std((1, 2)), atol=0.01, rtol=0)
    assert float((added - image).std()) == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("spec", SPECS)
def test_it_is_the_same_under_every_mask_and_visible_pixels_stay(spec: str) -> None:
    image = picture()
    masks = torch.rand(4, *SIZE, generator=torch.Generator().manual_seed(2)) < 0.5
    state = torch.get_rng_state()
    fill = hidden(spec, image)
    assert torch.equal(torch.get_rng_state(), state)
    for size in (1, 3):
        shown = REMOVALS.create(spec).bind(SEEN, image, batch_size=size)(masks).reshape(4, *image.shape)
        assert torch.equal(shown, torch.where(masks[:, None], image, fill))
    assert torch.equal(hidden(spec, image), fill)
    soft = masks[:1] * 0.25
    blend = REMOVALS.create(spec).bind(SEEN, image)(soft).reshape(image.shape)
    torch.testing.assert_close(blend, soft * image + (1 - soft) * fill)


@pytest.mark.parametrize("spec", SPECS)
def test_photographs_in_one_batch_have_each_their_own(spec: str) -> None:
    several = [REMOVALS.create(spec).bind(SEEN, picture(seed)) for seed in (1, 2)]
    masks = torch.zeros(1, *SIZE)
    together = evaluate_batched([(one, masks) for one in several])
    for one, shown in zip(several, together, strict=True):
        torch.testing.assert_close(shown, one(masks), atol=1e-6, rtol=0)
    assert not torch.allclose(*together, atol=0.1)


def test_gradients_pass_through_what_the_noise_is_added_to() -> None:
    pixels = picture()[None].requires_grad_()
    AddedNoise(1e-3).forward(SEEN, picture())(pixels, torch.zeros(1, *SIZE)).sum().backward()
    assert torch.equal(pixels.grad, torch.ones_like(pixels))
    still = picture()[None].requires_grad_()
    Noise().forward(SEEN, picture())(still, torch.zeros(1, *SIZE)).sum().backward()
    assert not bool(still.grad.any())


def test_specs_give_them_back_and_parameters_are_checked() -> None:
    for spec in ("noise", "noise:normal", "noise:normal,seed=3", "add-noise", "add-noise:0.1", "add-noise:0.1,seed=3"):
        assert REMOVALS.create(spec).name == spec
    assert REMOVALS.create("add-noise").deviation == 0.3
    for deviation in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="deviation"):
            AddedNoise(deviation)
    for made in (Noise, AddedNoise):
        with pytest.raises(ParameterError, match="seed"):
            made(seed=-1)
    with pytest.raises(ParameterError, match="not a choice"):
        REMOVALS.create("noise:pink")
