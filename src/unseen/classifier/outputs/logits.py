"""Classes that exclude each other: one of K is on top."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier.outputs.base import Key, Outputs
from unseen.errors import ModelError


class Exclusive(Outputs):
    """What outputs share whose scores are logits, of which the softmax are probabilities."""

    def readings(self, scores: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Their softmax."""
        return scores.softmax(1)

    def holds(self, scores: Float[Tensor, "N K"], target: int) -> Bool[Tensor, " N"]:
        """Where the class is on top."""
        return scores.argmax(1) == target

    def logs(self, scores: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """See :meth:`Outputs.logs`."""
        return scores.log_softmax(1)

    def others(self, scores: Float[Tensor, "N K"], column: Int[Tensor, "N 1"]) -> Float[Tensor, "N K"]:
        """Of the other classes among themselves."""
        return scores.to(torch.promote_types(scores.dtype, torch.float32)).scatter(1, column, -inf).log_softmax(1)

    def mean(self, scores: Float[Tensor, "D N K"]) -> Float[Tensor, "N K"]:
        """Logits whose softmax is the mean of the passes' probabilities.

        Probabilities leave one number open: it is such that passes which agree give their own logits back.
        """
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        height = scores.logsumexp(2, keepdim=True)
        return (scores - height).logsumexp(0) - log(len(scores)) + height.mean(0)


@dataclass(frozen=True)
class Logits(Exclusive):
    """One logit per class, of which the softmax are probabilities; the class with the largest is decided for.

    Args:
        key: which entry of what the model returns holds its numbers.

    Example:
        >>> from unseen.classifier.outputs import Logits
        >>> Logits().readings(torch.tensor([[0.0, 0.0, 0.0, 0.0]]))  # their softmax
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """

    key: Key = None

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N K"]:
        """The logits as they are.

        Raises:
            ModelError: they are not (N, K), or K is 1.
        """
        logits = self._numbers(answer, count, name)
        if logits.shape[1] < 2:
            raise ModelError(
                f"{name} has a single output, which is always on top; say what it means: outputs='binary' (one logit "
                "for the second of two classes), 'sigmoid' (a finding that is present or not), 'value' (a number), or "
                "'probabilities:binary' (the probability of the second of two classes)"
            )
        return logits

    def logits(self, scores: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """The scores."""
        return scores
