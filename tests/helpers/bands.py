"""Networks of one, four and thirteen channels with a signal at a known place, trained in a second or two."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing


@dataclass(frozen=True)
class Planted:
    """What a network is trained to find.

    Attributes:
        channels: of the input.
        side: of the input, in pixels.
        radius: of the signal, a disc.
        bands: the channels that carry it.
        range: of the numbers, with their unit.
        unit: see there.
    """

    channels: int
    side: int
    radius: int
    bands: tuple[int, ...]
    range: tuple[float, float]
    unit: str

    def image(self, place: tuple[int, int] | None, stream: torch.Generator) -> Tensor:
        """Shares of the range: noise, a disc in the other channels anywhere, and the signal at (y, x), if any."""
        image = 0.4 + 0.08 * torch.randn(self.channels, self.side, self.side, generator=stream)
        others = [band for band in range(self.channels) if band not in self.bands]
        if others:
            image[others] += 0.4 * self.disc(self.anywhere(stream))
        if place is not None:
            image[list(self.bands)] += 0.4 * self.disc(place)
        return image.clamp(0, 1)

    def anywhere(self, stream: torch.Generator) -> tuple[int, int]:
        """A place for a disc that lies inside."""
        low, high = self.radius + 2, self.side - self.radius - 2
        y, x = torch.randint(low, high, (2,), generator=stream).tolist()
        return y, x

    def disc(self, place: tuple[int, int], more: int = 0) -> Tensor:
        """1 where a disc at (y, x) lies, its radius greater by ``more``; shape (H, W)."""
        axis = torch.arange(self.side)
        far = (axis[:, None] - place[0]) ** 2 + (axis - place[1]) ** 2
        return (far <= (self.radius + more) ** 2).float()

    def trained(self, steps: int = 80) -> Classifier:
        """A classifier that tells images with the signal from those without."""
        stream = torch.Generator().manual_seed(0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = nn.Sequential(
                nn.Conv2d(self.channels, 8, 5, 2, 2), nn.ReLU(),
                nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(),
                nn.Conv2d(16, 16, 3, 1, 1), nn.ReLU(),
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2),
            )  # fmt: skip
        optimiser = torch.optim.Adam(network.parameters(), 0.01)
        low, high = self.range
        middle, width = (low + high) / 2, (high - low) / 4
        preprocessing = Preprocessing(
            (self.side, self.side), None, mean=(middle,) * self.channels, std=(width,) * self.channels,
            range=self.range, unit=self.unit,
        )  # fmt: skip
        classifier = Classifier(network, preprocessing, ["nothing", "signal"])
        with torch.enable_grad():
            for _ in range(steps):
                classes = torch.arange(16) % 2
                images = [self.image(self.anywhere(stream) if one else None, stream) for one in classes.tolist()]
                network.train()
                loss = nn.functional.cross_entropy(
                    network(classifier.normalise(torch.stack(images))), classes, label_smoothing=0.05
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
        network.eval().zero_grad()
        return classifier


NODULE = Planted(1, 96, 7, (0,), (-1000.0, 1000.0), "HU")
NEAR_INFRARED = Planted(4, 48, 5, (3,), (0.0, 10_000.0), "reflectance × 10⁴")
SATELLITE = Planted(13, 48, 5, (7, 8), (0.0, 10_000.0), "reflectance × 10⁴")
