"""A data set whose answer is known: the colour of one block decides the class, and all else is noise."""

from __future__ import annotations

import torch

from unseen.evaluation.retraining.datasets import Dataset, labelled

SIZE = 16
BLOCK = 8
SHARE = (BLOCK / SIZE) ** 2
"""Of the pixels, that the block takes."""


def planted(per_class: int = 40, *, seed: int = 0) -> Dataset:
    """Two classes: the block in the upper left corner is bright or dark."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(2 * per_class) % 2
    images = torch.rand(len(labels), 3, SIZE, SIZE, generator=generator) * 0.4 + 0.3
    images[:, :, :BLOCK, :BLOCK] = labels.float()[:, None, None, None] * 0.8 + 0.1
    return labelled("planted", images, labels, ("dark", "bright"), 0.25, seed)
