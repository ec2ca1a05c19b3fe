"""Maps that change and explain in known ways, for the tests of their mixtures."""

from __future__ import annotations

import torch
from torch import Tensor

from unseen.explainers.aggregation.programs import Observed
from unseen.explainers.aggregation.quality import Changes, Hidings, changes, hidings

SIDE, CELLS = 12, 4


def segments() -> Tensor:
    """Square cells of 4 × 4 pixels and one odd row of one pixel, so that areas differ."""
    rows = (torch.arange(SIDE) // CELLS)[:, None] * 3 + torch.arange(SIDE) // CELLS
    rows[0, 0] = 9
    return rows


def drawn(seed: int, k: int = 4, near: int = 6, hidden: int = 40) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
    """Random maps, maps nearby, segments shown, and drops that the first map explains but for noise."""
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randn(1, SIDE, SIDE, generator=generator) + torch.randn(k, SIDE, SIDE, generator=generator)
    loudness = torch.rand(k, 1, 1, generator=generator) + 0.1
    nearby = [maps + loudness * torch.randn(k, SIDE, SIDE, generator=generator) for _ in range(near)]
    shown = torch.rand(hidden, 10, generator=generator) < 0.7
    over = torch.zeros(10).index_add_(0, segments().flatten(), maps[0].flatten())
    drops = (~shown).float() @ over + 2 * torch.randn(hidden, generator=generator)
    return maps, nearby, shown, drops


def observed(seed: int = 0, k: int = 4, near: int = 6, hidden: int = 40) -> Observed:
    """What is known of them."""
    maps, nearby, shown, drops = drawn(seed, k, near, hidden)
    return Observed(changes(maps, nearby), hidings(maps, shown, segments(), drops))


def mixtures(k: int, seed: int = 0, count: int = 50) -> Tensor:
    """Random weights, those of the mean and of each method alone among them, shape (N, k)."""
    generator = torch.Generator().manual_seed(seed)
    some = torch.distributions.Exponential(1.0).icdf(torch.rand(count, k, generator=generator, dtype=torch.float64))
    some = torch.cat([some, torch.ones(1, k).double(), torch.eye(k).double()])
    return some / some.sum(1, keepdim=True)


def by_hand(grams: Tensor, maps: Tensor, sums: Tensor, drops: Tensor) -> Observed:
    """From the numbers themselves."""
    return Observed(Changes(grams.double(), maps.double()), Hidings(sums.double(), drops.double()))
