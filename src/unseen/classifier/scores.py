"""What is asked of a target: its score, or what people are told of it; and how much of that may be rounding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.classifier import Classifier
from unseen.classifier.outputs.base import Outputs
from unseen.classifier.rounding import resolution
from unseen.system.options import Meaning, check

Score = Annotated[Literal["logit", "probability"], Meaning("what is asked of a class")]


def score_of(outputs: Outputs, scores: Float[Tensor, "N T"], score: Score) -> Float[Tensor, "N T"]:
    """What is asked of every target: the scores as they are, or the readings.

    Args:
        outputs: what the scores mean.
        scores: the classifier's.
        score: ``logit`` or ``probability``; a value is both.

    Raises:
        ParameterError: another score.
    """
    check("score", score, Score)
    return scores if score == "logit" else outputs.readings(scores)


def target_score(outputs: Outputs, scores: Float[Tensor, "N T"], target: int, score: Score) -> Float[Tensor, " N"]:
    """What is asked of one target, with its graph: float64 on the CPU, where scores are compared.

    Args:
        outputs: what the scores mean.
        scores: the classifier's, of any dtype on any device.
        target: its index.
        score: ``logit`` or ``probability``.

    Raises:
        ParameterError: another score.
    """
    return score_of(outputs, scores.cpu().double(), score)[:, target]


class Scores(NamedTuple):
    """What is asked of targets under masks, one row a mask.

    ``values`` are float64, shape (N, T); ``errors``, of the same shape, are by how much each may be rounding, ≥ 0.

    A reading may be wrong by what the scores may be, passed on to first order: the sum over the scores z of the size of
    the reading's derivative with respect to z, times a share of the size of z
    (:func:`~unseen.classifier.rounding.resolution`). So probabilities near 1, or those of a model whose logits are
    tiny, are told apart as finely as their logits are.
    """

    values: Tensor
    errors: Tensor

    @classmethod
    def of(cls, classifier: Classifier, scores: Float[Tensor, "N K"], targets: Sequence[int], score: Score) -> Scores:
        """What is asked of some targets, from a classifier's scores of all."""
        with torch.enable_grad():
            leaf = scores.detach().cpu().double().requires_grad_()
            asked = score_of(classifier.outputs, leaf, score)[:, torch.as_tensor(list(targets))]
            slopes = [
                torch.autograd.grad(column.sum(), leaf, retain_graph=True, materialize_grads=True)[0]
                for column in asked.unbind(1)
            ]
        errors = resolution(classifier.dtype) * (torch.stack(slopes, 1) * leaf.detach()[:, None]).abs().sum(2)
        return cls(asked.detach(), errors)

    @property
    def still(self) -> Bool[Tensor, " T"]:
        """Whether a class's scores are all the same but for rounding, so that their differences are noise."""
        return self.values.amax(0) - self.values.amin(0) <= self.errors.amax(0)

    @property
    def ends(self) -> Scores:
        """The least and the greatest, with the largest error: all that must be kept to tell whether any moved."""
        return Scores(torch.stack([*self.values.aminmax(dim=0)]), self.errors.amax(0).expand(2, -1))

    @classmethod
    def joined(cls, parts: Iterable[Scores]) -> Scores:
        """Those of several passes, in order; at least one."""
        values, errors = zip(*parts, strict=True)
        return cls(torch.cat(values), torch.cat(errors))


class Extent:
    """From where to where the scores of many passes go; of them all it keeps the ends."""

    def __init__(self) -> None:
        self._ends: Scores | None = None

    def add(self, scores: Scores) -> None:
        """Those of one pass, of the same targets as before."""
        self._ends = (scores if self._ends is None else Scores.joined([self._ends, scores])).ends

    @property
    def still(self) -> Bool[Tensor, " T"]:
        """Of each target :attr:`Scores.still`, over all passes so far; at least one."""
        assert self._ends is not None, "nothing was added"
        return self._ends.still
