"""Small networks that are trained in seconds on pictures whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen import Classifier, Preprocessing
from unseen.classifier.outputs import Outputs

SIDE = 48
PLAIN = Preprocessing((SIDE, SIDE), None, mean=(0.3, 0.3, 0.3), std=(0.2, 0.2, 0.2))


class Spots(nn.Module):
    """One logit for each of three colours: whether there is a spot of it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 12, 5, 2, 2), nn.ReLU(), nn.Conv2d(12, 24, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )
        self.head = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).flatten(1))


class Ending(nn.Module):
    """A network of which something is made in the end."""

    def __init__(self, network: nn.Module, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.end = network, end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.network(x))


def pictures(count: int, seed: int, present: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Noise on grey with red, green and blue spots here and there.

    Returns:
        Images (N, 3, S, S) in [0, 1], which colours are there (N, 3), and where (N, 3, S, S).
    """
    stream = torch.Generator().manual_seed(seed)
    images = (0.3 + 0.05 * torch.randn(count, 3, SIDE, SIDE, generator=stream)).clamp(0, 1)
    there = torch.rand(count, 3, generator=stream) < 0.5 if present is None else present.expand(count, 3)
    ys, xs = torch.arange(SIDE)[:, None], torch.arange(SIDE)[None]
    where = torch.zeros(count, 3, SIDE, SIDE, dtype=torch.bool)
    for number in range(count):
        for colour in range(3):
            y, x = torch.randint(6, SIDE - 6, (2,), generator=stream).tolist()
            if there[number, colour]:
                where[number, colour] = (ys - y) ** 2 + (xs - x) ** 2 <= 25
                images[number, colour][where[number, colour]] += 0.5
    return images.clamp(0, 1), there, where & there[:, :, None, None]


@cache
def spots() -> Spots:
    """Trained to tell which colours have a spot; right on more than nine of ten."""
    images, there, _ = pictures(600, 0)
    normal = (images - 0.3) / 0.2
    stream = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        network = Spots()
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(120):
            some = torch.randint(len(images), (64,), generator=stream)
            loss = F.binary_cross_entropy_with_logits(network(normal[some]), there[some].float())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval().requires_grad_(False)


def findings(outputs: str | Outputs = "sigmoid") -> Classifier:
    """Three independent findings."""
    return Classifier(spots(), PLAIN, ["red", "green", "blue"], outputs=outputs)


def of_red(end: Callable[[Tensor], Tensor], outputs: str) -> Classifier:
    """One finding alone, the red spot; ``end`` makes of its logit (N, 1) what ``outputs`` means."""
    labels = ["red"] if outputs in ("sigmoid", "probabilities:independent", "value") else ["none", "red"]
    return Classifier(Ending(spots(), lambda z: end(z[:, :1])).eval(), PLAIN, labels, outputs=outputs, name="spots")


FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "logits": lambda z: torch.cat([-z / 2, z / 2], 1),
    "binary": lambda z: z,
    "sigmoid": lambda z: z,
    "probabilities": lambda z: torch.cat([-z / 2, z / 2], 1).softmax(1),
    "probabilities:binary": torch.sigmoid,
    "probabilities:independent": torch.sigmoid,
}
"""The same function in every form of its outputs, the logits of two classes first."""
