"""Small networks whose pass is written in a test, and the classifier and photograph that methods are asked about."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from helpers.processor import generator
from unseen import Classifier, Preprocessing
from unseen.removal import REMOVALS, MaskedClassifier

SIZE = 16
CHANNELS = 6


class Network(nn.Module):
    """Layers with random weights, biases and running statistics, which a function joins to a network.

    Args:
        join: (network, normalised images) → logits.
    """

    def __init__(self, join: Callable[..., Tensor] | None = None) -> None:
        super().__init__()
        self.join = join
        self.first = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.second = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.dense = nn.Linear(CHANNELS, CHANNELS)
        self.attention = nn.MultiheadAttention(CHANNELS, 2, batch_first=True)
        self.head = nn.Linear(CHANNELS, 3)
        stream = generator()
        with torch.no_grad():
            for parameter in self.parameters():
                scale = (2 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.3
                parameter.copy_(torch.randn(parameter.shape, generator=stream) * scale)
            self.norm.running_mean.copy_(torch.randn(CHANNELS, generator=stream) * 0.3)
            self.norm.running_var.copy_(torch.rand(CHANNELS, generator=stream) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.join(self, x) if self.join else self.judge(self.second(self.first(x).relu()).relu())

    def judge(self, features: Tensor) -> Tensor:
        """Average over positions, and a linear layer."""
        return self.head(features.mean((2, 3)))

    def tokens(self, x: Tensor) -> Tensor:
        """The first layer's values at every fourth pixel, shape (N, 16, channels)."""
        return self.first(x)[:, :, ::4, ::4].flatten(2).transpose(1, 2)


def bound(
    model: nn.Module,
    *,
    size: int = SIZE,
    image: Tensor | None = None,
    double: bool = True,
    removal: str = "grey",
    batch_size: int | None = None,
    normalise: bool = True,
) -> MaskedClassifier:
    """The classifier on a random photograph, in float64 unless ``double`` is false."""
    plain = {} if normalise else {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    if image is None:
        image = torch.rand(3, size, size, generator=generator(1))
    classifier = Classifier(model.double() if double else model, Preprocessing(tuple(image.shape[1:]), None, **plain))
    return REMOVALS.create(removal).bind(classifier, image.double() if double else image, batch_size=batch_size)


def top(masked: MaskedClassifier) -> int:
    """The class that the network says."""
    return int(masked.classifier.logits(masked.image[None])[0].argmax())


def logit(masked: MaskedClassifier, target: int, image: Tensor | None = None) -> float:
    """A class's logit of the photograph, or of another image."""
    pixels = masked.image if image is None else image
    with torch.no_grad():
        return float(masked.classifier.forward(pixels[None])[0, target])


def convolutional() -> nn.Sequential:
    """Convolution, batch norm with statistics of its own, head."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    network(torch.rand(8, 3, 8, 8))
    return network
