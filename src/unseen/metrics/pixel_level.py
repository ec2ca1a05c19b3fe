"""The pixel-level form of a metric that Vasu & Long 2020 reports, for reproduction only.

Source: Vasu & Long, *Iterative and Adaptive Sampling with Spatial Attention for Black-Box Model Explanations* (IASSA),
WACV 2020, section 4.1 and Table 1. Its image level is the metric as it is, averaged over photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, cast

from jaxtyping import Bool, Float
from torch import Tensor

from unseen.errors import ParameterError
from unseen.metrics.case import Case, MaskMetric, Metric
from unseen.metrics.catalogue import METRICS
from unseen.metrics.entry import MetricEntry
from unseen.system.options import Meaning, Share


@dataclass(frozen=True)
class PixelLevel(MaskMetric):
    """A metric's value divided by the number of activated pixels, those above a share of the map's maximum.

    Never rank by it: a map that marks everything divides by the most, so that under deletion, where lower is better,
    the largest map wins, and under everything else a map of one pixel. NaN where the map has no positive value, so that
    no pixel is activated.

    Raises:
        UnknownNameError: there is no such metric.
        ParameterError: one that does not judge maps or whose values are classes, or a threshold outside its range.

    Example:
        >>> from unseen.metrics.pixel_level import PixelLevel
        >>> PixelLevel("localisation-energy")(case) * 64  # the map marks 64 pixels
        1.0
    """

    of: Annotated[str, Meaning("another metric that judges a map, with its default options")] = "deletion"
    threshold: Annotated[
        float, Share("where the part begins, as a share of the map's maximum; the paper's is 0.3", ends="()")
    ] = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        entry = cast(MetricEntry, METRICS[self.of])
        if entry.judges != "map" or entry.over or entry.names(PixelLevel):
            raise ParameterError(
                f"{self.of!r} has no pixel-level form; of must name another metric that gives every map a number"
            )

    @cached_property
    def metric(self) -> Metric:
        """The metric whose value is divided."""
        return cast(Metric, METRICS.create(self.of))

    def masks(self, case: Case) -> Float[Tensor, "N *space"] | Bool[Tensor, "N *space"]:
        """Those of the metric; none if it does not ask by masks alone."""
        if isinstance(self.metric, MaskMetric):
            return self.metric.masks(case)
        return case.saliency.new_zeros(0, *case.masked.shape)

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]) -> float:
        """See :class:`PixelLevel`."""
        pixels = int(activated(case.saliency, self.threshold).sum())
        of_image = self.metric.value(case, masks, logits) if isinstance(self.metric, MaskMetric) else self.metric(case)
        return of_image / pixels if pixels else float("nan")


def activated(saliency: Float[Tensor, "*space"], threshold: float = 0.3) -> Bool[Tensor, "*space"]:
    """Pixels above that share of the map's maximum (equation 8); none where the maximum is not positive."""
    top = saliency.max()
    return (saliency > threshold * top) & (top > 0)
