"""Blur: a hidden pixel shows the photograph out of focus.

It is what insertion begins from in Petsiuk et al., *RISE*, BMVC 2018, and what deletion ends at in Fong & Vedaldi,
*Interpretable Explanations of Black Boxes by Meaningful Perturbation*, ICCV 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import ParameterError
from unseen.registry import compact
from unseen.removal.fills.constant import blended
from unseen.removal.fills.painting import Painting, distinct


@dataclass(frozen=True)
class Blur(Painting):
    """Hidden pixels are those of the photograph smoothed by a Gaussian; soft masks blend linearly.

    What is hidden is not gone: colours and coarse shapes stay, and so may the class. Look at the score with everything
    hidden before you compare areas under a blur with those under a colour.

    Args:
        width: standard deviation of the Gaussian in pixels of the network's input, > 0. Weights end at three of them,
            and at the borders only what exists is averaged, so that an even photograph stays as it is.

    Raises:
        ParameterError: a width that is not positive and finite.
    """

    width: float = 20.0
    soft = True

    def __post_init__(self) -> None:
        check_width(self.width)

    @property
    def name(self) -> str:
        """``blur:`` and the width."""
        return f"blur:{compact(float(self.width))}"

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N 3 H W"], masks: Float[Tensor, "N H W"]
    ) -> Float[Tensor, "N 3 H W"]:
        """See :meth:`Painting.painted`."""
        del classifier
        down, across = (smoothing(side, self.width).to(pixels) for side in pixels.shape[2:])
        return blended(down @ distinct(pixels) @ across.T, pixels, masks)


def check_width(width: float) -> None:
    """Refuse what is no standard deviation.

    Raises:
        ParameterError: not positive and finite.
    """
    if not (width > 0 and isfinite(width)):
        raise ParameterError(f"width {width} must be positive; it is a standard deviation in pixels")


@lru_cache(maxsize=32)
def smoothing(length: int, width: float) -> Float[Tensor, "L L"]:
    """The Gaussian along one axis as a matrix, float64: each row holds the weights of one output, which sum to 1.

    Args:
        length: of the axis, in pixels.
        width: standard deviation in pixels, > 0; weights beyond three of them, rounded up, are left out.
    """
    position = torch.arange(length, dtype=torch.float64)
    distance = (position[:, None] - position).abs()
    weights = torch.where(distance <= ceil(3 * width), torch.exp(-0.5 * (distance / width) ** 2), 0.0)
    return weights / weights.sum(1, keepdim=True)
