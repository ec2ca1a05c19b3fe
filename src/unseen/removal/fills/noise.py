"""Noise: a hidden pixel is replaced by random numbers, or they are added to it.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, section 6.2. The same section
tells that networks see classes in noise, and strongly; a fill of noise is one more bias to compare with, not the
absence of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.inputs.streams import Seed, stream_of
from unseen.removal.fills.constant import blended, space_of
from unseen.removal.fills.painting import Painting, distinct
from unseen.system.options import Meaning, Positive
from unseen.system.spelling import spec


@dataclass(frozen=True)
class Noise(Painting):
    """Hidden pixels are noise, each channel on its own; soft masks blend linearly.

    The noise belongs to the photograph and the seed: it is the same under every mask.

    It is ``uniform`` in [0, 1], or ``normal`` around the photograph's mean colour with its standard deviation in each
    channel, clipped to [0, 1].

    Raises:
        ParameterError: another kind, or a seed outside 0 … 2⁶³ − 1.

    Example:
        >>> from unseen.removal.fills.noise import Noise
        >>> Noise("normal", seed=1).bind(classifier, photo)(square[None]).shape
        torch.Size([1, 3])
    """

    kind: Annotated[Literal["uniform", "normal"], Meaning("how the noise is distributed")] = "uniform"
    seed: Seed = 0
    soft = True

    @property
    def name(self) -> str:
        """``noise``, and what differs from the default."""
        return spec("noise", self, bare=True)

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        del classifier
        photos = distinct(pixels)
        if self.kind == "uniform":
            return blended(uniform_of(photos, self.seed), pixels, masks)
        mean, std = (of(photos, dim=space_of(photos), keepdim=True) for of in (torch.mean, torch.std))
        return blended((mean + std * normal_of(photos, self.seed)).clamp(0, 1), pixels, masks)


@dataclass(frozen=True)
class AddedNoise(Painting):
    """Normal noise is added to hidden pixels, which are then clipped to [0, 1]; soft masks blend linearly.

    What is hidden shines through: at the default the shapes are still seen. The noise belongs to the photograph and the
    seed.

    Raises:
        ParameterError: a deviation that is not positive and finite, or a seed outside 0 … 2⁶³ − 1.

    Example:
        >>> from unseen.removal.fills.noise import AddedNoise
        >>> AddedNoise(deviation=0.1).bind(classifier, photo)(~square[None]).argmax(1)
        tensor([0])
    """

    deviation: Annotated[float, Positive("the standard deviation of the noise, in units of pixels in [0, 1]")] = 0.3
    seed: Seed = 0
    soft = True

    @property
    def name(self) -> str:
        """``add-noise``, and what differs from the default."""
        return spec("add-noise", self, bare=True)

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        del classifier
        photos = distinct(pixels)
        return blended((photos + self.deviation * normal_of(photos, self.seed)).clamp(0, 1), pixels, masks)


def uniform_of(photos: Float[Tensor, "N C *space"], seed: int) -> Float[Tensor, "N C *space"]:
    """Numbers in [0, 1) that follow from each photograph and the seed alone."""
    return torch.stack(
        [torch.rand(p.shape, generator=stream_of(p.detach(), seed), dtype=torch.float32) for p in photos]
    ).to(photos)


def normal_of(photos: Float[Tensor, "N C *space"], seed: int) -> Float[Tensor, "N C *space"]:
    """Standard normal numbers that follow from each photograph and the seed alone."""
    return torch.stack(
        [torch.randn(p.shape, generator=stream_of(p.detach(), seed), dtype=torch.float32) for p in photos]
    ).to(photos)
