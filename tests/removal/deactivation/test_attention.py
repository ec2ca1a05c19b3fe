"""Attention in several spellings against attention over the tokens that are on, one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks import (
    assert_hidden_pixels_do_not_matter,
    classifier_of,
    logits,
    masks_for,
    photo,
    plain_logits,
    randomise,
)
from helpers.unsteady import Unsteady
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.activation import ActivationDeactivation

pytestmark = pytest.mark.numerics

SIZE = (8, 12)  # 2 × 3 patches of 4 × 4 pixels
HEADS, WIDTH = 2, 8
POLICIES: tuple[dict[str, Any], ...] = ({}, {"threshold": 0.3}, {"travel": "pooled"})


class Attention(nn.Module):
    """Patch tokens and a class token, one layer of attention, the head reads the class token or the mean."""

    def __init__(self, spelling: str, reads: str = "class") -> None:
        super().__init__()
        self.spelling, self.reads = spelling, reads
        self.patches, self.first = nn.Conv2d(3, WIDTH, 4, 4), nn.Parameter(torch.rand(1, 1, WIDTH))
        self.place = nn.Parameter(torch.rand(1, 7, WIDTH))
        self.qkv, self.out, self.head = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)
        self.bias, self.talk = nn.Parameter(torch.rand(HEADS, 7, 7)), nn.Linear(HEADS, HEADS)

    def tokens(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return torch.cat([self.first.expand(len(x), -1, -1), tokens], dim=1) + self.place

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.tokens(x)
        tokens = tokens + self.out(self.mixed(tokens, self.bias))
        return self.head(tokens[:, 0] if self.reads == "class" else tokens[:, 1:].mean(1))

    def mixed(self, tokens: Tensor, bias: Tensor) -> Tensor:
        count, length, _ = tokens.shape
        qkv = self.qkv(tokens).reshape(count, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        if self.spelling == "fused":
            return F.scaled_dot_product_attention(query, key, value, bias).transpose(1, 2).flatten(2)
        if self.spelling == "einsum":
            scores = torch.einsum("bhid,bhjd->bhij", query, key) / 2 + bias
            return torch.einsum("bhij,bhjd->bihd", scores.softmax(-1), value).flatten(2)
        scores = (query / 2) @ key.transpose(-2, -1) + bias
        if self.spelling == "talking heads":
            scores = self.talk(scores.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            weights = self.talk(scores.softmax(-1).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            return (weights @ value).transpose(1, 2).flatten(2)
        return (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("spelling", ["fused", "einsum", "product", "talking heads"])
@pytest.mark.parametrize("reads", ["class", "mean"])
def test_only_tokens_that_are_on_attend_and_are_attended_to(spelling: str, reads: str) -> None:
    model: Any = randomise(Attention(spelling, reads))
    image, masks = photo(SIZE), masks_for(SIZE)
    with torch.no_grad():
        plain = plain_logits(model, image, len(masks))
        for policy in POLICIES:
            got = logits(model, image, masks, **policy)
            assert torch.equal(got[0], plain[0]), policy
            assert torch.isfinite(got).all()
            for mask, row in zip(masks[2:], got[2:], strict=True):
                share = F.avg_pool2d(mask[None, None], 4).flatten()
                on = share > policy.get("threshold", 0)
                kept = torch.cat([torch.tensor([True]), on]).nonzero().flatten()
                tokens = model.tokens(image[None] * mask)[:, kept]
                tokens = tokens + model.out(model.mixed(tokens, model.bias[:, kept][:, :, kept]))
                expected = model.head(tokens[:, 0] if reads == "class" else tokens[:, 1:].mean(1))[0]
                torch.testing.assert_close(row, expected, rtol=0, atol=1e-10)
    assert_hidden_pixels_do_not_matter(model, SIZE, POLICIES)


@pytest.mark.parametrize("spelling", ["fused", "einsum", "product", "talking heads"])
def test_theorem_1_where_the_bits_of_a_row_depend_on_its_batch(spelling: str) -> None:
    model, image, masks = randomise(Attention(spelling, "mean")), photo(SIZE), masks_for(SIZE)
    with torch.no_grad(), Unsteady():
        assert not torch.equal(plain_logits(model, image, 5)[0], plain_logits(model, image, 1)[0])
        assert torch.equal(logits(model, image, masks)[0], plain_logits(model, image, len(masks))[0])


def test_gradients_of_hidden_pixels_are_zero_and_others_are_those_of_the_kept_tokens() -> None:
    model: Any = randomise(Attention("product"))
    image, mask = photo(SIZE), torch.zeros(1, *SIZE)
    mask[:, :4, 4:] = 1
    pixels = image[None].clone().requires_grad_()
    bound = ActivationDeactivation().bind(classifier_of(model, SIZE), image)
    (gradient,) = torch.autograd.grad(bound.forward(pixels, mask)[0, 0], pixels)
    again = image[None].clone().requires_grad_()
    kept = torch.tensor([0, 2, 3])
    tokens = model.tokens(again)[:, kept]
    tokens = tokens + model.out(model.mixed(tokens, model.bias[:, kept][:, :, kept]))
    (expected,) = torch.autograd.grad(model.head(tokens[:, 0])[0, 0], again)
    torch.testing.assert_close(gradient, expected * mask[:, None], rtol=0, atol=1e-12)
    assert torch.equal(gradient * (1 - mask[:, None]), torch.zeros_like(gradient))


class Channels(nn.Module):
    """Cross-covariance attention (XCiT): channels attend to channels, tokens are summed over."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, WIDTH, 4, 4), nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.patches(x).flatten(2))

    def after(self, tokens: Tensor) -> Tensor:
        unit = F.normalize(tokens, dim=-1)
        return self.head(((unit @ unit.transpose(-2, -1)).softmax(-1) @ tokens).mean(-1))


def test_channels_attend_as_if_hidden_tokens_were_not_there() -> None:
    model: Any = randomise(Channels())
    image, mask = photo(SIZE), torch.zeros(1, *SIZE)
    mask[:, :, 4:8] = 1
    with torch.no_grad():
        expected = model.after(model.patches(image[None]).flatten(2)[:, :, [1, 4]])
        torch.testing.assert_close(logits(model, image, mask), expected, rtol=0, atol=1e-12)
    assert_hidden_pixels_do_not_matter(model, SIZE, POLICIES)


def test_scores_that_are_joined_with_others_are_refused() -> None:
    class Odd(Attention):
        def mixed(self, tokens: Tensor, bias: Tensor) -> Tensor:
            del bias
            scores = tokens @ tokens.transpose(-2, -1)
            return (scores + tokens.mean(-1, keepdim=True)).softmax(-1) @ tokens

    with pytest.raises(NotApplicableError, match="pairs of positions"):
        logits(randomise(Odd("product")), photo(SIZE), torch.ones(1, *SIZE))
