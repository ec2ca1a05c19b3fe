"""Numbers that are no probabilities: regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.outputs.base import Key
from unseen.classifier.outputs.relative import Relative
from unseen.system.options import Meaning, Positive

_SHARE = 0.1


@dataclass(frozen=True)
class Value(Relative):
    """One or several numbers that mean what they are; a part keeps one that stays where it is on the whole image.

    Args:
        tolerance: by how much a value may differ from that of the whole image and still be the same, in its unit; a
            tenth of the value by default.
        unit: of the values, for people.
        key: which entry of what the model returns holds its numbers.

    Example:
        >>> from unseen.classifier.outputs import Value
        >>> mean = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> Classifier(mean, preprocessing, outputs=Value(tolerance=0.1, unit="of full red")).logits(photo[None])
        tensor([[0.2500, 0.1875, 0.1875]])
    """

    tolerance: Annotated[
        float | None,
        Positive("by how much a value may differ from the whole image's; by default a tenth of that"),
    ] = None
    unit: Annotated[str, Meaning("the unit of the values, for people")] = ""
    key: Key = None

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N K"]:
        """The numbers as they are.

        Raises:
            ModelError: they are not (N, K).
        """
        return self._numbers(answer, count, name)

    def returned(self, scores: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """The scores."""
        return scores

    def readings(self, scores: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """The same."""
        return scores

    def holds(self, scores: Float[Tensor, "N K"], target: int) -> Bool[Tensor, " N"]:
        """Where the value is that of the whole image, to the tolerance.

        Raises:
            ParameterError: of which image is not known; see :meth:`bound`.
        """
        return self._away(scores, target) <= 1

    def degree(self, scores: Float[Tensor, "N K"], target: int) -> Float[Tensor, " N"]:
        """1 where the value is that of the whole image, ½ at the tolerance, 0 from twice the tolerance on.

        Raises:
            ParameterError: see :meth:`holds`.
        """
        return (1 - self._away(scores, target) / 2).clamp(min=0)

    def _away(self, scores: Float[Tensor, "N K"], target: int) -> Float[Tensor, " N"]:
        """How far values are from that of the whole image, in tolerances."""
        whole = self.whole(target)
        tolerance = _SHARE * abs(whole) if self.tolerance is None else self.tolerance
        return (scores[:, target] - whole).abs() / max(tolerance, torch.finfo(torch.float32).tiny)

    def magnitudes(self, scores: Float[Tensor, "N K"]) -> Float[Tensor, " K"]:
        """The largest of each, for one may be in millimetres and the next in shares; the tolerance at least."""
        return scores.abs().amax(0).clamp(min=self.tolerance or 0.0)

    def unnamed(self, target: int, targets: int) -> str:
        """See :meth:`Outputs.unnamed`."""
        return "the value" if targets == 1 else f"value {target}"

    def top(self, scores: Float[Tensor, " T"]) -> int:
        """The first."""
        del scores
        return 0

    def instead(self, scores: Float[Tensor, " T"], target: int) -> int:
        """The same: another value of it."""
        del scores
        return target
