"""Constant fills: a hidden pixel is painted with one colour.

``zero``, ``min``, ``max`` and ``mean`` are those of seed 001 (Chanchal, Kelly & Chockler, section 5): one number
in the network's *normalised* input, the same for all channels. The others are colours in pixel space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ParameterError
from unseen.removal.masked import MaskedForward, Removal

Colour = Literal["zero", "min", "max", "mean", "black", "white", "grey", "channel-mean"]


@dataclass(frozen=True)
class ConstantFill(Removal):
    """Paint hidden pixels with one colour; soft masks blend linearly.

    Args:
        colour: ``zero`` is 0 after normalisation (the training data's mean colour); ``min``, ``max``, ``mean`` are
            that statistic of the photograph's normalised input over all pixels and channels; ``black``, ``white``,
            ``grey`` (0.5) are pixel colours; ``channel-mean`` is the photograph's mean colour.

    Example:
        >>> from unseen import Classifier, Preprocessing
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
        >>> classifier = Classifier(model, Preprocessing(size=(2, 2), resize=None))
        >>> masked = ConstantFill("grey").bind(classifier, torch.rand(3, 2, 2))
        >>> masked(torch.tensor([[[True, False], [True, True]]])).shape
        torch.Size([1, 2])
    """

    colour: Colour
    soft = True

    @property
    def name(self) -> str:
        """The colour."""
        return self.colour

    def forward(self, classifier: Classifier, image: Float[Tensor, "3 H W"]) -> MaskedForward:
        """See :meth:`Removal.forward`; applicable to every model."""
        fill = fill_colour(self.colour, classifier, image).to(classifier.device, image.dtype)

        def masked(pixels: Tensor, masks: Tensor) -> Tensor:
            return classifier.forward(torch.lerp(fill.expand_as(pixels), pixels, masks[:, None].to(pixels.dtype)))

        return masked


def fill_colour(colour: Colour, classifier: Classifier, image: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 1 1"]:
    """The colour in pixel units, shape (3, 1, 1); the normalised statistics may lie outside [0, 1]."""
    constants = {"black": 0.0, "grey": 0.5, "white": 1.0}
    if colour in constants:
        return torch.full((3, 1, 1), constants[colour])
    if colour == "channel-mean":
        return image.mean(dim=(1, 2), keepdim=True)
    statistics = [classifier.preprocessing.mean, classifier.preprocessing.std]
    mean, std = torch.tensor(statistics, device=image.device).reshape(2, 3, 1, 1).unbind()
    normalised = (image - mean) / std
    statistic = {
        "zero": torch.zeros((), device=image.device),
        "min": normalised.min(),
        "max": normalised.max(),
        "mean": normalised.mean(),
    }[colour]
    return statistic * std + mean


def check_colour(colour: str) -> None:
    """Refuse a colour that there is not.

    Raises:
        ParameterError: none of :data:`Colour`.
    """
    if colour not in get_args(Colour):
        raise ParameterError(f"colour {colour!r} must be one of {', '.join(get_args(Colour))}")
