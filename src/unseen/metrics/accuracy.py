"""Whether the model is right about the full photograph, where people gave it a class.

Source: Chanchal, Kelly & Chockler, *Activation-Deactivation*, 2025, Table D1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.metrics.case import Case, MaskMetric


@dataclass(frozen=True)
class Accuracy(MaskMetric):
    """Whether the model decides for the explained class when all is visible: 1 or 0.

    In an evaluation the class is the one that people gave to the photograph, and the mean over photographs is the
    model's accuracy on the sample. The map does not matter.

    Example:
        >>> from unseen.metrics.accuracy import Accuracy
        >>> Accuracy()(case)
        1.0
    """

    def masks(self, case: Case) -> Bool[Tensor, "1 *space"]:
        """The full photograph."""
        return torch.ones(1, *case.masked.shape, dtype=torch.bool)

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "1 K"]) -> float:
        """1 where the decision for the explained class holds."""
        del masks
        return float(case.classifier.outputs.holds(logits, case.target))
