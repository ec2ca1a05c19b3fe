"""Max distance: a hidden value goes to the end of [0, 1] that is farther from it.

Source: Sturmfels, Lundberg & Lee, *Visualizing the Impact of Feature Attribution Baselines*, Distill 2020, for the
single image; Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, section 6.2,
lists it and "averaging through different points".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.inputs.streams import Seed, stream_of
from unseen.removal.fills.averaging import Averaging
from unseen.removal.fills.constant import blended
from unseen.removal.fills.painting import Painting, distinct
from unseen.system.options import Count
from unseen.system.spelling import spec


@dataclass(frozen=True)
class MaxDistance(Painting):
    """Every hidden value becomes 0 or 1, whichever is farther; soft masks blend linearly.

    No value comes near what it was, so that no feature is favoured for its brightness. The shapes stay, in negative.

    Example:
        >>> from unseen.removal.fills.distance import MaxDistance
        >>> MaxDistance().bind(classifier, photo).painted(~square[None])[0, :, 12, 12]  # red becomes cyan
        tensor([0., 1., 1.])
    """

    soft = True

    @property
    def name(self) -> str:
        """``max-distance``."""
        return "max-distance"

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        del classifier
        return blended(farthest(distinct(pixels)), pixels, masks)


@dataclass(frozen=True)
class AveragedMaxDistance(Averaging):
    """The mean score over several random images that are far from the photograph in every value.

    The thesis names no source and gives no formula for the average. This is our reading: only one image is at the very
    maximum, and points on the way to it keep the photograph's shapes, so every hidden value is drawn evenly from all
    that are at least half the range away from it (on the side of the farther end, for there are no others).
    Scores are averaged, not pictures.

    Raises:
        ParameterError: a count below 1, or a seed outside 0 … 2⁶³ − 1.

    Example:
        >>> from unseen.removal.fills.distance import AveragedMaxDistance
        >>> AveragedMaxDistance(count=4).bind(classifier, photo)(~square[None]).shape
        torch.Size([1, 3])
    """

    count: Annotated[int, Count("how many images the score is averaged over")] = 8
    seed: Seed = 0

    @property
    def name(self) -> str:
        """``averaged-max-distance``, and what differs from the default."""
        return spec("averaged-max-distance", self, bare=True)

    def fills(self, classifier: Classifier, image: Float[Tensor, "C *space"]) -> Float[Tensor, "D C *space"]:
        """See :meth:`Averaging.fills`."""
        del classifier
        draws = torch.rand(self.count, *image.shape, generator=stream_of(image, self.seed), dtype=torch.float32)
        return far(image, draws.to(image))


def farthest(pixels: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """1 where a value is below 1/2, else 0."""
    return (pixels < 0.5).to(pixels.dtype)


def far(image: Float[Tensor, "C *space"], draws: Float[Tensor, "D C *space"]) -> Float[Tensor, "D C *space"]:
    """Values at least half the range away from the image's: of [x + 1/2, 1] or [0, x − 1/2] the share that is drawn."""
    return farthest(image) * (image + 0.5) + draws * (image - 0.5).abs()
