"""Merged patches are a strided convolution; layers that mix all tokens see zeros for what is off."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.checks import POLICIES, assert_hidden_pixels_do_not_matter, logits, masks_for, photo, randomise

pytestmark = pytest.mark.numerics

SIZE = (12, 16)


class Patches(nn.Module):
    """Four neighbours merge into one, by a convolution or by slices and a linear layer, on a map or on tokens."""

    def __init__(self, spelling: str) -> None:
        super().__init__()
        self.spelling = spelling
        self.stem, self.merge, self.mix, self.head = (
            nn.Conv2d(3, 2, 3, padding=1),
            nn.Linear(8, 5),
            nn.Conv2d(5, 4, 3),
            nn.Linear(4, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        if self.spelling == "convolution":
            weight = self.merge.weight.reshape(5, 2, 2, 2).permute(0, 3, 1, 2)  # (out, rows, columns, in)
            return self.head(self.mix(nn.functional.conv2d(x, weight, self.merge.bias, 2)).mean((2, 3)))
        x = x.permute(0, 2, 3, 1)
        x = torch.cat([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], -1)
        height, width = x.shape[1:3]
        tokens = self.spelling == "tokens"
        x = self.merge(x.flatten(1, 2)).unflatten(1, (height, width)) if tokens else self.merge(x)
        return self.head(self.mix(x.permute(0, 3, 1, 2)).mean((2, 3)))


@pytest.mark.parametrize("spelling", ["map", "tokens"])
@pytest.mark.parametrize("policy", [*POLICIES, {"threshold": 0.74}, {"threshold": 0.76}])
def test_merging_patches_is_a_strided_convolution(spelling: str, policy: dict[str, Any]) -> None:
    image, masks = photo(SIZE), masks_for(SIZE)
    got, expected = (logits(randomise(Patches(kind)), image, masks, **policy) for kind in (spelling, "convolution"))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


class Mixer(nn.Module):
    """Tokens are mixed by a linear layer across all of them and added to what they were."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.mix, self.head = nn.Conv2d(3, 4, 4, 4), nn.Linear(12, 12), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = tokens + self.mix(tokens.transpose(1, 2)).transpose(1, 2)
        return self.head(tokens.mean(1))


def test_mixing_tokens_takes_what_is_off_for_zero() -> None:
    model, image = randomise(Mixer()), photo(SIZE)
    on = torch.rand(3, 4, generator=torch.Generator().manual_seed(0)) > 0.5
    mask = on.repeat_interleave(4, 0).repeat_interleave(4, 1)[None].float()
    with torch.no_grad():
        got = logits(model, image, mask)
        tokens = model.patches(image[None]).flatten(2).transpose(1, 2) * on.flatten()[:, None]
        tokens = tokens + model.mix(tokens.transpose(1, 2)).transpose(1, 2)
        expected = model.head(tokens[:, on.flatten()].mean(1))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)
    assert_hidden_pixels_do_not_matter(model, SIZE)
