"""The method's map where only a part of the photograph is visible, under removals that paint and that do not."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from unseen.metrics.case import Case
from unseen.removal.deactivation.masked_model import masked_model


def partial_map(case: Case, visible: Bool[Tensor, "*space"]) -> Float[Tensor, "*space"]:
    """The method's map with the rest hidden by the case's removal.

    A removal that paints gives the picture that is explained. One that follows the pass through the network makes a
    classifier of it that sees only the part; methods that have no rule for such a network refuse it. Class activation
    maps are then of the feature map of that pass, 0 where it is switched off.

    Raises:
        NotApplicableError: nobody can be asked for maps, the removal neither paints nor follows the pass, or the method
            refuses the network.
    """
    masked = case.masked
    if masked.removal.paints or not (masked.removal.inside and masked.removal.shared):
        return case.explained(masked.painted(visible[None])[0], case.classifier)
    return case.explained(case.image, masked_model(masked, visible))
