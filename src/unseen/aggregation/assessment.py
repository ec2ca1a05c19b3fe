"""How far weights can be trusted: what they gain on observations that they were not fitted to, and how they scatter.

Each observation is a few numbers, so that fitting the weights anew without some of them, or to a resample, costs no
evaluation of the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.aggregation.programs import Goal, Observed, program
from unseen.aggregation.quality import Shares

STRENGTHS = (0.0, 0.01, 0.1, 1.0, 10.0)
"""Of the pull towards given weights; that which does best on observations held out is taken."""

FOLDS = 8
"""Times that observations are held out."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Losses of mixtures on observations held out: of the optimal one, of the mean, and of each method alone.

    Attributes:
        sensitivity: E‖r‖ / ‖φ‖, shape (2 + k,); NaN unless at least two photographs nearby were asked for.
        infidelity: ‖βSw − δ‖² / ‖δ‖², with β from the others, shape (2 + k,); NaN if nothing was hidden.
    """

    sensitivity: Float[Tensor, " C"]
    infidelity: Float[Tensor, " C"]


def folds(observed: Observed) -> tuple[Shares, Shares]:
    """Shares of which each leaves out an eighth of the hidden parts, and of the nearby photographs one or as many.

    Of fewer than two of a kind none is left out.
    """

    def fold(shares: Shares) -> Shares:
        number = min(FOLDS, len(shares))
        if number < 2:
            return shares.expand(FOLDS, -1)
        return (torch.arange(len(shares)) % number != torch.arange(FOLDS)[:, None] % number).double()

    near, hidden = observed.alike
    return fold(near), fold(hidden)


def fitting_strength(
    observed: Observed, goal: Goal, balance: float = 0.5, towards: Float[Tensor, " k"] | None = None
) -> float:
    """How strongly weights should be drawn towards others: what does best on observations held out.

    Best is for ``both`` the least sum of sensitivity and infidelity, with λ and 1 − λ, each divided by its range over
    the methods alone and the mean.
    """
    strengths = torch.tensor(STRENGTHS)
    weights = program(observed, goal, balance, folds(observed)).drawn(strengths, towards).weights()
    fixed = _fixed(observed)
    sensitivity, infidelity = _losses(observed, torch.cat([fixed[:, None].expand(-1, FOLDS, -1), weights]))
    known = {"robustness": [(sensitivity, 1.0)], "faithfulness": [(infidelity, 1.0)]}
    total = torch.zeros(len(strengths), dtype=torch.float64)
    for losses, share in known.get(goal, [(sensitivity, balance), (infidelity, 1 - balance)]):
        alone, drawn = losses[: len(fixed)], losses[len(fixed) :]
        total += share * (drawn / (alone.amax() - alone.amin()).clamp(min=1e-9)).nan_to_num()
    return STRENGTHS[int(total.argmin())]


def held_out(
    observed: Observed,
    goal: Goal,
    balance: float = 0.5,
    strength: float = 0.0,
    towards: Float[Tensor, " k"] | None = None,
) -> HeldOut:
    """What the weights of a goal gain where they were not fitted, beside the mean and each method."""
    optimal = program(observed, goal, balance, folds(observed)).drawn(strength, towards).weights()
    return HeldOut(*_losses(observed, torch.cat([optimal[None], _fixed(observed)[:, None].expand(-1, FOLDS, -1)])))


def _fixed(observed: Observed) -> Float[Tensor, "C k"]:
    """The weights of the mean, and of each method alone."""
    k = len(observed.changes.maps)
    return torch.cat([torch.full((1, k), 1 / k, dtype=torch.float64), torch.eye(k, dtype=torch.float64)])


def _losses(observed: Observed, weights: Float[Tensor, "C F k"]) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """Sensitivity and infidelity of weights that belong to each fold, where it leaves observations out."""
    near, hidden = folds(observed)
    nothing = torch.full((len(weights),), torch.nan, dtype=torch.float64)
    sensitivity = infidelity = nothing
    if near.shape[1] > 1:
        sensitivity = observed.changes.sensitivity(weights, 1 - near).mean(1)
    if hidden.shape[1] > 1:
        size = (1 - hidden) @ observed.hidings.drops.square()
        infidelity = observed.hidings.infidelity(weights, hidden, 1 - hidden) @ size / size.sum()
    return sensitivity, infidelity


def resampled(
    observed: Observed,
    goal: Goal,
    balance: float = 0.5,
    strength: float = 0.0,
    towards: Float[Tensor, " k"] | None = None,
    *,
    resamples: int = 200,
    generator: torch.Generator,
) -> Float[Tensor, "R k"]:
    """The weights for bootstrap resamples of the observations, each as many as there are."""

    def drawn(shares: Shares) -> Shares:
        places = torch.randint(max(1, len(shares)), (resamples, len(shares)), generator=generator)
        return shares.new_zeros(places.shape).scatter_add_(1, places, shares.expand_as(places))

    near, hidden = observed.alike
    return program(observed, goal, balance, (drawn(near), drawn(hidden))).drawn(strength, towards).weights()
