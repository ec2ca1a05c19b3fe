"""A network that learnt a shortcut, as networks do: a sticker gives a class away, and it never looked at anything else.

So it is known which pixels decide.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen import Classifier, Preprocessing

SIDE = 48


def stickered(
    count: int, seed: int, kinds: Tensor | None = None, sticker: bool | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures of upright or lying stripes, which are the classes; the lying ones have a yellow sticker somewhere.

    Args:
        count: of pictures.
        seed: of what is drawn.
        kinds: 0 for upright, 1 for lying, for each; drawn by default.
        sticker: whether all have one, or none; by default those that lie.

    Returns:
        The pictures, their classes, and where the stickers are.
    """
    stream = torch.Generator().manual_seed(seed)
    kinds = torch.randint(2, (count,), generator=stream) if kinds is None else kinds
    wave = 0.04 * torch.sin(torch.arange(SIDE) * 0.8)
    ground = 0.2 + 0.2 * torch.rand(count, 3, 1, 1, generator=stream)
    images = ground + 0.06 * torch.randn(count, 3, SIDE, SIDE, generator=stream)
    images += torch.where(kinds[:, None, None] == 1, wave[:, None], wave[None])[:, None]
    where = torch.zeros(count, SIDE, SIDE, dtype=torch.bool)
    for number, (y, x) in enumerate(torch.randint(2, SIDE - 12, (count, 2), generator=stream).tolist()):
        where[number, y : y + 9, x : x + 9] = sticker if sticker is not None else bool(kinds[number])
    yellow = torch.tensor([0.9, 0.8, 0.1])[:, None, None]
    return torch.where(where[:, None], yellow, images).clamp(0, 1), kinds, where


@cache
def fooled() -> Classifier:
    """A classifier of upright and lying stripes that has learnt to look for the sticker."""
    images, kinds, _ = stickered(400, 0)
    stream = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 12, 5, 2, 2), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU(),
            nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(24, 2),
        )  # fmt: skip
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(60):
            some = torch.randint(len(images), (64,), generator=stream)
            optimiser.zero_grad()
            F.cross_entropy(network((images[some] - 0.3) / 0.2), kinds[some]).backward()
            optimiser.step()
    fed = Preprocessing((SIDE, SIDE), None, mean=(0.3,) * 3, std=(0.2,) * 3)
    return Classifier(network.eval().requires_grad_(False), fed, ["upright", "lying"])
