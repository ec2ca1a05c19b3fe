"""A network that says of every pixel which colour of spot is there, and a detector made of it."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.trained import SIDE, pictures

STEP, BOX = 6, 12


class PerPixel(nn.Module):
    """Four logits for each pixel: nothing, red, green, blue."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Detector(nn.Module):
    """Squares of a fixed grid, each of the colour that is likeliest in it, as sure as the pixels are on average."""

    def __init__(self, pixels: nn.Module) -> None:
        super().__init__()
        self.pixels = pixels
        corners = torch.arange(0, SIDE - BOX + 1, STEP)
        tops, lefts = torch.meshgrid(corners, corners, indexing="ij")
        left_top = torch.stack([lefts, tops], -1).reshape(-1, 2)
        self.register_buffer("boxes", torch.cat([left_top, left_top + BOX], 1).float())

    def forward(self, x: Tensor) -> list[dict[str, Tensor]]:
        shares = F.avg_pool2d(self.pixels(x).softmax(1), BOX, STEP).flatten(2).transpose(1, 2)
        found = []
        for one in shares[..., 1:]:
            scores, labels = one.max(1)
            kept = scores > 0.05
            found.append({"boxes": self.boxes[kept], "labels": labels[kept] + 1, "scores": scores[kept]})
        return found


@cache
def per_pixel() -> PerPixel:
    """Trained to tell the colour of every pixel's spot; right on more than 95 of 100."""
    images, _, where = pictures(200, 0)
    wanted = torch.cat([~where.any(1, keepdim=True), where], 1).float().argmax(1)
    normal, stream = (images - 0.3) / 0.2, torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        network = PerPixel()
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-2)
        rare = torch.tensor([0.1, 1.0, 1.0, 1.0])
        for _ in range(60):
            some = torch.randint(len(images), (16,), generator=stream)
            optimiser.zero_grad()
            F.cross_entropy(network(normal[some]), wanted[some], rare).backward()
            optimiser.step()
    return network.eval().requires_grad_(False)
