"""How far weights can be trusted: what they gain on observations that they were not fitted to, and how they scatter.

Each observation is a few numbers, so that fitting the weights anew without some of them, or to a resample, costs no
evaluation of the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from unseen.explainers.aggregation.programs import Goal, Observed, program
from unseen.explainers.aggregation.quality import Shares

STRENGTHS = (0.0, 0.01, 0.1, 1.0, 10.0)
"""Of the pull towards given weights."""

FOLDS = 8
"""Times that observations are held out."""


@dataclass(frozen=True, eq=False)
class HeldOutLosses:
    """Losses of mixtures on observations held out: of the optimal one, of the mean, and of each method alone.

    Attributes:
        sensitivity: E‖r‖ / ‖φ‖, shape (2 + k,); NaN unless at least two photographs nearby were asked for.
        infidelity: ‖βSw − δ‖² / ‖δ‖², with β from the others, shape (2 + k,); NaN if nothing is hidden, or at no cost.
    """

    sensitivity: Float[Tensor, " C"]
    infidelity: Float[Tensor, " C"]


def folds(observed: Observed) -> tuple[Shares, Shares]:
    """Shares of which each leaves out an eighth of the hidden parts, and of the nearby photographs one or as many.

    Of several photographs each leaves out all that is known of an eighth of them, or of one. Of fewer than two of a
    kind none is left out.
    """

    def fold(units: Int[Tensor, " N"]) -> Shares:
        number = _distinct(units)
        if number < 2:
            return torch.ones(FOLDS, len(units), dtype=torch.float64)
        return (units % number != torch.arange(FOLDS)[:, None] % number).double()

    near, hidden = observed.units
    return fold(near), fold(hidden)


def _distinct(units: Int[Tensor, " N"]) -> int:
    """How many of the folds differ."""
    return min(FOLDS, len(torch.unique(units)))


def fitting_strength(
    observed: Observed, goal: Goal, balance: float = 0.5, towards: Float[Tensor, " k"] | None = None
) -> float:
    """How strongly weights should be drawn towards others.

    It is the strongest pull whose loss on observations held out is within a standard error of the least (Breiman et
    al., *Classification and Regression Trees*, 1984, section 3.4.3): what generalises to other parts is not the mixture
    that fits these best. For ``both`` the loss is the sum of sensitivity and infidelity, with λ and 1 − λ, each divided
    by its range over the methods alone and the mean. 0 if too little is known to hold any of it out.
    """
    weights = (
        program(observed, goal, balance, folds(observed))
        .drawn(torch.tensor(STRENGTHS, dtype=torch.float32), towards)
        .weights()
    )
    fixed = _fixed(observed)
    losses = _by_fold(observed, torch.cat([fixed[:, None].expand(-1, FOLDS, -1), weights]))
    shares = {"robustness": (1.0, 0.0), "faithfulness": (0.0, 1.0)}.get(goal, (balance, 1 - balance))
    counts = map(_distinct, observed.units)
    parts: list[tuple[Tensor, int]] = []
    for share, by_fold, count in zip(shares, losses, counts, strict=True):
        alone = by_fold[: len(fixed)].mean(1)
        if share > 0 and bool(alone.isfinite().all()):
            drawn = by_fold[len(fixed) :].nan_to_num(1)  # no mixture of them says anything
            parts.append((share * drawn / (alone.amax() - alone.amin()).clamp(min=1e-9), count))
    if not parts:
        return 0.0
    mean = torch.stack([part.mean(1) for part, _ in parts]).sum(0)
    best = int(mean.argmin())
    # folds that come up again, as there are fewer observations, tell nothing new
    variance = torch.stack([(part - part[best]).var(1, correction=0) / (new - 1) for part, new in parts]).sum(0)
    return max(s for s, m, v in zip(STRENGTHS, mean, variance, strict=True) if m <= mean[best] + v**0.5)


def held_out(
    observed: Observed,
    goal: Goal,
    balance: float = 0.5,
    strength: float = 0.0,
    towards: Float[Tensor, " k"] | None = None,
) -> HeldOutLosses:
    """What the weights of a goal gain where they were not fitted, beside the mean and each method.

    A strength that :func:`fitting_strength` chose was chosen on the same folds: the best of five looks better by a bit.
    """
    optimal = program(observed, goal, balance, folds(observed)).drawn(strength, towards).weights()
    return HeldOutLosses(
        *_losses(observed, torch.cat([optimal[None], _fixed(observed)[:, None].expand(-1, FOLDS, -1)]))
    )


def _fixed(observed: Observed) -> Float[Tensor, "C k"]:
    """The weights of the mean, and of each method alone."""
    k = len(observed.changes.maps)
    return torch.cat([torch.full((1, k), 1 / k, dtype=torch.float64), torch.eye(k, dtype=torch.float64)])


def _losses(observed: Observed, weights: Float[Tensor, "C F k"]) -> tuple[Float[Tensor, " C"], Float[Tensor, " C"]]:
    """Mean sensitivity and infidelity of weights that belong to each fold, where it leaves observations out."""
    sensitivity, infidelity = _by_fold(observed, weights)
    return sensitivity.mean(1), infidelity.mean(1)


def _by_fold(observed: Observed, weights: Float[Tensor, "C F k"]) -> tuple[Float[Tensor, "C F"], Float[Tensor, "C F"]]:
    """Sensitivity and infidelity, whose means over folds are those over all that is held out.

    NaN where nothing is held out, and where there is nothing to predict. What is held out several times counts once.
    """

    def judged(shares: Shares) -> Shares:
        return (1 - shares) / (1 - shares).sum(0)

    near, hidden = folds(observed)
    sensitivity = infidelity = weights.new_full(weights.shape[:2], torch.nan)
    if near.shape[1] > 1:
        size = judged(near).sum(1)
        sensitivity = observed.changes.sensitivity(weights, 1 - near) * size / size.mean()
    if hidden.shape[1] > 1 and bool(observed.hidings.drops.any()):
        size = (judged(hidden) * observed.hidings.freed(hidden).drops.square()).sum(1)
        infidelity = observed.hidings.infidelity(weights, hidden, 1 - hidden) * size / size.mean()
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
