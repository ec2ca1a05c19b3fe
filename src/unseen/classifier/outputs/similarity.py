"""Scores that say how like what is wanted an image is: a detector's box, an embedding of reference."""

from __future__ import annotations

from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.outputs.relative import Relative
from unseen.system.options import Number

_SHARE = 0.5

Least = Annotated[
    float | None,
    Number("the similarity from which on the decision holds; by default half of the whole image's", -1, 1),
]


class Similarity(Relative):
    """Similarities, 1 for the same: the more the better, and one that is large enough holds.

    A subclass is a frozen dataclass with an option :attr:`threshold`, and makes the scores.
    """

    threshold: Least = None
    unit = ""
    _otherwise = "give a threshold, or "

    def readings(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """The scores."""
        return scores

    def holds(self, scores: Float[Tensor, "N T"], target: int) -> Bool[Tensor, " N"]:
        """Where the similarity is at least the threshold.

        Raises:
            ParameterError: that is a share of the whole image's, and of which is not known; see :meth:`bound`.
        """
        if self.threshold is not None:
            return scores[:, target] >= self.threshold
        whole = self.whole(target)
        return scores[:, target] >= whole - _SHARE * abs(whole)

    def degree(self, scores: Float[Tensor, "N T"], target: int) -> Float[Tensor, " N"]:
        """The similarity; 0 where it is below."""
        return scores[:, target].clamp(0, 1)

    def unnamed(self, target: int, targets: int) -> str:
        """See :meth:`Outputs.unnamed`."""
        return "the similarity" if targets == 1 else f"similarity {target}"


def cosines(
    vectors: Float[Tensor, "N D"], references: Float[Tensor, "R D"], scale: float = 1.0
) -> Float[Tensor, "N R"]:
    """Cosines of the angles between every vector and every reference, times a scale; 0 for a vector of length 0.

    They are made by one linear layer, which receives the vectors at length 1.

    Example:
        >>> from unseen.classifier.outputs.similarity import cosines
        >>> cosines(torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        tensor([[0.6000, 0.8000]])
    """
    unit = torch.nn.functional.normalize
    return torch.nn.functional.linear(unit(vectors, dim=1), scale * unit(references.to(vectors), dim=1))
