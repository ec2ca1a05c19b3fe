"""Does the map point where people see the object? Nothing is asked of the model.

Sources: Zhang et al., *Top-down Neural Attention by Excitation Backprop*, IJCV 2018 (pointing game); Wang et al.,
*Score-CAM*, CVPR workshops 2020 (energy-based pointing game); Arras, Osman & Samek, *CLEVR-XAI*, Information Fusion
2022 (relevance rank accuracy); Vasu & Long, *Iterative and Adaptive Sampling with Spatial Attention*, WACV 2020 (IoU
and F1, Eq. 8). They measure agreement with people, not with the model: it may rightly look elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.metrics.case import Case
from unseen.metrics.pixel_level import activated
from unseen.system.options import Count, Number, Options, Share


def pointing_game(
    saliency: Float[Tensor, "*space"], annotation: Bool[Tensor, "*space"], tolerance: float = 15
) -> float:
    """Whether the map's maximum lies on the object, or at most ``tolerance`` pixels (Euclidean) from it.

    Args:
        saliency: larger means more responsible.
        annotation: the object's pixels, at least one.
        tolerance: in pixels.

    Returns:
        1 or 0; of several equal maxima the share that hits, so that a constant map scores what chance does.
    """
    from scipy.ndimage import distance_transform_edt

    distance = torch.from_numpy(distance_transform_edt((~annotation).cpu().numpy()))
    hits = distance[(saliency == saliency.max()).cpu()] <= tolerance
    return float(hits.double().mean())


def localisation_energy(saliency: Float[Tensor, "*space"], annotation: Bool[Tensor, "*space"]) -> float:
    """The share of the positive saliency that lies on the object; NaN where nothing is positive."""
    positive = saliency.double().clamp(min=0)
    return float(positive[annotation.to(positive.device)].sum() / positive.sum())


def rank_accuracy(
    saliency: Float[Tensor, "*space"], annotation: Bool[Tensor, "*space"], pixels: int | None = None
) -> float:
    """The share of the highest pixels that lies on the object.

    Args:
        saliency: larger means more responsible.
        annotation: the object's pixels, at least one.
        pixels: how many are the highest; ``None`` takes as many as the object has.

    Returns:
        In [0, 1]; where equal values are cut, what random order among them gives on average.
    """
    inside = annotation.flatten().to(saliency.device)
    values = saliency.flatten()
    count = min(int(inside.sum()) if pixels is None else pixels, len(values))
    last = values.sort(descending=True).values[count - 1]
    above, level = values > last, values == last
    room = (count - int(above.sum())) / int(level.sum())
    return (int((above & inside).sum()) + room * int((level & inside).sum())) / count


def intersection_over_union(
    saliency: Float[Tensor, "*space"], annotation: Bool[Tensor, "*space"], threshold: float | None = 0.3
) -> float:
    """The object's overlap with the part P of the map above ``threshold`` times its maximum, over their union.

    Args:
        saliency: larger means more responsible.
        annotation: the object's pixels, at least one.
        threshold: share of the maximum, in [0, 1); ``None`` takes the best of all values of the map as a threshold,
            negative ones, too.

    Returns:
        In [0, 1]; 0 where a share of the maximum is asked for and that is not positive, for then P is empty.
    """
    hits, shown = _overlap(saliency, annotation, threshold)
    return float((hits / (shown + int(annotation.sum()) - hits)).max())


def f1_score(
    saliency: Float[Tensor, "*space"], annotation: Bool[Tensor, "*space"], threshold: float | None = 0.3
) -> float:
    """2·precision·recall / (precision + recall) of the object's pixels, of which the map shows a part.

    It is of the object's class alone, not averaged with the background's, and equals 2·IoU / (1 + IoU).

    Args:
        saliency: larger means more responsible.
        annotation: the object's pixels, at least one.
        threshold: as in :func:`intersection_over_union`.
    """
    hits, shown = _overlap(saliency, annotation, threshold)
    return float((2 * hits / (shown + int(annotation.sum()))).max())


def _overlap(saliency: Tensor, annotation: Tensor, threshold: float | None) -> tuple[Tensor, Tensor]:
    """Pixels of the part on the object, and of the part, float64, for every threshold that is to be looked at."""
    values, inside = saliency.flatten(), annotation.flatten().to(saliency.device)
    if threshold is not None:
        shown = activated(saliency, threshold).flatten()
        return (shown & inside).sum()[None].double(), shown.sum()[None].double()
    ranked, order = values.sort(descending=True)
    hits = inside[order].double().cumsum(0)
    ends = torch.cat([ranked[1:] < ranked[:-1], ranked.new_ones(1, dtype=torch.bool)])  # equal values go together
    return hits[ends], torch.arange(1, len(values) + 1, dtype=torch.float64, device=hits.device)[ends]


@dataclass(frozen=True)
class PointingGame(Options):
    """See :func:`pointing_game`; the mean over photographs is the accuracy of Zhang et al.

    Raises:
        ParameterError: it is negative.

    Example:
        >>> from unseen.metrics.localisation import PointingGame
        >>> PointingGame(tolerance=0)(case)
        1.0
    """

    tolerance: Annotated[float, Number("by how many pixels the maximum may miss the object", 0)] = 15.0

    def __call__(self, case: Case) -> float:
        """1, 0, or the share of equal maxima that hits."""
        return pointing_game(case.saliency, case.annotated(), self.tolerance)


@dataclass(frozen=True)
class LocalisationEnergy:
    """See :func:`localisation_energy`: the energy-based pointing game, and relevance mass accuracy.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.localisation import LocalisationEnergy
        >>> LocalisationEnergy()(replace(case, saliency=torch.ones(32, 32)))  # a map that is the same everywhere
        0.0625
    """

    def __call__(self, case: Case) -> float:
        """In [0, 1]; NaN where nothing of the map is positive."""
        return localisation_energy(case.saliency, case.annotated())


@dataclass(frozen=True)
class RankAccuracy(Options):
    """See :func:`rank_accuracy`: relevance rank accuracy, and with a number of pixels top-k intersection.

    Raises:
        ParameterError: less than one.

    Example:
        >>> from unseen.metrics.localisation import RankAccuracy
        >>> RankAccuracy()(case)
        1.0
    """

    pixels: Annotated[int | None, Count("how many pixels are looked at; by default as many as the object has")] = None

    def __call__(self, case: Case) -> float:
        """In [0, 1]."""
        return rank_accuracy(case.saliency, case.annotated(), self.pixels)


@dataclass(frozen=True)
class _Thresholded(Options):
    threshold: Annotated[
        float | None,
        Share(
            "where the part begins, as a share of the map's maximum; none takes the best of all, which nobody knows "
            "without the object",
            ends="[)",
        ),
    ] = 0.3


@dataclass(frozen=True)
class IoU(_Thresholded):
    """See :func:`intersection_over_union`.

    Raises:
        ParameterError: it lies outside.

    Example:
        >>> from unseen.metrics.localisation import IoU
        >>> IoU()(case)
        1.0
    """

    def __call__(self, case: Case) -> float:
        """In [0, 1]."""
        return intersection_over_union(case.saliency, case.annotated(), self.threshold)


@dataclass(frozen=True)
class F1(_Thresholded):
    """See :func:`f1_score`.

    Raises:
        ParameterError: it lies outside.

    Example:
        >>> from unseen.metrics.localisation import F1
        >>> F1()(case)
        1.0
    """

    def __call__(self, case: Case) -> float:
        """In [0, 1]."""
        return f1_score(case.saliency, case.annotated(), self.threshold)
