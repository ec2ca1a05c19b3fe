"""A classifier with a planted truth: a red sticker decides, wherever it is and whatever is around it.

Three classes: *sticker*, *bright* where the picture is bright without one, and *dark*, the answer to nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from unseen import Classifier, Preprocessing

SIZE, SIDE = 32, 8
LABELS = ("sticker", "bright", "dark")


class Stickers(nn.Module):
    """Looks for a square that is red and neither green nor blue, then at the brightness of the whole."""

    def forward(self, x: Tensor) -> Tensor:
        redness = (x[:, :1] - x[:, 1:].amax(1, keepdim=True)).clamp(min=0)
        found = avg_pool2d(redness, SIDE, 1).amax((1, 2, 3))
        brightness = x.mean((1, 2, 3))
        return torch.stack([40 * (found - 0.55), 20 * (brightness - 0.45), 20 * (0.35 - brightness)], 1)


def stickers() -> Classifier:
    """The classifier, of pictures of 32 × 32 pixels."""
    preprocessing = Preprocessing(size=(SIZE, SIZE), resize=None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Classifier(Stickers(), preprocessing, LABELS)


def place_of(number: int) -> Tensor:
    """Where the sticker of a picture is, bool (H, W)."""
    stream = torch.Generator().manual_seed(number)
    top, left = torch.randint(0, SIZE - SIDE + 1, (2,), generator=stream).tolist()
    place = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    place[top : top + SIDE, left : left + SIDE] = True
    return place


def picture(number: int, *, sticker: bool, level: float = 0.5) -> Tensor:
    """Grey noise around a level, with or without a sticker, shape (3, H, W)."""
    stream = torch.Generator().manual_seed(1000 + number)
    image = level + 0.1 * (torch.rand(1, SIZE, SIZE, generator=stream) - 0.5).expand(3, -1, -1)
    red = torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    return torch.where(place_of(number), red, image) if sticker else image.clone()
