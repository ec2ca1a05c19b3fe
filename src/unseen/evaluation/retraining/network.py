"""The network that is trained anew: small, plain, and of the form that every method has a rule for."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from unseen.inputs.streams import default_stream


class SmallNetwork(nn.Module):
    """Four convolutions with batch norms and ReLUs, average pooling and a linear head; about 75,000 parameters.

    The first two halve the resolution. Class activation maps apply, because the head follows the average; rules of
    relevance do, because every step is a module of its own.

    Args:
        classes: outputs.
        width: channels of the first convolution.
        seed: of the first weights; the global generator is left as it was.
    """

    def __init__(self, classes: int, *, width: int = 24, seed: int = 0) -> None:
        super().__init__()
        with default_stream(seed):
            self.features = nn.Sequential(
                *_block(3, width, 2),
                *_block(width, 2 * width, 2),
                *_block(2 * width, 2 * width, 1),
                *_block(2 * width, 4 * width, 1),
            )
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.flatten = nn.Flatten()
            self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N K"]:
        """Logits."""
        logits: Tensor = self.head(self.flatten(self.pool(self.features(x))))
        return logits


def _block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
