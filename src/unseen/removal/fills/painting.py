"""Removals that paint: hidden pixels are replaced, and the network sees an image."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.removal.masked import MaskedForward, Removal


class Painting(Removal):
    """A removal that replaces hidden pixels by others, each photograph's on its own; applicable to every model."""

    shared = True

    @abstractmethod
    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"]
    ) -> Float[Tensor, "N 3 H W"]:
        """See :meth:`Removal.painted`; differentiable in the pixels."""

    def forward(self, classifier: Classifier, image: Float[Tensor, "3 H W"]) -> MaskedForward:
        """See :meth:`Removal.forward`."""
        del image

        def masked(pixels: Tensor, masks: Tensor) -> Tensor:
            return classifier.forward(self.painted(classifier, pixels, masks))

        return masked


def distinct(pixels: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "_ 3 H W"]:
    """The photographs that a fill must look at: only one where a batch is one photograph, expanded to its masks."""
    return pixels[:1] if pixels.stride(0) == 0 else pixels
