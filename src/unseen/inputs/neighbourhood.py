"""Photographs that hardly differ from one: where explanations should hardly differ, too."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.errors import ParameterError


def noisy(
    image: Float[Tensor, "3 H W"], radius: float, count: int, generator: torch.Generator
) -> Iterator[Float[Tensor, "3 H W"]]:
    """The photograph with uniform noise of the L∞ ball of this radius, clamped to [0, 1], ``count`` times."""
    for _ in range(count):
        noise = torch.rand(image.shape, generator=generator, dtype=torch.float32) * 2 - 1
        yield (image + radius * noise.to(image)).clamp(0, 1)


def check_radius(radius: float) -> None:
    """Refuse what is no radius of an L∞ ball of photographs.

    Raises:
        ParameterError: outside (0, 1].
    """
    if not 0 < radius <= 1:
        raise ParameterError(f"radius {radius} must be in (0, 1]; it is in pixel units")
