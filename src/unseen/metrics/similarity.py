"""How alike two maps are: Spearman's and Pearson's correlation, and structural similarity.

Source: Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018, section 3 (rank correlation of signed and
absolute maps, SSIM); Wang et al., *Image Quality Assessment: From Error Visibility to Structural Similarity*, 2004.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.errors import ParameterError

Similarity = Literal["spearman", "pearson", "ssim"]

_WINDOW = 11
_ROUNDING = 1e-9
"""Values that differ by less than this share of the largest are taken for equal."""


def similar(
    one: Float[Tensor, "N *space"], other: Float[Tensor, "N *space"], by: Similarity, *, absolute: bool = False
) -> Float[Tensor, " N"]:
    """How alike the maps of each pair are, float64, at most 1.

    Args:
        one: maps.
        other: those they are compared with.
        by: ``spearman``, ``pearson`` or ``ssim``, the function of that name.
        absolute: compare magnitudes, without regard to sign.
    """
    function = {"spearman": spearman, "pearson": pearson, "ssim": ssim}[by]
    return function(one.abs(), other.abs()) if absolute else function(one, other)


def pearson(one: Float[Tensor, "N *space"], other: Float[Tensor, "N *space"]) -> Float[Tensor, " N"]:
    """Linear correlation over pixels, float64 in [−1, 1]; NaN where either map is constant."""
    return correlation(one.flatten(1), other.flatten(1))


def correlation(one: Float[Tensor, "*N V"], other: Float[Tensor, "*N V"]) -> Float[Tensor, "*N"]:
    """Pearson's correlation along the last axis, float64 in [−1, 1].

    NaN where one of the two has fewer than two values, or is constant up to rounding.
    """
    if one.shape[-1] < 2:
        return one.new_full(one.shape[:-1], torch.nan, dtype=torch.float64)
    centred = [values.double() - values.double().mean(-1, keepdim=True) for values in (one, other)]
    spans = [values.double().amax(-1) - values.double().amin(-1) for values in (one, other)]
    flat = [
        span <= _ROUNDING * values.abs().amax(-1).double() for span, values in zip(spans, (one, other), strict=True)
    ]
    x, y = centred
    cosine = (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))
    return torch.where(flat[0] | flat[1], torch.nan, cosine.clamp(-1, 1))


def spearman(one: Float[Tensor, "N *space"], other: Float[Tensor, "N *space"]) -> Float[Tensor, " N"]:
    """Correlation of ranks over pixels, float64 in [−1, 1]; ties share their mean rank; NaN where a map is constant."""
    return pearson(_ranks(one), _ranks(other))


def ssim(one: Float[Tensor, "N *space"], other: Float[Tensor, "N *space"]) -> Float[Tensor, " N"]:
    """Structural similarity under Wang's Gaussian window (σ = 1.5, 11 pixels), float64 in [−1, 1].

    Each map is divided by its largest magnitude first, as in Adebayo et al.; the range of values is 1, or 2 for a pair
    that has negative ones. Two empty maps are alike.

    Raises:
        ParameterError: maps that are smaller than the window.
    """
    from skimage.metrics import structural_similarity

    if min(one.shape[1:]) < _WINDOW:
        raise ParameterError(f"structural similarity needs maps of {_WINDOW} × {_WINDOW} pixels or more; use spearman")
    values = []
    for pair in zip(one, other, strict=True):
        x, y = (saliency.double().cpu() / (float(saliency.abs().max()) or 1.0) for saliency in pair)
        found = structural_similarity(  # type: ignore[no-untyped-call]
            x.numpy(),
            y.numpy(),
            data_range=1.0 if min(x.min(), y.min()) >= 0 else 2.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        values.append(float(found))
    return torch.tensor(values, dtype=torch.float64)


def _ranks(maps: Tensor) -> Tensor:
    """Mean ranks of equal values, from 0, in the shape of the maps."""
    flat = maps.double().flatten(1).contiguous()
    ordered = flat.sort(dim=1).values
    below, not_above = (torch.searchsorted(ordered, flat, right=right) for right in (False, True))
    return ((below + not_above - 1).double() / 2).reshape(maps.shape)
