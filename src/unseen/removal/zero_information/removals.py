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
from unseen.inputs.streams import check_seed
from unseen.registry import spec
from unseen.removal.fills.constant import blended
from unseen.removal.fills.painting import Solving
from unseen.removal.zero_information.parts import (
    Criterion,
    ZeroParts,
    addition,
    check_decomposition,
    check_parts,
    decomposition,
)


@dataclass(frozen=True)
class Solved(Solving):
    """A removal whose filling is the solution of an optimisation, of its own for every photograph and mask.

    It asks the network for gradients while it paints, and counts as one evaluation nevertheless. Differentiable in the
    visible pixels; the filling counts as constant.
    """

    entry: ClassVar[str]
    """Its name in the registry."""

    @property
    def name(self) -> str:
        """The name in the registry, and what differs from the defaults."""
        return spec(self.entry, self)

    @abstractmethod
    def solved(
        self, classifier: Classifier, pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"]
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
        self, classifier: Classifier, pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"]
    ) -> tuple[Float[Tensor, "N 3 H W"], Bool[Tensor, " N"]]:
        """See :meth:`Solving.filled`."""
        found = self.solved(classifier, pixels.detach(), masks)
        return blended(found.fills, pixels, masks), found.converged


@dataclass(frozen=True)
class Addition(Solved):
    """Algorithm 2 (ZIP) in sound form: :func:`~unseen.removal.zero_information.parts.addition`; masks of 0 and 1 only.

    Args:
        tolerance: see there, as are all others.
        excess: as there.
        rate: as there.
        most: as there.
        seed: as there.

    Raises:
        ParameterError: a parameter outside its range.
    """

    tolerance: float = 0.004
    excess: float = 0.0035
    rate: float = 0.05
    most: int = 100
    seed: int = 0
    entry = "zip"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parts(self.tolerance, self.excess, self.rate, self.most)
        check_seed(self.seed)

    def solved(
        self, classifier: Classifier, pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"]
    ) -> ZeroParts:
        """See :meth:`Solved.solved`."""
        return addition(
            classifier,
            pixels,
            masks,
            tolerance=self.tolerance,
            excess=self.excess,
            rate=self.rate,
            most=self.most,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Decomposition(Solved):
    """Section 9.7: :func:`~unseen.removal.zero_information.parts.decomposition`; masks of 0 and 1 only.

    Args:
        criterion: see there, as are all others.
        smoothness: as there.
        tolerance: as there.
        excess: as there.
        rate: as there.
        most: as there.

    Raises:
        ParameterError: a parameter outside its range.
    """

    criterion: Criterion = "probability"
    smoothness: float = 0.1
    tolerance: float = 0.005
    excess: float = 0.0035
    rate: float = 0.05
    most: int = 300
    entry = "zip-decomposition"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parts(self.tolerance, self.excess, self.rate, self.most)
        check_decomposition(self.criterion, self.smoothness)

    def solved(
        self, classifier: Classifier, pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"]
    ) -> ZeroParts:
        """See :meth:`Solved.solved`."""
        return decomposition(
            classifier,
            pixels,
            masks,
            criterion=self.criterion,
            smoothness=self.smoothness,
            tolerance=self.tolerance,
            excess=self.excess,
            rate=self.rate,
            most=self.most,
        )
