"""Photographs that hardly differ from one: where explanations should hardly differ, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.system.options import Share

Radius = Annotated[float, Share("how far the pixels of nearby photographs move at most, of [0, 1]", ends="(]")]


def noisy(
    image: Float[Tensor, "C *space"], radius: float, count: int, generator: torch.Generator
) -> Iterator[Float[Tensor, "C *space"]]:
    """The photograph with uniform noise of the L∞ ball of this radius, clamped to [0, 1], ``count`` times."""
    for _ in range(count):
        noise = torch.rand(image.shape, generator=generator, dtype=torch.float32) * 2 - 1
        yield (image + radius * noise.to(image)).clamp(0, 1)
