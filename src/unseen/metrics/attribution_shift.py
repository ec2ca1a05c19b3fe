"""Attribution shift: how far hiding one part moves the attributions of the part that stays visible.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, section 6.5 and Figures 12
and 13: where hidden values share a non-linearity with visible ones, the latter's attributions change, so that a fall of
the score cannot be put down to the hidden part alone. It gives no formula; this one is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unseen.errors import NotApplicableError
from unseen.metrics.case import Case
from unseen.metrics.faithfulness import patches
from unseen.metrics.partial import partial_map
from unseen.metrics.similarity import correlation
from unseen.system.options import Count, Meaning, Options, Share

_FEWEST = 3
"""Squares of which a correlation says anything."""


def attribution_shift(before: Float[Tensor, " V"], after: Float[Tensor, " V"]) -> float:
    """1 − ρ, ρ Pearson's correlation of the attributions of what stays visible; in [0, 2].

    The scale is let go, because a score that falls takes all of a map with it; and the level, because many methods give
    none: RISE and LIME say which parts matter more, not what matters nothing. A distance that keeps the level is small
    for any two maps without negative values, also random ones.

    Args:
        before: of the full photograph.
        after: with the rest hidden.

    Returns:
        0 where one is an increasing linear function of the other; 1 where they have nothing in common, or nothing is
        left of the form; 2 where the order is reversed; NaN where there was no form from the beginning.
    """
    if correlation(before, before).isnan():
        return float("nan")
    found = float(correlation(before, after))
    return 1.0 if found != found else 1 - found


def means_over(squares: Int[Tensor, "*space"], saliency: Float[Tensor, "*space"]) -> Float[Tensor, " V"]:
    """The mean of a map over each numbered square, float64.

    Args:
        squares: see :func:`~unseen.metrics.faithfulness.patches`.
        saliency: the map.
    """
    numbers = squares.flatten()
    return numbers.bincount(saliency.double().cpu().flatten()) / numbers.bincount()


@dataclass(frozen=True)
class AttributionShift(Options):
    """How far hiding the rest moves the map of what stays visible (:func:`attribution_shift`).

    The photograph is divided into squares, and the mean saliency of those that stay visible is compared: parts have
    attributions that can be compared, while single pixels of a gradient are mostly noise.

    Raises:
        ParameterError: a value outside its range.
        NotApplicableError: (when called) fewer than three squares stay, or nobody can be asked for maps of what is seen
            in part (see :func:`~unseen.metrics.partial.partial_map`).

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.attribution_shift import AttributionShift
        >>> shift = AttributionShift(side=8)
        >>> shift(replace(case, explainer=lambda classifier, image, target: image[target])) < 0.01
        True
    """

    visible: Annotated[
        Literal["top", "random"],
        Meaning("what stays: the top of the map, as in the thesis' Figure 13, or random squares"),
    ] = "top"
    keep: Annotated[float, Share("how many of the squares stay", ends="()")] = 0.25
    side: Annotated[int, Count("the side of a square, in pixels")] = 16

    def __call__(self, case: Case) -> float:
        """The value; NaN for a map that is the same on all that stays visible."""
        squares = patches(case.masked.shape, self.side)
        before = means_over(squares, case.saliency)
        order = torch.randperm(len(before), generator=case.generator())
        if self.visible == "top":
            order = order[before[order].argsort(descending=True, stable=True)]
        shown = order[: round(self.keep * len(before))]
        if len(shown) < _FEWEST:
            raise NotApplicableError(
                f"{len(shown)} of {len(before)} squares would stay visible, and fewer than {_FEWEST} cannot be "
                "compared; give a smaller side"
            )
        after = means_over(squares, partial_map(case, torch.isin(squares, shown)))
        return attribution_shift(before[shown], after[shown])
