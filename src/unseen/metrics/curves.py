"""Metrics along the ranking of a map: pixels are hidden, or shown, in its order, and the score is followed.

``deletion`` and ``insertion`` are those of Petsiuk, Das & Saenko, *RISE*, BMVC 2018, section 4; the correlations those
of Gomez, Fréour & Mouchère, *Metrics for saliency map evaluation of deep learning explanation methods*, ICPRAI 2022.
All four ask prefixes of one ranking or their complements, so that together they cost no more than the two areas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Score, Scores
from unseen.errors import ParameterError
from unseen.explanation.findings import area
from unseen.explanation.ranking import rank
from unseen.metrics.case import Case, MaskMetric
from unseen.metrics.similarity import correlation
from unseen.system.options import Count, Meaning

_STEPS = (
    "into how many steps of equally many pixels the ranking is divided; the score is asked before the first and after "
    "each, and more steps than pixels are one a pixel"
)


@dataclass(frozen=True)
class AlongRanking(MaskMetric):
    """What the metrics of this file share; see them.

    Raises:
        ParameterError: a parameter outside its range.
    """

    steps: Annotated[int, Count(_STEPS)] = 56
    score: Score = "probability"

    hides: ClassVar[bool]
    """Whether the pixels are hidden along the ranking, and not shown."""

    def masks(self, case: Case) -> Bool[Tensor, "N *space"]:
        """One for each of :func:`sizes`; ties of the map are broken at random by the case's seed."""
        visible = rank(case.saliency, seed=case.seed).prefixes(sizes(case.saliency.numel(), self.steps))
        return ~visible if self.hides else visible

    def scores(self, case: Case, logits: Float[Tensor, "N K"]) -> Scores:
        """The class's score after each step, T = 1."""
        return Scores.of(case.classifier, logits, [case.target], self.score)


def sizes(pixels: int, steps: int) -> list[int]:
    """Numbers of pixels after each of so many equal steps, from 0 to all of them, ascending and each once."""
    return sorted({round(pixels * step / steps) for step in range(steps + 1)})


@dataclass(frozen=True)
class Area(AlongRanking):
    """Area under the score over the share of pixels, by the trapezium rule: the curve's mean height.

    Normalised, the curve is divided by the full photograph's probability, so that photographs of which the model is
    unsure count as much as others; 1 then is "as sure as of all of it". It is not min–max scaled: the score with
    everything hidden is the removal's own, and dividing by the difference would blow up where the two are close. NaN
    where the photograph's probability is 0.
    """

    normalised: Annotated[
        bool, Meaning("whether the curve is divided by the full photograph's probability; for that score only")
    ] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.normalised and self.score != "probability":
            raise ParameterError(
                "normalised divides by the photograph's score, which a logit may bring near 0; use score=probability"
            )

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]) -> float:
        """See :class:`Area`."""
        del masks
        heights = self.scores(case, logits).values[:, 0]
        if self.normalised:
            heights = heights / heights[0 if self.hides else -1]
        pixels = case.saliency.numel()
        return area([size / pixels for size in sizes(pixels, self.steps)], heights.tolist())


@dataclass(frozen=True)
class Deletion(Area):
    """Hide pixels from the most to the least salient; the sooner the score falls, the better: *lower* is better.

    Lymperopoulos 2023, section 4.3.5, says higher for both; for deletion that is a slip.

    Example:
        >>> from unseen.metrics.curves import Deletion
        >>> Deletion(steps=16)(case) < 0.4  # without the square all three are as likely: 0.33
        True
    """

    hides = True


@dataclass(frozen=True)
class Insertion(Area):
    """Show pixels from the most to the least salient, beginning with nothing; higher is better.

    What nothing looks like is the removal's: under ``blur`` it is the photograph out of focus, as in the paper.

    Example:
        >>> from unseen.metrics.curves import Insertion
        >>> Insertion(steps=16)(case) > 0.6
        True
    """

    hides = False


@dataclass(frozen=True)
class Correlation(AlongRanking):
    """Pearson's correlation, over the steps, of the score's change with the mean saliency of the step's pixels.

    The paper takes the mean, as here; steps have equally many pixels, so that the sum would give the same. It wants
    one step a cell of a coarse map, at most 196. NaN where the map, or but for rounding the curve, is constant.
    """

    steps: Annotated[int, Count(f"{_STEPS}; two points always correlate", 3)] = 56

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]) -> float:
        """See :class:`Correlation`."""
        del masks
        scores = self.scores(case, logits)
        change = scores.values[:, 0].diff() * (~scores.still)
        ranking = rank(case.saliency, seed=case.seed)
        ordered = case.saliency.reshape(-1)[ranking.order]
        steps = means(ordered, sizes(len(ordered), self.steps))
        return float(correlation(-change if self.hides else change, steps))


def means(ordered: Float[Tensor, " P"], bounds: Sequence[int]) -> Float[Tensor, " N"]:
    """Mean of the values between each bound and the next, float64."""
    pieces = torch.split(ordered.double(), [last - first for first, last in pairwise(bounds)])
    return torch.stack([piece.mean() for piece in pieces])


@dataclass(frozen=True)
class DeletionCorrelation(Correlation):
    """DC: by how much hiding each step's pixels lowers the score, against their saliency; higher is better.

    Example:
        >>> from unseen.metrics.curves import DeletionCorrelation
        >>> DeletionCorrelation(steps=16)(case) > 0.9
        True
    """

    hides = True


@dataclass(frozen=True)
class InsertionCorrelation(Correlation):
    """IC: by how much showing each step's pixels raises the score, against their saliency; higher is better.

    Lymperopoulos 2023, section 4.3.6, calls the two DC-AC in its heading.

    Example:
        >>> from unseen.metrics.curves import InsertionCorrelation
        >>> InsertionCorrelation(steps=16)(case) > 0.9
        True
    """

    hides = False
