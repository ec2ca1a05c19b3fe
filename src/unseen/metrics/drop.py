"""One step: the photograph as the map shows it, against the whole of it.

In the papers the photograph is multiplied by the map, scaled to [0, 1]: a soft mask over black, or over the mean colour
where the normalised input is multiplied. Here the scaled map is the soft mask, and what shines through is the
removal's; ``black`` and ``zero`` give these two forms.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Scores
from unseen.metrics.case import Case, MaskMetric
from unseen.metrics.soft import LEVELS, Levels, min_max, soft_views


def average_drop(full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """max(0, full − shown) / full of each photograph; the paper's number is their mean, in per cent.

    Lymperopoulos' (2023) equation 31 leaves out the 1/N, and its text calls both directions better: lower is.

    Args:
        full: probability of the class on the photograph; NaN (0/0) where it is 0.
        shown: the same on what the map shows of it.
    """
    return (full - shown).clamp(min=0) / full


def increase_in_confidence(full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """1 where the class is more probable on what the map shows than on the photograph, else 0; arguments as above."""
    return (shown > full).to(full.dtype)


def average_gain(full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """max(0, shown − full) / (1 − full) of each photograph; NaN (0/0) where the model is certain of the photograph."""
    return (shown - full).clamp(min=0) / (1 - full)


@dataclass(frozen=True)
class SoftlyShown(MaskMetric):
    """What the metrics of the scaled map share; see them. A constant map cannot be scaled: NaN.

    Probabilities that differ by no more than rounding count as the same.

    Raises:
        ParameterError: fewer than one level.
    """

    levels: Levels = LEVELS

    @abstractmethod
    def compare(self, full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """The function of two probabilities."""

    @abstractmethod
    def difference(self, full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """The same of two values that are no probabilities, of which no share means anything; in their unit."""

    def masks(self, case: Case) -> Float[Tensor, "N *space"] | Bool[Tensor, "N *space"]:
        """All of the photograph, and what the map shows of it."""
        views = soft_views(case, min_max(case.saliency), self.levels)
        return torch.cat([torch.ones_like(views[:1]), views])

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]) -> float:
        """See :class:`SoftlyShown`."""
        del masks
        if bool(case.saliency.max() == case.saliency.min()):
            return float("nan")
        scores = Scores.of(case.classifier, logits, [case.target], "probability")
        full, shown = scores.values[:1, 0], scores.values[1:, 0].mean(0, keepdim=True)
        compare = self.compare if case.classifier.outputs.unit is None else self.difference
        return float(compare(full, torch.where((shown - full).abs() <= scores.errors.max(), full, shown)))


@dataclass(frozen=True)
class AverageDrop(SoftlyShown):
    """Share of the class's probability that is lost when only what the map marks is shown; lower is better.

    Example:
        >>> from unseen.metrics.drop import AverageDrop
        >>> AverageDrop()(case)
        0.0
    """

    def compare(self, full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """See :func:`average_drop`."""
        return average_drop(full, shown)

    def difference(self, full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Full − shown, where it is positive."""
        return (full - shown).clamp(min=0)


@dataclass(frozen=True)
class IncreaseInConfidence(SoftlyShown):
    """Whether the class is more probable when only what the map marks is shown, 0 or 1; higher is better.

    Example:
        >>> from unseen.metrics.drop import IncreaseInConfidence
        >>> IncreaseInConfidence()(case) in (0, 1)
        True
    """

    def compare(self, full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """See :func:`increase_in_confidence`."""
        return increase_in_confidence(full, shown)

    def difference(self, full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """The same."""
        return self.compare(full, shown)


@dataclass(frozen=True)
class AverageGain(SoftlyShown):
    """Share of the doubt about the class that goes when only what the map marks is shown; higher is better.

    Example:
        >>> from unseen.metrics.drop import AverageGain
        >>> 0 <= AverageGain()(case) <= 1
        True
    """

    def compare(self, full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """See :func:`average_gain`."""
        return average_gain(full, shown)

    def difference(self, full: Float[Tensor, " N"], shown: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Shown − full, where it is positive."""
        return (shown - full).clamp(min=0)
