"""What is asked of a mixture of maps: to change little near the photograph, and to predict what hiding costs.

Source: Decker et al., *Provably Better Explanations with Optimized Aggregation of Feature Attributions*, ICML 2024.
Every observation, a nearby photograph or a hidden part, is kept as a few numbers a method, never as maps, so that
subsets and resamples of the observations cost nothing. A constant added to a map changes nothing here, and a map that
is the same everywhere is none. Everything is float64.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.explainers.aggregation.quadratic import Quadratic

_CANCELLED, _RANK = 1e-12, 1e-9

Shares = Float[Tensor, "..."]
"""How much each observation counts, up to a positive factor: shape (…, N)."""


@dataclass(frozen=True, eq=False)
class Changes:
    """How k maps, each minus its mean, change when the photograph hardly does.

    Attributes:
        grams: ⟨rᵢ, rⱼ⟩ of the changes r = φ(x) − φ(x′), one matrix a nearby photograph x′, shape (N, k, k).
        maps: ⟨φᵢ, φⱼ⟩ of the maps themselves, shape (k, k).
    """

    grams: Float[Tensor, "N k k"]
    maps: Float[Tensor, "k k"]

    def loss(self, shares: Shares) -> Quadratic:
        """Q(w) = E‖r_w‖² = wᵀΓw: the average sensitivity of Decker et al. 2024, squared; 0 without observations."""
        gram = torch.einsum("...n,nij->...ij", _relative(shares), self.grams)
        return Quadratic(gram, gram.new_zeros(gram.shape[:-1]), gram.new_zeros(gram.shape[:-2]))

    def sensitivity(self, weights: Float[Tensor, "*B k"], shares: Shares) -> Float[Tensor, "*B"]:
        """E‖r_w‖ / ‖φ_w‖: as the metric of that name, of maps minus their mean; NaN if φ_w is 0."""
        lengths = torch.einsum("...i,nij,...j->...n", weights, self.grams, weights).clamp(min=0).sqrt()
        norm = spread_of(self.maps, weights).sqrt()
        mean: Tensor = (_relative(shares) * lengths).sum(-1) / torch.where(norm > 0, norm, torch.nan)
        return mean

    def of(self, methods: Bool[Tensor, " k"]) -> Changes:
        """Those of some of the methods."""
        return Changes(self.grams[:, methods][:, :, methods], self.maps[methods][:, methods])


def spread_of(products: Float[Tensor, "k k"], weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
    """‖φ_w‖², from the products ⟨φᵢ, φⱼ⟩ of the maps; 0 where the maps cancel each other but for rounding."""
    square = torch.einsum("...i,ij,...j->...", weights, products, weights)
    alone = (weights.square() * products.diagonal()).sum(-1)
    return torch.where(square > _CANCELLED * alone, square, 0.0)


def changes(
    maps: Float[Tensor, "k *space"], nearby: Iterable[Float[Tensor, "k *space"]], *, centred: bool = True
) -> Changes:
    """The changes from the maps of a photograph to those of photographs near it, taken one at a time.

    Args:
        maps: of the photograph.
        nearby: of the others.
        centred: whether each map is taken less its mean.
    """

    def taken(values: Tensor) -> Tensor:
        flat = values.double().flatten(1)
        return flat - flat.mean(1, keepdim=True) if centred else flat

    here = taken(maps)
    grams = [(here - there) @ (here - there).T for there in map(taken, nearby)]
    return Changes(torch.stack(grams) if grams else here.new_zeros(0, len(here), len(here)), here @ here.T)


@dataclass(frozen=True, eq=False)
class Hidings:
    """What k maps say that hiding random parts costs, and what it does cost.

    Both are freed of their mean and of what the hidden area alone predicts: over all parts, and again over those that
    weights are fitted to, for what all together say of the area says something of those that are left out.

    Attributes:
        sums: of each map over each hidden part, freed, shape (…, M, k).
        drops: of the score, freed, shape (…, M).
        known: columns of which any linear function is free, as one and the area, shape (M, c); ``None`` if none is.
    """

    sums: Float[Tensor, "... M k"]
    drops: Float[Tensor, "... M"]
    known: Float[Tensor, "M c"] | None = None

    def loss(self, shares: Shares) -> Quadratic:
        """F(v) = ‖Sv − δ‖² / ‖δ‖²: 0 is a perfect prediction, 1 none; the infidelity of Decker et al. 2024, centred."""
        return self.freed(shares)._missed(shares)

    def infidelity(self, weights: Float[Tensor, "*B k"], fitted: Shares, judged: Shares) -> Float[Tensor, "*B"]:
        """F of the mixtures at the scale β ≥ 0 that suits some observations, on others; above 1 is misleading."""
        freed = self.freed(fitted)
        return freed._missed(judged)(scale_of(freed._missed(fitted), weights)[..., None] * weights)

    def freed(self, shares: Shares) -> Hidings:
        """All observations, less what those with shares say of the mean and of the area."""
        if self.known is None:
            return self
        both = torch.cat([self.sums, self.drops[..., None]], -1)
        left = _freed(both, self.known, shares)
        return Hidings(left[..., :-1], left[..., -1])

    def _missed(self, shares: Shares) -> Quadratic:
        each = shares.double()
        total = (each * self.drops.square()).sum(-1)
        total = torch.where(total > 0, total, 1)
        matrix = torch.einsum("...m,...mi,...mj->...ij", each, self.sums, self.sums) / total[..., None, None]
        linear = torch.einsum("...m,...mi,...m->...i", each, self.sums, self.drops) / total[..., None]
        return Quadratic(matrix, linear, torch.ones_like(total))


def scale_of(loss: Quadratic, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
    """β ≥ 0 for which F(βw) is least; 0 if no such β is better than 0."""
    squares = torch.einsum("...i,...ij,...j->...", weights, loss.matrix, weights)
    return (weights * loss.linear).sum(-1).clamp(min=0) / torch.where(squares > 0, squares, 1)


def hidings(
    maps: Float[Tensor, "k *space"],
    shown: Bool[Tensor, "M S"],
    segments: Int[Tensor, "*space"],
    drops: Float[Tensor, " M"],
    *,
    centred: bool = True,
) -> Hidings:
    """What is known of hidden segments.

    Args:
        maps: one a method.
        shown: the segments that each mask shows.
        segments: the number of each pixel's segment.
        drops: how far the score falls under each mask.
        centred: whether sums and drops are freed of what the hidden area predicts.
    """
    where = segments.flatten()
    by_segment = torch.zeros(len(maps), shown.shape[1], dtype=torch.float64)
    by_segment.index_add_(1, where, maps.double().flatten(1))
    hidden = (~shown).double()
    area = hidden @ where.bincount(minlength=shown.shape[1]).double()
    known = torch.stack([torch.ones_like(area), area / area.amax().clamp(min=1) if len(area) else area], 1)
    raw = Hidings(hidden @ by_segment.T, drops.double(), known)
    if not centred:
        return Hidings(raw.sums, raw.drops)
    freed = raw.freed(torch.ones_like(area))
    return Hidings(freed.sums, freed.drops, known)


def _freed(values: Float[Tensor, "M k"], known: Float[Tensor, "M c"], shares: Shares) -> Float[Tensor, "*B M k"]:
    """What is left of each column after the linear function of what is known that is best where there are shares.

    What is left there by rounding becomes 0.
    """
    root = shares.double().sqrt()[..., None]
    axes, sizes, turn = torch.linalg.svd(root * known, full_matrices=False)
    good = sizes > _RANK * sizes[..., :1]
    inverse = torch.where(good, 1 / torch.where(good, sizes, 1), 0)[..., None]
    left = values - known @ (turn.mT @ (inverse * (axes.mT @ (root * values))))
    used = root > 0
    negligible = (used * left.abs()).amax(-2, keepdim=True) <= _RANK * (used * values.abs()).amax(-2, keepdim=True)
    return torch.where(negligible & used, 0.0, left)


def _relative(shares: Shares) -> Shares:
    total = shares.double().sum(-1, keepdim=True)
    return shares.double() / torch.where(total > 0, total, 1)
