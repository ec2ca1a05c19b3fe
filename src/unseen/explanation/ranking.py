"""The order in which a map shows its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.inputs.smoothing import smoothed
from unseen.inputs.space import Space, size_of


@dataclass(frozen=True, eq=False)
class Ranking:
    """Pixels in the order in which they are shown.

    Attributes:
        order: flat pixel indices, most responsible first, shape (P,).
        shape: of the photograph, without its channels.
    """

    order: Int[Tensor, " P"]
    shape: Space

    @property
    def standing(self) -> Float[Tensor, "*space"]:
        """Of each pixel, what share of those ranked it is not behind: 1 for the first, 0 for pixels not ranked.

        float64.
        """
        total = len(self.order)
        found = torch.zeros(size_of(self.shape), dtype=torch.float64)
        found[self.order] = torch.arange(total, 0, -1, dtype=torch.float64) / total
        return found.reshape(self.shape)

    def prefix(self, size: int) -> Bool[Tensor, "*space"]:
        """The visible set of the first ``size`` pixels."""
        visible = torch.zeros(self.shape, dtype=torch.bool)
        visible.view(-1)[self.order[:size]] = True
        return visible

    def prefixes(self, sizes: Sequence[int]) -> Bool[Tensor, "N *space"]:
        """The visible sets of the first so many pixels each."""
        place = torch.full((size_of(self.shape),), len(self.order))
        place[self.order] = torch.arange(len(self.order))
        return (place < torch.as_tensor(sizes)[:, None]).reshape(-1, *self.shape)

    def grid(self, count: int) -> list[int]:
        """At most ``count`` prefix sizes: 0, then geometric from half a per cent to all pixels."""
        total = len(self.order)
        steps = np.geomspace(max(1, total / 200), total, count - 1).round().astype(int)
        return sorted({0, *steps.tolist(), total})


def rank(
    saliency: Float[Tensor, "*space"], *, blur: float = 0.0, seed: int = 0, domain: Bool[Tensor, "*space"] | None = None
) -> Ranking:
    """Rank pixels by saliency, smoothed by a Gaussian; ties are broken at random, never by position.

    Args:
        saliency: any map, larger means shown earlier.
        blur: standard deviation of the Gaussian in pixels; 0 leaves the map as it is. A responsibility map is made of
            boxes: smoothing ranks their centres before their edges, which gives compact and much smaller parts.
        seed: of the order among ties.
        domain: rank only these pixels.
    """
    shape = tuple(saliency.shape)
    smooth = saliency.double()
    if blur > 0:
        smooth = smoothed(smooth, len(shape), blur)
    smooth = smooth.reshape(-1)
    levels = (smooth * (1e9 / smooth.abs().max().clamp(min=1e-30))).round()  # ties survive the rounding of the blur
    shuffled = torch.randperm(size_of(shape), generator=torch.Generator().manual_seed(seed))
    order = shuffled[levels[shuffled].argsort(descending=True, stable=True)]
    return Ranking(order if domain is None else order[domain.reshape(-1)[order]], shape)
