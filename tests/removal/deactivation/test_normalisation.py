"""Statistics over positions against loops over the positions that are on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.checks import (
    POLICIES,
    assert_hidden_pixels_do_not_matter,
    logits,
    masks_for,
    photo,
    plain_logits,
    randomise,
)

pytestmark = pytest.mark.numerics

SIZE = (6, 8)


class Normalised(nn.Module):
    """Pointwise layers around a normalisation, so that the mask of every layer is that of the photograph."""

    def __init__(self, norm: nn.Module | Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.stem, self.norm, self.head = nn.Conv2d(3, 4, 1), norm, nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.norm(self.stem(x))).mean((2, 3)))


def each_group(groups: int, weight: Tensor | None = None, bias: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """Of the values (C, P) of the positions that are on; one group of channels after the other."""

    def norm(values: Tensor) -> Tensor:
        out = torch.cat([
            (group - group.mean()) / (group.var(correction=0) + 1e-5).sqrt() for group in values.chunk(groups)
        ])  # fmt: skip
        return out if weight is None or bias is None else out * weight[:, None] + bias[:, None]

    return norm


def cases() -> dict[str, tuple[Any, Callable[[Any], Callable[[Tensor], Tensor]]]]:
    return {
        "group": (nn.GroupNorm(2, 4), lambda n: each_group(2, n.weight, n.bias)),
        "instance": (nn.InstanceNorm2d(4, affine=True), lambda n: each_group(4, n.weight, n.bias)),
        "layer over everything": (lambda x: F.layer_norm(x, x.shape[1:]), lambda _: each_group(1)),
        "softmax over positions": (lambda x: x.flatten(2).softmax(-1).view_as(x), lambda _: lambda v: v.softmax(1)),
        "unit length": (
            lambda x: F.normalize(x.flatten(2), dim=-1).view_as(x),
            lambda _: lambda v: v / v.norm(dim=1, keepdim=True),
        ),
    }


@pytest.mark.parametrize("name", cases())
def test_only_what_is_on_counts(name: str) -> None:
    norm, slow_of = cases()[name]
    model: Any = randomise(Normalised(norm))
    image, masks = photo(SIZE), masks_for(SIZE)
    slow = slow_of(norm)
    with torch.no_grad():
        plain = plain_logits(model, image, len(masks))
        for policy in ({}, {"travel": "pooled"}):
            got = logits(model, image, masks, **policy)
            assert torch.equal(got[0], plain[0])
            assert torch.isfinite(got).all()
            for mask, row in zip(masks[2:], got[2:], strict=True):
                values = model.stem(image[None])[0][:, mask > 0]
                expected = model.head(torch.tanh(slow(values)).mean(1))
                torch.testing.assert_close(row, expected, rtol=0, atol=1e-10)
    assert_hidden_pixels_do_not_matter(model, SIZE, POLICIES)
