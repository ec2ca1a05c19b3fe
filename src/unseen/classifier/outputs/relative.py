"""Outputs whose decisions are about one image: what its parts say is compared with what the whole says."""

from __future__ import annotations

import copy

from jaxtyping import Float
from torch import Tensor

from unseen.classifier.outputs.base import Outputs
from unseen.errors import ParameterError


class Relative(Outputs):
    """Outputs that are told of the whole image before anything is decided."""

    relative = True
    _otherwise = ""
    _full: Tensor | None = None

    def bound(self, full: Float[Tensor, " T"]) -> Relative:
        """See :meth:`Outputs.bound`."""
        bound = copy.copy(self)
        object.__setattr__(bound, "_full", full.detach().cpu())
        return bound

    def whole(self, target: int) -> float:
        """What the whole image says.

        Raises:
            ParameterError: it is not known.
        """
        if self._full is None:
            raise ParameterError(
                f"whether a target of {type(self).__name__} outputs holds is known only of an image; "
                f"{self._otherwise}ask the classifier of a decision, or of Classifier.deciding(image)"
            )
        return float(self._full[target])
