"""Removals that paint several fills in turn and average what the network says, not what it is shown.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, Eq. 45: the reference is
E[f(x_V, X_H)], an expectation of the *scores*. The mean of the pictures would be one more picture, and mostly a blurred
one.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.removal.fills.constant import blended
from unseen.removal.masked import MaskedForward, Removal


class Averaging(Removal):
    """A removal whose probabilities are the mean of those under several fills; applicable to every model.

    Each fill is seen under every mask, so that two masks differ in nothing else. A mask costs as many passes as there
    are fills and counts as one evaluation, for it has one answer; batches hold one fill at a time. Soft masks blend
    linearly. Nothing is painted that could be shown: no single picture has these scores.
    """

    soft = True

    @abstractmethod
    def fills(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> Float[Tensor, "D C *space"]:
        """What the hidden part of this photograph is replaced with, in turn; in pixel units."""

    def forward(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> MaskedForward:
        """See :meth:`Removal.forward`."""
        fills = self.fills(classifier, image).to(classifier.device)

        def masked(pixels: Tensor, masks: Tensor) -> Tensor:
            passes = [classifier.forward(blended(fill[None].to(pixels), pixels, masks)) for fill in fills]
            return classifier.outputs.mean(torch.stack(passes))

        return masked
