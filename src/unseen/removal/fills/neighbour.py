"""Neighbours: a hidden pixel is the Gaussian-weighted mean of the visible ones around it (normalised convolution).

Source: Knutsson & Westin, *Normalized and Differential Convolution*, CVPR 1993, for a constant basis: the smoothed
product of pixels and certainties over the smoothed certainties. The mask is the certainty. One width does not do: near
an edge of the hidden part a wide mean is dull, deep inside a narrow one sees nothing. Here a width that sees too little
is filled up by the next wider one, so that there is no seam where widths change.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.inputs.smoothing import Width, smoothed
from unseen.removal.fills.constant import blended, space_of
from unseen.removal.fills.painting import Painting
from unseen.system.spelling import spec

_GROWTH = 2.0
"""From one width to the next wider."""

_ENOUGH = 0.3
"""The share of a Gaussian's weight that must be visible for its mean to stand alone."""


@dataclass(frozen=True)
class Neighbour(Painting):
    """Hidden pixels are the mean of what is visible near them; with nothing visible, the photograph's mean colour.

    Soft masks are certainties, and blend linearly.

    Raises:
        ParameterError: a width that is not positive and finite.

    Example:
        >>> from unseen.removal.fills.neighbour import Neighbour
        >>> Neighbour().bind(classifier, photo).painted(~square[None])[0, :, 12, 12]
        tensor([0.2000, 0.2000, 0.2000])
    """

    width: Width = 2.0
    soft = True

    @property
    def name(self) -> str:
        """``neighbour``, and the width if it is not the default."""
        return spec("neighbour", self, bare=True)

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        del classifier
        return blended(neighbours(pixels, masks.to(pixels.dtype), self.width), pixels, masks)


def neighbours(
    pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"], width: float
) -> Float[Tensor, "N C *space"]:
    """The mean of what is visible around every place, hidden or not; differentiable in pixels and masks.

    It begins with the mean of all that is visible. Then, from the widest Gaussian (the first that is as wide as half
    the longer side) to the narrowest, with s the share of the Gaussian's weight that is visible and
    a = min(1, s / 0.3): a times this mean, and 1 − a times what there was.

    Args:
        pixels: the photographs.
        masks: 1 = visible, 0 = hidden, in [0, 1].
        width: of the narrowest Gaussian, in pixels.
    """
    tiny = torch.finfo(pixels.dtype).tiny
    certain = masks[:, None]
    both = torch.cat([pixels * certain, certain], 1)
    filled = visible_mean(pixels, masks)
    for wide in reversed(widths(width, max(pixels.shape[2:]))):
        smooth = smoothed(both, pixels.ndim - 2, wide)
        seen = smooth[:, -1:]
        share = (seen / _ENOUGH).clamp(max=1)
        filled = share * smooth[:, :-1] / seen.clamp(min=tiny) + (1 - share) * filled
    return filled


def visible_mean(pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]) -> Float[Tensor, "N C *ones"]:
    """The mean colour of what is visible; that of the whole photograph where nothing is."""
    certain, space = masks[:, None], space_of(pixels)
    total, count = ((values * certain).sum(space, keepdim=True) for values in (pixels, torch.ones_like(certain)))
    mean = total / count.clamp(min=torch.finfo(pixels.dtype).tiny)
    return torch.where(count > 0, mean, pixels.mean(space, keepdim=True))


def widths(narrowest: float, side: int) -> list[float]:
    """Those of the Gaussians, each twice the one before, until one is at least half the side."""
    found = [narrowest]
    while found[-1] < side / 2:
        found.append(found[-1] * _GROWTH)
    return found
