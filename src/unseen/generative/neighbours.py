"""The plainest inpainting: a hidden pixel is the Gaussian mean of what is visible around it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.removal.blur import smoothing


def normalised_convolution(
    pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"], width: float
) -> Float[Tensor, "N 3 H W"]:
    """The mean of visible pixels under a Gaussian (Knutsson & Westin, 1993); what is hidden has no influence.

    Args:
        pixels: photographs in [0, 1].
        masks: 1 visible, 0 hidden.
        width: standard deviation in pixels. Further than three of them from all that is visible, a pixel has the mean
            colour of what is visible, and mid-grey where nothing is.
    """
    shown = masks[:, None].to(pixels.dtype)
    visible = torch.where(shown > 0, pixels, 0)
    down, across = (smoothing(side, width).to(pixels) for side in pixels.shape[2:])
    weight = down @ shown @ across.T
    near = weight > 1e-6
    local = (down @ visible @ across.T) / torch.where(near, weight, 1)
    return torch.where(near, local, mean_colour(pixels, masks))


def mean_colour(pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"]) -> Float[Tensor, "N 3 1 1"]:
    """The mean colour of what is visible; mid-grey where nothing is."""
    shown = masks[:, None].to(pixels.dtype)
    count = shown.sum((2, 3), keepdim=True)
    total = torch.where(shown > 0, pixels, 0).sum((2, 3), keepdim=True)
    return torch.where(count > 0, total / count.clamp(min=1), 0.5)
