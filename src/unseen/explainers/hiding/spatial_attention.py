"""Spatial attention without parameters: which places of a photograph look alike to the classifier's own features.

Source: Vasu & Long, *Iterative and Adaptive Sampling with Spatial Attention for Black-Box Model Explanations*, WACV
2020, section 3.2, equations 9 and 10, after Wang et al., arXiv:1811.12150. The printed softmax over raw dot products is
the identity, because a position's product with itself exceeds all others by far; here the products are cosines, and the
softmax has a temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate, normalize

from unseen.classifier import Classifier
from unseen.removal.deactivation.levels import feature_levels
from unseen.system.options import Positive, Share, check

Perplexity = Annotated[float, Share("the part of the photograph's positions that a position attends to", ends="()")]
Temperature = Annotated[
    float, Positive("of the softmax; the smaller, the more each position attends to its likes alone")
]

_GRID = 56
_ROWS = 512  # of the affinity at a time


@dataclass(frozen=True, eq=False)
class Attention:
    """A row-stochastic matrix between the positions of a grid on the photograph; calling it smooths a map.

    Attributes:
        weights: each row is what one position attends to, not negative, summing to 1, shape (P, P), float32.
        grid: (h, w) with h · w = P.
        levels: (C, h, w) of the feature maps that it was made of, finest first.
        temperature: of the softmax.
    """

    weights: Float[Tensor, "P P"]
    grid: tuple[int, int]
    levels: tuple[tuple[int, int, int], ...]
    temperature: float

    def __call__(self, saliency: Float[Tensor, "H W"]) -> Float[Tensor, "H W"]:
        """A × S: each position gets the mean of the map over the positions that look like it (equation 6).

        Args:
            saliency: any map of the photograph.

        Returns:
            Of the same shape, between the smallest and the largest value of ``saliency``.
        """
        coarse = adaptive_avg_pool2d(saliency[None, None].float(), self.grid).flatten()
        shifted = (self.weights @ coarse).reshape(1, 1, *self.grid)
        return interpolate(shifted, saliency.shape, mode="bilinear", align_corners=False)[0, 0].to(saliency.dtype)

    @property
    def perplexity(self) -> float:
        """Positions that a row attends to, as the exponential of its entropy; the mean over rows, as a share of P."""
        return _perplexity(self.weights.log()) / len(self.weights)


def attention(
    classifier: Classifier,
    image: Float[Tensor, "C H W"],
    *,
    temperature: float = 0.1,
    perplexity: float | None = None,
) -> Attention:
    """The attention of one photograph, from one pass through the classifier.

    Feature maps of several resolutions or depths (:func:`~unseen.removal.deactivation.levels.feature_levels`) are
    brought to one grid of at most 56 × 56, and both they and their concatenation Φ (equation 9) are L2-normalised in
    every position. The attention is the row-wise softmax of ΦΦᵀ / temperature
    (equation 10).

    Args:
        classifier: any network whose positions can be followed; it need not be the one that is explained.
        image: at the network's resolution, in [0, 1].
        temperature: of the softmax, positive; the smaller, the more each position attends to its likes alone.
        perplexity: choose the temperature so that rows attend to this share of the positions, in (0, 1).

    Raises:
        NotApplicableError: positions cannot be followed through the network.
        ParameterError: a temperature or perplexity outside its range.
    """
    check("temperature", temperature, Temperature)
    check("perplexity", perplexity, Perplexity | None)
    levels = feature_levels(classifier, image)
    side = max(max(level.shape[1:]) for level in levels)
    grid = levels[0].shape[1:] if side <= _GRID else [max(1, round(n * _GRID / side)) for n in levels[0].shape[1:]]
    height, width = (int(n) for n in grid)
    features = normalize(torch.cat([_on_grid(level, (height, width)) for level in levels], dim=1), dim=1)
    if perplexity is not None:
        temperature = _temperature(features, perplexity)
    weights = torch.empty(len(features), len(features), dtype=torch.float32)
    for start in range(0, len(features), _ROWS):
        rows = features[start : start + _ROWS] @ features.T
        weights[start : start + _ROWS] = (rows / temperature).softmax(1)
    return Attention(weights, (height, width), tuple((*level.shape,) for level in levels), temperature)


def _on_grid(level: Float[Tensor, "C h w"], grid: tuple[int, int]) -> Float[Tensor, "P C"]:
    larger = level.shape[1] > grid[0] or level.shape[2] > grid[1]
    resized = adaptive_avg_pool2d(level[None], grid) if larger else interpolate(level[None], grid, mode="bilinear")
    return normalize(resized[0].flatten(1).T, dim=1)


def _temperature(features: Float[Tensor, "P C"], perplexity: float) -> float:
    """By bisection on some of the rows; perplexity grows with temperature."""
    some = features[:: max(1, len(features) // _ROWS)] @ features.T
    low, high = 1e-4, 1e2
    for _ in range(30):
        middle = (low * high) ** 0.5
        small = _perplexity((some / middle).log_softmax(1)) < perplexity * len(features)
        low, high = (middle, high) if small else (low, middle)
    return float((low * high) ** 0.5)


def _perplexity(logs: Float[Tensor, "N P"]) -> float:
    """The mean of exp(entropy) over rows of log probabilities."""
    entropy = -(logs.exp() * logs.clamp(min=-1e4)).sum(1)
    return float(entropy.exp().mean())
