"""Constant fills: a hidden pixel is painted with one colour.

``zero``, ``min``, ``max`` and ``mean`` are those of Chanchal, Kelly & Chockler (*Activation-Deactivation*, 2025,
section 5): one number in the network's *normalised* input, the same for all channels. The others are colours in pixel
space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.removal.fills.painting import Painting, distinct
from unseen.system.options import Meaning, check

Colour = Literal["zero", "min", "max", "mean", "black", "white", "grey", "channel-mean"]


@dataclass(frozen=True)
class ConstantFill(Painting):
    """Paint hidden pixels with one colour; soft masks blend linearly.

    ``zero`` is 0 after normalisation (the training data's mean colour); ``min``, ``max``, ``mean`` are that statistic
    of the photograph's normalised input over all pixels and channels; ``black``, ``white``, ``grey`` are the lower
    end, the upper end and the middle of the range of every channel; ``channel-mean`` is the photograph's mean colour.

    Raises:
        ParameterError: none of these colours.

    Example:
        >>> from unseen.removal.fills.constant import ConstantFill
        >>> ConstantFill("grey").bind(classifier, photo).painted(~square[None])[0, :, 12, 12]
        tensor([0.5000, 0.5000, 0.5000])
    """

    colour: Annotated[Colour, Meaning("the colour that hidden pixels get")]
    soft = True

    @property
    def name(self) -> str:
        """The colour."""
        return self.colour

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        return blended(fill_colour(self.colour, classifier, distinct(pixels)).to(pixels), pixels, masks)


def blended(
    fill: Float[Tensor, "..."], pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
) -> Float[Tensor, "N C *space"]:
    """The photographs where masks are 1, the fill where they are 0, linear in between; all-ones is bit-equal."""
    return torch.lerp(fill.expand_as(pixels), pixels, masks[:, None].to(pixels.dtype))


def space_of(pixels: Float[Tensor, "N C *space"]) -> tuple[int, ...]:
    """The dimensions along which photographs extend: all but the first two."""
    return tuple(range(2, pixels.ndim))


def fill_colour(
    colour: Colour, classifier: Classifier, pixels: Float[Tensor, "N C *space"]
) -> Float[Tensor, "_ _ *ones"]:
    """The colour in pixel units: shape (1, 1, 1, …) if it is the same for all, else one a photograph.

    The normalised statistics may lie outside [0, 1].

    Raises:
        ParameterError: none of :data:`Colour`.
    """
    check("colour", colour, Colour)
    constants = {"black": 0.0, "grey": 0.5, "white": 1.0}
    if colour in constants:
        return torch.full((1,) * pixels.ndim, constants[colour], device=pixels.device, dtype=torch.float32)
    if colour == "channel-mean":
        return pixels.mean(dim=space_of(pixels), keepdim=True)
    mean, std = classifier.statistics.to(pixels.device, torch.float32)[:, None].unbind()
    if colour == "zero":
        return mean
    normalised = ((pixels - mean) / std).flatten(1)
    statistic = {
        "min": lambda: normalised.amin(1),
        "max": lambda: normalised.amax(1),
        "mean": lambda: normalised.mean(1),
    }[colour]()
    return statistic.reshape(-1, *(1,) * (pixels.ndim - 1)) * std + mean
