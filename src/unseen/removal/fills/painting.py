"""Removals that paint: hidden pixels are replaced, and the network sees an image."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.removal.masked import MaskedForward, Removal


class Painting(Removal):
    """A removal that replaces hidden pixels by others, each photograph's on its own; applicable to every model."""

    shared = True

    @abstractmethod
    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Removal.painted`; differentiable in the pixels."""

    def forward(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> MaskedForward:
        """See :meth:`Removal.forward`."""
        del image

        def masked(pixels: Tensor, masks: Tensor) -> Tensor:
            return classifier.forward(self.painted(classifier, pixels, masks))

        return masked


class Solving(Painting):
    """A removal whose filling is looked for by an optimisation, which may end before it is found."""

    @abstractmethod
    def filled(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> tuple[Float[Tensor, "N C *space"], Bool[Tensor, " N"]]:
        """The pictures, and for each whether what was looked for was found."""

    @property
    @abstractmethod
    def shortfall(self) -> str:
        """What is wrong with a filling that was not found, and what helps."""

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        return self.filled(classifier, pixels, masks)[0]

    def forward(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> MaskedForward:
        """See :meth:`Removal.forward`; how often nothing was found is told."""
        del image
        return _Watched(self, classifier)


@dataclass(eq=False)
class _Watched:
    """The masked pass of a removal that looks for its filling."""

    removal: Solving
    classifier: Classifier
    asked: int = 0
    missed: int = 0

    def __call__(self, pixels: Tensor, masks: Tensor) -> Tensor:
        pictures, found = self.removal.filled(self.classifier, pixels, masks)
        self.asked += len(found)
        self.missed += int((~found).sum())
        return self.classifier.forward(pictures)

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.missed:
            return ()
        return (f"under {self.missed} of {self.asked} masks {self.removal.shortfall}",)


def distinct(pixels: Float[Tensor, "N C *space"]) -> Float[Tensor, "_ C *space"]:
    """The photographs that a fill must look at: only one where a batch is one photograph, expanded to its masks."""
    return pixels[:1] if pixels.stride(0) == 0 else pixels
