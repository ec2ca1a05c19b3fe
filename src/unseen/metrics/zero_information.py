"""Does hiding leave the visible part as it was? Metrics that judge a removal with the help of a map.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, section 11.3. Eq. 62 prints a
squared norm; the text and the figures are of a *mean* of squared differences of maps divided by their maximum. Eq. 63
is an agreement with the network's own answer to the full photograph, not an accuracy. Of what stays visible Eq. 61
says that its relevance is at least the mean, the caption of Figure 26 that it is a percentage of the photograph; the
latter hides as much on every photograph, and is the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.explanation.ranking import rank
from unseen.metrics.case import Case, MaskMetric
from unseen.metrics.partial import partial_map
from unseen.system.options import Meaning, Options, Share

Keep = Annotated[
    float, Share("how much of the photograph stays visible under visible=top; nothing else asks for it", ends="()")
]


def attmask(before: Float[Tensor, "*space"], after: Float[Tensor, "*space"], visible: Tensor) -> float:
    """Mean squared difference of M ⊙ R(x) and R(x_rec), each divided by its largest magnitude (Eq. 62).

    Args:
        before: R(x), the map of the full photograph.
        after: R(x_rec), the map of the photograph with the rest hidden.
        visible: M, bool or in [0, 1], shape ``space``.

    Returns:
        In [0, 1] for maps without negative values, else at most 4; a map of zeros stays one.
    """
    shown, found = (_of_unit_height(saliency.double().cpu()) for saliency in (before * visible.to(before), after))
    return float((shown - found).square().mean())


Visible = Annotated[
    Literal["top", "mean"],
    Meaning("what stays: the top of the map, or where the map is at least its mean (Eq. 61)"),
]


def top_share(case: Case, keep: float) -> Bool[Tensor, "*space"]:
    """The pixels of the highest saliency, this share of all and at least one; ties fall by the case's seed."""
    ranking = rank(case.saliency.cpu(), seed=case.seed)
    return ranking.prefix(max(1, round(keep * len(ranking.order))))


def visible_part(case: Case, visible: Visible, keep: float) -> Bool[Tensor, "*space"]:
    """What stays visible: :func:`top_share`, or the pixels whose saliency is at least the map's mean (Eq. 61)."""
    if visible == "top":
        return top_share(case, keep)
    return (case.saliency >= case.saliency.double().mean()).cpu()


@dataclass(frozen=True)
class AttMask(Options):
    """How far the map changes on what stays visible, and is not zero on what is hidden (:func:`attmask`).

    Raises:
        ParameterError: a value outside its range.
        NotApplicableError: (when called) nobody can be asked for maps of what is seen in part (see
            :func:`~unseen.metrics.partial.partial_map`), or no object is annotated where one is needed.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.zero_information import AttMask
        >>> AttMask(keep=0.25)(replace(case, explainer=lambda classifier, image, target: image[target])) < 0.01
        True
    """

    visible: Annotated[
        Literal["top", "mean", "object"],
        Meaning(
            "what stays: the top of the map, where the map is at least its mean (Eq. 61), or the object that a person "
            "drew"
        ),
    ] = "top"
    keep: Keep = 0.25

    def __call__(self, case: Case) -> float:
        """The value; always defined."""
        if self.visible == "object":
            visible: Tensor = case.annotated().cpu()
        else:
            visible = visible_part(case, self.visible, self.keep)
        return attmask(case.saliency, partial_map(case, visible), visible)


@dataclass(frozen=True)
class AccuracyPreservation(MaskMetric):
    """Whether the network names the same class when only the top of the map is visible (Eq. 63).

    The class is the network's own for the full photograph, whichever one the map explains. The value is 1 or 0; the
    paper's is its mean over photographs.

    Raises:
        ParameterError: a share outside its range.

    Example:
        >>> from unseen.metrics.zero_information import AccuracyPreservation
        >>> AccuracyPreservation(keep=0.1)(case)
        1.0
    """

    keep: Keep = 0.25
    visible: Visible = "top"

    def masks(self, case: Case) -> Bool[Tensor, "2 *space"]:
        """The full photograph and its visible part."""
        return torch.stack(
            [torch.ones(case.masked.shape, dtype=torch.bool), visible_part(case, self.visible, self.keep)]
        )

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "2 K"]) -> float:
        """1 where the most probable class is the same."""
        del masks
        outputs = case.classifier.outputs
        return float(outputs.holds(logits[1:], outputs.top(logits[0])))


def _of_unit_height(saliency: Tensor) -> Tensor:
    return saliency / (saliency.abs().max() or 1.0)
