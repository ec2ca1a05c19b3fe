"""Maps of dots and thin lines, as gradients and relevance propagation make them, drawn so that a person sees them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unseen.explanation.plotting import pixels

_DOT = 0.25
"""A pixel is a dot where its value is above this share of the range of the colours."""
_FEW, _APART = 0.15, 2.0
"""A map is sparse where its dots are a smaller share of its pixels, and so far apart that a border of one pixel makes
them so many times larger. On the espresso LRP-γ has 8 % and 2.4 times; RISE and Grad-CAM 48 % or more and 1.04."""
_WIDE = 1 / 75
"""Width of a dot that is drawn larger, as a share of the longer side; seen at print size."""


def widened(saliency: Float[Tensor, "H W"]) -> tuple[Float[Tensor, "H W"], int]:
    """The map as it is to be drawn, and the width of its dots in pixels: 1 where it is drawn as it is.

    Each pixel of a sparse map gets the value nearby that is farthest from 0. For display only: no ranking, metric or
    record sees it.

    Example:
        >>> from unseen.explanation.plotting.sparse import widened
        >>> dots = torch.zeros(90, 90)
        >>> dots[::30, ::30] = -1.0
        >>> drawn, width = widened(dots)
        >>> width, int((drawn == -1).sum() / (dots == -1).sum())
        (3, 7)
    """
    from scipy.ndimage import binary_dilation, maximum_filter, minimum_filter

    values = saliency.detach().numpy()
    dots = np.abs(values) > _DOT * pixels.limits(saliency)[1]
    if not dots.any() or dots.mean() > _FEW or binary_dilation(dots).sum() < _APART * dots.sum():
        return saliency, 1
    width = 2 * max(1, round(_WIDE * max(values.shape) / 2)) + 1
    above, below = maximum_filter(values, width, mode="nearest"), minimum_filter(values, width, mode="nearest")
    return torch.from_numpy(np.where(above >= -below, above, below)), width
