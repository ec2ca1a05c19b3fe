"""Ways of joining maps that look at no quality, and the published algorithm with its faults: what ours must beat.

Each takes signed maps that are comparable already, such as each divided by its standard deviation over pixels.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explainers.aggregation.quadratic import Quadratic, on_simplex
from unseen.system.options import Count, check

Goal = Literal["robustness", "faithfulness", "both"]

_HALVINGS = 20
_LEAST_GAIN = 1e-9


def mean(maps: Float[Tensor, "k *space"]) -> Float[Tensor, "*space"]:
    """The mean of the maps.

    Raises:
        ParameterError: no maps, or values that are not finite; so do all functions here.
    """
    return _checked(maps).mean(0)


def median(maps: Float[Tensor, "k *space"]) -> Float[Tensor, "*space"]:
    """Each pixel's median over the maps; of an even number, the mean of the two in the middle."""
    ordered = _checked(maps).sort(0).values
    k = len(ordered)
    return (ordered[(k - 1) // 2] + ordered[k // 2]) / 2


def variance_weighted(maps: Float[Tensor, "k *space"]) -> Float[Tensor, "*space"]:
    """The mean, less where the maps disagree: mean / (1 + σ/ε).

    σ is each pixel's standard deviation over the maps, ε its mean over the photograph. Up to the factor 1/ε this is
    mean / (σ + ε), AGG-Var of Rieger & Hansen, *Aggregating explanation methods for stable and robust explainability*,
    2020, who leave ε to be chosen for a data set; chosen here for each photograph, it needs no other, and the result
    has the unit of the maps. Where all maps are the same it is their mean.
    """
    spread = _checked(maps).std(0, correction=0)
    usual = spread.mean()
    return maps.mean(0) / (1 + spread / usual) if usual > 0 else maps.mean(0)


def borda(maps: Float[Tensor, "k *space"]) -> Float[Tensor, "*space"]:
    """The mean over the maps of the share of pixels that lie below each pixel, in [0, 1].

    Equal pixels share their ranks, and each counts half of itself: a constant map is ½ everywhere.
    """
    flat = _checked(maps).flatten(1).contiguous()
    ordered = flat.sort(1).values
    below, not_above = (torch.searchsorted(ordered, flat, right=right) for right in (False, True))
    shares = (below + not_above).to(maps.dtype) / (2 * flat.shape[1])
    return shares.mean(0).reshape(maps.shape[1:])


class LeastComplex(NamedTuple):
    """A map Σ wᵢφᵢ, ``space``, and the weights w of those that it is made of, on the simplex, float64 (k)."""

    saliency: Float[Tensor, "*space"]
    weights: Float[Tensor, " k"]


def least_complex(maps: Float[Tensor, "k *space"], steps: int = 100) -> LeastComplex:
    """The convex combination of the maps of least :func:`complexity`, found from equal weights downhill.

    Projected gradient with halved steps, until none lowers the complexity. It is not convex: the end may be one of
    several minima, and where equal weights make a map of zeros it is there.

    Source: Bhatt, Weller & Moura, *Evaluating and Aggregating Feature-based Model Explanations*, IJCAI 2020, section 4.

    Args:
        maps: what is combined.
        steps: at most so many steps.
    """
    flat = _checked(maps).double().flatten(1)
    weights = flat.new_full((len(flat),), 1 / len(flat))
    value = complexity(weights @ flat)
    size = 1.0
    for _ in range(steps):
        slope = flat @ _complexity_gradient(weights @ flat)
        for _ in range(_HALVINGS):
            moved = _on_simplex_nearest(weights - size * slope)
            found = complexity(moved @ flat)
            if found < value - _LEAST_GAIN:
                break
            size /= 2
        else:
            break
        weights, value, size = moved, found, 4 * size
    return LeastComplex((weights @ flat).reshape(maps.shape[1:]).to(maps.dtype), weights)


def complexity(saliency: Float[Tensor, "*S"]) -> Float[Tensor, ""]:
    """The entropy in nats of the pixels' shares in the sum of magnitudes.

    It is 0 for a single pixel, and the logarithm of the number of pixels where all are alike. A map of zeros,
    which says nothing, has the highest.

    Source: Bhatt, Weller & Moura 2020, definition of complexity.
    """
    magnitude = saliency.abs()
    total = magnitude.sum()
    return torch.special.entr(magnitude / total).sum() if total > 0 else total.new_tensor(math.log(saliency.numel()))


def official(
    hidden_sums: Float[Tensor, "M k"],
    drops: Float[Tensor, " M"],
    changes: Float[Tensor, "N k k"],
    goal: Goal,
    slot: int = 10,
) -> Float[Tensor, " k"]:
    """The weights of the algorithm as it was published, faults and all: for comparison only, not for use.

    Its faults: the scale β between a map's sums and the score is fitted anew in every slot of a few masks, and may be
    negative, so that the quality is that of Σ wᵢβᵢφᵢ with ever other β while Σ wᵢφᵢ is returned; neither sums nor
    drops are centred; and the maps are absolute, their sign is lost. Whoever joins maps with these weights must join
    the absolute maps, and take the sums and changes of these.

    For ``both``, each loss counts one half after it was divided by the Frobenius norm of its matrices, all of them
    together: those of the nearby photographs, and those of the groups into which the masks fall that have the same
    place in their slots. Neither loss has a unit that could decide. But the larger part of the faithful loss is the
    same for all weights, the squared drops, so that the robust loss decides nearly alone.

    Source: the code of Decker et al., *Provably Better Explanations with Optimized Aggregation of Feature
    Attributions*, ICML 2024 (github.com/thomdeck/aggopt); re-derived, not copied.

    Args:
        hidden_sums: sum of each absolute map over what each of M masks hides.
        drops: of the score under each mask.
        changes: Γᵢⱼ = ⟨rᵢ, rⱼ⟩ of the maps' changes rᵢ for each of N perturbed photographs.
        goal: what is minimised: the mean of the changes, of the squared errors of the sums, or both.
        slot: masks in a slot; the last one may be smaller.

    Returns:
        Weights on the simplex, float64.

    Raises:
        ParameterError: an unknown goal, or a slot of no masks.
    """
    check("goal", goal, Goal)
    check("slot", slot, Annotated[int, Count("how many masks are in a slot; the last one may be smaller")])
    robust = changes.double() if goal != "faithfulness" else None
    faithful = _mistakes(hidden_sums.double(), drops.double(), slot) if goal != "robustness" else None
    matrix = torch.stack([_mean_of_unit_norm(one) for one in (robust, faithful) if one is not None]).mean(0)
    return on_simplex(Quadratic(matrix, matrix.new_zeros(len(matrix)), matrix.new_zeros(())))


def _mean_of_unit_norm(matrices: Float[Tensor, "N k k"]) -> Float[Tensor, "k k"]:
    """The mean of matrices that are divided by the Frobenius norm of them all, of nothing but zeros 0."""
    norm = matrices.norm()
    return matrices.mean(0) / norm if norm > 0 else matrices.new_zeros(matrices.shape[1:])


def _mistakes(sums: Float[Tensor, "M k"], drops: Float[Tensor, " M"], slot: int) -> Float[Tensor, "G k k"]:
    """Γ = ⟨e, e⟩ of the errors e of the masks that have the same place in their slots, one matrix for each place."""
    errors = [_errors(sums[i : i + slot], drops[i : i + slot]) for i in range(0, len(drops), slot)]
    stacked = torch.nn.utils.rnn.pad_sequence(errors)  # (place, slot, k), with zeros where the last slot is smaller
    return stacked.mT @ stacked


def _errors(sums: Float[Tensor, "M k"], drops: Float[Tensor, " M"]) -> Float[Tensor, "M k"]:
    """βᵢSᵢ − δ with the β of least squares for each map alone, 0 where there is nothing to scale."""
    squares = (sums * sums).sum(0)
    scale = torch.where(squares > 0, (sums * drops[:, None]).sum(0) / squares, 0.0)
    return sums * scale - drops[:, None]


def _complexity_gradient(saliency: Float[Tensor, " P"]) -> Float[Tensor, " P"]:
    """Of the entropy by the map's values; 0 where they are 0, in whose direction there is no derivative."""
    total = saliency.abs().sum()
    shares = saliency.abs() / total
    logarithm = torch.where(shares > 0, shares, 1.0).log()
    slope = -saliency.sign() * (logarithm + complexity(saliency)) / total
    return slope if total > 0 else torch.zeros_like(saliency)


def _on_simplex_nearest(weights: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    """Projection by sorting (Duchi et al., ICML 2008)."""
    falling = weights.sort(descending=True).values
    shifts = (falling.cumsum(0) - 1) / torch.arange(1, len(weights) + 1).to(weights)
    return (weights - shifts[int((falling > shifts).sum()) - 1]).clamp(min=0)


def _checked(maps: Float[Tensor, "k *space"]) -> Float[Tensor, "k *space"]:
    if not maps.numel():
        raise ParameterError(f"maps of shape {tuple(maps.shape)} cannot be joined; give at least one map")
    if not maps.isfinite().all():
        raise ParameterError("maps with values that are not finite cannot be joined; leave those methods out")
    return maps
