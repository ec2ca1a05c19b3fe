import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal import REMOVALS
from unseen.removal.fills.constant import Colour, ConstantFill, fill_colour

COLOURS: tuple[Colour, ...] = ("zero", "min", "max", "mean", "black", "white", "grey", "channel-mean")
PREPROCESSING = Preprocessing(size=(4, 6), resize=None, mean=(0.2, 0.4, 0.6), std=(0.5, 0.25, 0.125))


class Seen(nn.Module):
    """Returns what it is shown, flattened: the normalised pixels are the logits."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)


SEEN = Classifier(Seen(), PREPROCESSING)


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(3))


def expected_normalised(colour: Colour, normalised: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """What a hidden pixel is after normalisation, shape (3,); written from the paper's words."""
    if colour in ("zero", "min", "max", "mean"):
        one = {"zero": 0.0, "min": normalised.min(), "max": normalised.max(), "mean": normalised.mean()}[colour]
        return torch.ones(3) * one
    pixel = {
        "black": torch.zeros(3),
        "white": torch.ones(3),
        "grey": torch.full((3,), 0.5),
        "channel-mean": torch.stack([image[c].mean() for c in range(3)]),
    }[colour]
    return (pixel - torch.tensor(PREPROCESSING.mean)) / torch.tensor(PREPROCESSING.std)


@pytest.mark.parametrize("colour", COLOURS)
def test_hidden_pixels_take_the_colour_and_visible_ones_stay(colour: Colour, image: torch.Tensor) -> None:
    mask = torch.rand(4, 6, generator=torch.Generator().manual_seed(1)) < 0.5
    shown = ConstantFill(colour).bind(SEEN, image)(mask[None]).reshape(3, 4, 6)
    normalised = SEEN.normalise(image[None])[0]
    assert torch.equal(shown[:, mask], normalised[:, mask])
    expected = expected_normalised(colour, normalised, image)
    torch.testing.assert_close(shown[:, ~mask], expected[:, None].expand(3, int((~mask).sum())), atol=1e-5, rtol=0)


@pytest.mark.parametrize("colour", COLOURS)
def test_all_visible_is_bit_equal_to_the_photograph(colour: Colour, image: torch.Tensor) -> None:
    masked = ConstantFill(colour).bind(SEEN, image)
    assert torch.equal(masked(torch.ones(2, 4, 6)), SEEN.logits(image.expand(2, -1, -1, -1)))


@given(st.floats(0, 1))
def test_soft_masks_blend(visible: float) -> None:
    image = torch.rand(3, 4, 6, generator=torch.Generator().manual_seed(3))
    shown = ConstantFill("grey").bind(SEEN, image)(torch.full((1, 4, 6), visible))
    blend = visible * image + (1 - visible) * 0.5
    torch.testing.assert_close(shown, SEEN.logits(blend[None]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("colour", COLOURS)
def test_hidden_pixels_do_not_matter_where_the_colour_is_fixed(colour: Colour, image: torch.Tensor) -> None:
    mask = torch.ones(1, 4, 6)
    mask[:, :, :3] = 0
    other = image.clone()
    other[:, :, :3] = 1 - other[:, :, :3]
    same = torch.equal(ConstantFill(colour).bind(SEEN, image)(mask), ConstantFill(colour).bind(SEEN, other)(mask))
    assert same == (colour in ("zero", "black", "white", "grey"))


def test_double_precision_images_work(image: torch.Tensor) -> None:
    for colour in COLOURS:
        assert ConstantFill(colour).bind(SEEN, image.double())(torch.zeros(1, 4, 6)).shape == (1, 72)
        assert fill_colour(colour, SEEN, image[None]).shape in ((1, 1, 1, 1), (1, 3, 1, 1))


def test_gradients_reach_the_mask_and_the_pixels(image: torch.Tensor) -> None:
    forward = ConstantFill("black").forward(SEEN, image)
    pixels, masks = image[None].requires_grad_(), torch.full((1, 4, 6), 0.5, requires_grad=True)
    forward(pixels, masks).sum().backward()
    assert pixels.grad is not None
    assert masks.grad is not None
    assert (pixels.grad > 0).all()
    assert (masks.grad > 0).all()


def test_on_the_real_network_hiding_all_makes_photographs_alike(classifier: Classifier, photo: torch.Tensor) -> None:
    hidden = torch.zeros(1, 224, 224, dtype=torch.bool)
    fill = ConstantFill("grey")
    assert torch.equal(fill.bind(classifier, photo)(hidden), fill.bind(classifier, 1 - photo)(hidden))
    assert fill.to_dict() == {"name": "grey", "colour": "grey"}


def test_what_is_painted_is_what_the_network_sees(image: torch.Tensor) -> None:
    pixels = torch.stack([image, 1 - image])
    masks = torch.rand(2, 4, 6, generator=torch.Generator().manual_seed(4))
    for colour in COLOURS:
        fill = ConstantFill(colour)
        seen = SEEN.logits(fill.painted(SEEN, pixels, masks))
        assert torch.equal(
            seen, torch.cat([fill.bind(SEEN, one)(m[None]) for one, m in zip(pixels, masks, strict=True)])
        )


def test_a_removal_that_paints_nothing_says_so(image: torch.Tensor) -> None:
    with pytest.raises(NotApplicableError, match="'ad' paints nothing"):
        REMOVALS.create("ad").painted(SEEN, image[None], torch.ones(1, 4, 6))


@pytest.mark.usefixtures("unchecked_types")
def test_colours_that_there_are_not_are_refused_at_once(image: torch.Tensor) -> None:
    with pytest.raises(ParameterError, match=r"colour must be 'zero', .* or 'channel-mean', got 'pink'"):
        ConstantFill("pink")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"colour must be .*, got 'pink'"):
        fill_colour("pink", SEEN, image[None])  # type: ignore[arg-type]
