"""Hidden pixels get what says nothing to the network: zero-information parts, found anew for every mask.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapter 9. See
:mod:`unseen.removal.zero_information.parts` for what is corrected, and for what neither form promises of the
picture that is shown.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.removal.fills.constant import blended
from unseen.removal.fills.painting import Solving
from unseen.removal.zero_information.parts import (
    Adding,
    Decomposing,
    ZeroParts,
    addition,
    decomposition,
)
from unseen.system.spelling import spec


@dataclass(frozen=True)
class Solved(Solving):
    """A removal whose filling is the solution of an optimisation, of its own for every photograph and mask.

    It asks the network for gradients while it paints, and counts as one evaluation nevertheless. Differentiable in the
    visible pixels; the filling counts as constant.
    """

    inside = True
    entry: ClassVar[str]
    """Its name in the registry."""

    @property
    def name(self) -> str:
        """The name in the registry, and what differs from the defaults."""
        return spec(self.entry, self)

    @abstractmethod
    def solved(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> ZeroParts:
        """The fillings, and how far they are from what they should be.

        Raises:
            NotApplicableError: the network cannot be differentiated.
        """

    @property
    def shortfall(self) -> str:
        """See :meth:`Solving.shortfall`."""
        return (
            f"{self.entry} did not find a filling that says nothing, and took the best one, of which the network may "
            "still make something; raise most, the steps that it may take, or, where that does not help, choose "
            "another removal, such as 'grey'"
        )

    def filled(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> tuple[Float[Tensor, "N C *space"], Bool[Tensor, " N"]]:
        """See :meth:`Solving.filled`."""
        found = self.solved(classifier, pixels.detach(), masks)
        return blended(found.fills, pixels, masks), found.converged


@dataclass(frozen=True)
class Addition(Solved, Adding):
    """Algorithm 2 (ZIP) in sound form: :func:`~unseen.removal.zero_information.parts.addition`; masks of 0 and 1 only.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.removal.zero_information.removals import Addition
        >>> Addition(most=20).bind(classifier, photo)(~square[None]).shape
        torch.Size([1, 3])
    """

    entry = "zip"

    def solved(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> ZeroParts:
        """See :meth:`Solved.solved`."""
        return addition(classifier, pixels, masks, self)


@dataclass(frozen=True)
class Decomposition(Solved, Decomposing):
    """Section 9.7: :func:`~unseen.removal.zero_information.parts.decomposition`; masks of 0 and 1 only.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.removal.zero_information.removals import Decomposition
        >>> Decomposition(most=20).bind(classifier, photo)(~square[None]).shape
        torch.Size([1, 3])
    """

    entry = "zip-decomposition"

    def solved(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> ZeroParts:
        """See :meth:`Solved.solved`."""
        return decomposition(classifier, pixels, masks, self)
