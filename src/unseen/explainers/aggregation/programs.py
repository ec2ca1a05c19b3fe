"""The convex weights for which a mixture of maps is steadiest, most faithful, or the best of both.

The aim is that of Decker et al. (ICML 2024), the form is not. Its loss of robustness, E‖r_w‖², is least for the mixture
with the smallest values: maps that have nothing in common cancel each other, and what is left changes little because
little is left. Here every loss is per unit of what the mixture says, so that no map gains by being small:

* robustness: E‖r_w‖² / ‖φ_w‖², change per spread of the mixture;
* faithfulness: min over β ≥ 0 of ‖βSw − δ‖² / ‖δ‖², which depends on the weights' direction only, and is non-negative
  least squares in v = βw;
* both: ‖Sv‖² + τ E‖r_v‖² per square of the explained drop ⟨Sv, δ⟩, again a convex quadratic over v ≥ 0.

The seed's own program, a quadratic on the simplex, is :meth:`Changes.loss` with
:func:`~unseen.explainers.aggregation.quadratic.on_simplex`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explainers.aggregation.quadratic import Quadratic, non_negative_direction, non_negative_residual
from unseen.explainers.aggregation.quality import Changes, Hidings, Shares, scale_of, spread_of
from unseen.system.options import Meaning, Share, check

Goal = Annotated[Literal["robustness", "faithfulness", "both"], Meaning("what the mixture is to be best at")]

Balance = Annotated[float, Share("λ, the weight of robustness in ``both``; at 0 faithfulness alone counts")]

_ROUNDS = 200
_SETTLED = 1e-13


@dataclass(frozen=True, eq=False)
class Observed:
    """What is known of k maps of one photograph, or of several together.

    Attributes:
        changes: near the photograph; of no nearby photographs, if none was asked for.
        hidings: with parts of it hidden; of no parts, if none was.
        sources: of several photographs, the number 0 … P − 1 of that from which each nearby photograph, shape (N,), and
            each hidden part, shape (M,), is; ``None`` of one.
    """

    changes: Changes
    hidings: Hidings
    sources: tuple[Tensor, Tensor] | None = None

    @property
    def units(self) -> tuple[Int[Tensor, " N"], Int[Tensor, " M"]]:
        """Of each nearby photograph and of each hidden part, the number of what it is held out with.

        Each is on its own where they are of one photograph; of several, all of a photograph go together.
        """
        if self.sources is not None:
            return self.sources
        return torch.arange(len(self.changes.grams)), torch.arange(len(self.hidings.drops))

    @property
    def alike(self) -> tuple[Shares, Shares]:
        """Shares of nearby photographs and of hidden parts in which all count the same."""
        return self.hidings.drops.new_ones(len(self.changes.grams)), torch.ones_like(self.hidings.drops)


@dataclass(frozen=True, eq=False)
class Program(ABC):
    """A quadratic of v ≥ 0 that is made least in the unit of what the mixture says; leading dimensions are a batch.

    Only the direction of v matters.

    Attributes:
        matrix: M of vᵀMv, shape (…, k, k).
    """

    matrix: Float[Tensor, "... k k"]

    @abstractmethod
    def said(self, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
        """What a mixture says, squared, at least 0."""

    @abstractmethod
    def certificate(self, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
        """How far weights are from the conditions of Karush, Kuhn and Tucker, relative to the terms: 0 if they hold."""

    @abstractmethod
    def weights(self) -> Float[Tensor, "*B k"]:
        """The weights of the least loss; they sum to 1, or are 0 where no mixture says anything."""

    def loss(self, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
        """vᵀMv in the unit of what is said; infinite where nothing is."""
        size, unit = _form(self.matrix, weights).clamp(min=0), self.said(weights)
        return torch.where(unit > 0, size / torch.where(unit > 0, unit, 1), torch.inf)

    def drawn(self, strength: float | Float[Tensor, " P"], towards: Float[Tensor, " k"] | None = None) -> Program:
        """The program with a penalty of the part of v that lies across other weights.

        Args:
            strength: of the penalty, in units of M's mean curvature; several add a leading dimension.
            towards: the other weights; uniform by default.
        """
        k = self.matrix.shape[-1]
        aim = torch.ones(k, dtype=torch.float64) if towards is None else towards.double()
        across = torch.eye(k, dtype=torch.float64) - torch.outer(aim, aim) / (aim @ aim)
        curvature = _curvature(self.matrix)
        pull = torch.as_tensor(strength, dtype=torch.float64)
        pull = pull.reshape((*pull.shape, *[1] * curvature.ndim)) * curvature
        return replace(self, matrix=self.matrix + pull[..., None, None] * across)


@dataclass(frozen=True, eq=False)
class PerSpread(Program):
    """vᵀMv / vᵀCv: per spread of the mixture.

    Attributes:
        spread: C, the products of the maps, shape (k, k).
    """

    spread: Float[Tensor, "k k"]

    def said(self, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
        """vᵀCv; 0 where the maps cancel each other."""
        return spread_of(self.spread, weights)

    def certificate(self, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
        """See :meth:`Program.certificate`; they hold at every local minimum."""
        slope = self.loss(weights)[..., None] * (weights @ self.spread)
        return non_negative_residual(Quadratic(self.matrix, slope, slope.new_zeros(slope.shape[:-1])), weights)

    def weights(self) -> Float[Tensor, "*B k"]:
        """Each method alone, and their mean, improved until nothing changes; then the best.

        vᵀCv is at least its tangent at v, so that the least vᵀMv at a tangent of 1 is no worse than v. No local search
        knows of minima that none of its starts leads to; what is found is never worse than the mean and each method.
        """
        k = self.matrix.shape[-1]
        starts = torch.cat([torch.eye(k, dtype=torch.float64), torch.ones(1, k, dtype=torch.float64) / k])
        found = starts.expand(*self.matrix.shape[:-2], k + 1, k)
        each = replace(self, matrix=self.matrix[..., None, :, :].expand(*found.shape, k))
        loss = each.loss(found)
        for _ in range(_ROUNDS):
            tangent = Quadratic(each.matrix, found @ self.spread, torch.zeros_like(loss))
            moved = non_negative_direction(tangent)
            reached = each.loss(moved)
            falls = reached < loss * (1 - _SETTLED)
            kept = reached <= loss * (1 + _SETTLED)
            found, loss = torch.where(kept[..., None], moved, found), torch.where(kept, reached, loss)
            if not bool(falls.any()):
                break
        best = loss.argmin(-1)[..., None, None].expand(*loss.shape[:-1], 1, k)
        return found.gather(-2, best)[..., 0, :]


@dataclass(frozen=True, eq=False)
class PerDrop(Program):
    """vᵀMv / (bᵀv)², for bᵀv > 0: per square of the drop that is explained.

    Attributes:
        drop: b, shape (…, k), or without some of the leading dimensions.
    """

    drop: Float[Tensor, "... k"]

    def said(self, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
        """(bᵀv)², or 0 if bᵀv < 0."""
        return (weights * self.drop).sum(-1).clamp(min=0).square()

    def certificate(self, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
        """See :meth:`Program.certificate`; they hold at the minimum alone."""
        return non_negative_residual(self._problem, scale_of(self._problem, weights)[..., None] * weights)

    def weights(self) -> Float[Tensor, "*B k"]:
        """The direction of the least vᵀMv − 2bᵀv, which is that of the least ratio."""
        return non_negative_direction(self._problem)

    @property
    def _problem(self) -> Quadratic:
        drop = self.drop.expand(self.matrix.shape[:-1])
        return Quadratic(self.matrix, drop, torch.zeros_like(drop[..., 0]))


def program(
    observed: Observed,
    goal: Goal,
    balance: float | Float[Tensor, " L"] = 0.5,
    shares: tuple[Shares, Shares] | None = None,
) -> Program:
    """What a goal makes least.

    For ``both`` it is ‖Sv‖² + τ E‖r_v‖² per square of the explained drop. The best mixtures for τ from 0 to ∞ are a
    path from the most faithful mixture to the one that changes least per explained drop. On it, λ of the sensitivity
    and 1 − λ of the infidelity are least at the τ that is taken, each less its best value and divided by its range on
    the path (utopia and nadir).

    Args:
        observed: what is known.
        goal: what is wanted.
        balance: λ in [0, 1], for ``both``; several add a leading dimension.
        shares: how much each nearby photograph and each hidden part counts; all alike by default.

    Raises:
        ParameterError: another goal, λ outside its range, or nothing observed that the goal is about.
    """
    check("goal", goal, Goal)
    for one in torch.as_tensor(balance).flatten().tolist():
        check("balance", one, Balance)
    near, hidden = observed.alike if shares is None else shares
    if goal != "faithfulness" and not near.shape[-1]:
        raise ParameterError(f"goal {goal!r} needs the maps of nearby photographs; give at least one")
    if goal != "robustness" and not hidden.shape[-1]:
        raise ParameterError(f"goal {goal!r} needs drops of the score under hidden parts; give at least one")
    change, sums = observed.changes.loss(near).matrix, observed.hidings.loss(hidden)
    if goal == "robustness":
        return PerSpread(change, observed.changes.maps)
    if goal == "faithfulness":
        return PerDrop(sums.matrix, sums.linear)
    return PerDrop(_on_path(observed, change, sums, balance), sums.linear)


def _on_path(
    observed: Observed, change: Float[Tensor, "*B k k"], sums: Quadratic, balance: float | Tensor
) -> Float[Tensor, "... k k"]:
    """The matrix for λ; see :func:`program`."""
    ahead = [1] * sums.constant.ndim
    trades = torch.cat(
        [
            torch.zeros(1, dtype=torch.float32),
            10 ** torch.arange(-8, 8.1, 0.25, dtype=torch.float32),
            torch.tensor([torch.inf], dtype=torch.float32),
        ]
    ).double()
    trades = trades.reshape(-1, *ahead)
    units = _curvature(change), _curvature(sums.matrix)
    trade = trades * torch.where(units[0] > 0, units[1] / torch.where(units[0] > 0, units[0], 1), 1)
    factors = torch.where(trades.isinf(), 1, trade), (~trades.isinf()).double().expand(trade.shape)
    matrices = factors[0][..., None, None] * change + factors[1][..., None, None] * sums.matrix
    path = PerDrop(matrices, sums.linear).weights()
    spread = spread_of(observed.changes.maps, path)
    sensitivity = (_form(change, path) / torch.where(spread > 0, spread, 1)).clamp(min=0).sqrt()
    infidelity = sums(scale_of(sums, path)[..., None] * path)
    shares = torch.as_tensor(balance, dtype=torch.float64).reshape(-1, 1, *ahead)
    best = (shares * _between(sensitivity) + (1 - shares) * _between(infidelity)).argmin(1)
    taken = matrices.take_along_dim(best[..., None, None], 0)
    return taken if isinstance(balance, Tensor) and balance.ndim else taken[0]


def _between(values: Tensor) -> Tensor:
    """From 0, the least along the first dimension, to 1, the greatest; 0 where all are the same."""
    low, high = values.amin(0), values.amax(0)
    return (values - low) / torch.where(high > low, high - low, 1)


def _curvature(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).mean(-1)


def _form(matrix: Tensor, weights: Tensor) -> Tensor:
    """wᵀMw, over whatever leading dimensions the two have."""
    return torch.einsum("...i,...ij,...j->...", weights, matrix, weights)
