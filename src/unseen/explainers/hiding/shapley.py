"""Shapley values of segments: the fair shares in the change of the score from all hidden to all shown.

Sources: Shapley, *A Value for n-Person Games*, 1953; Mitchell et al., *Sampling Permutations for Shapley Value
Estimation*, JMLR 2022 (antithetic permutations); Lundberg & Lee, *A Unified Approach to Interpreting Model
Predictions*, NeurIPS 2017 (KernelSHAP); Covert & Lee, *Improving KernelSHAP*, AISTATS 2021 (pairs, the constraint).

The Shapley values of a game v are those of its odd part u(C) = (v(C) − v(not C)) / 2. Each estimator therefore draws
coalitions, evaluates them and what they leave out, and knows no more than u.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier.scores import Extent, Score
from unseen.errors import ParameterError
from unseen.explainers.hiding.own_segments import BySegments, segments_of
from unseen.explainers.hiding.rounds import Tolerance, reached, recorded, relative, rounds, told
from unseen.explainers.hiding.segments import Segments, coalition_scores, number_of
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.inputs.space import Space
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning

Sampling = Annotated[
    Literal["kernel", "permutation"],
    Meaning(
        "how coalitions are drawn: KernelSHAP by pairs of complementary ones, or by the gains when segments are shown "
        "one after the other in a random order and in its reverse"
    ),
]

_ORDERS = 10
"""Orders before their spread is looked at for the first time."""

Estimate = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(coalitions (N, S), u (N, T), v(all) − v(none) (T,)) → values and standard errors (S, T)."""


@dataclass(frozen=True, eq=False)
class ShapleyValues:
    """Shares of segments in the score of each class; all float64.

    Attributes:
        values: shape (T, S); their sum over segments is ``whole`` − ``hidden``. All are 0 where no coalition changes
            the score by more than rounding.
        errors: standard errors of the values, shape (T, S); 0 where all coalitions were evaluated.
        hidden: scores with all hidden, shape (T,).
        whole: scores of the whole photograph, shape (T,).
        exact: whether all coalitions were evaluated.
    """

    values: Tensor
    errors: Tensor
    hidden: Tensor
    whole: Tensor
    exact: bool

    @property
    def error(self) -> Float[Tensor, " T"]:
        """Of each class, the standard errors as a share of the values (root of the sum of squares).

        Infinite where every value is 0.
        """
        return relative(self.errors, self.values)


def shapley(
    masked: MaskedClassifier,
    targets: Sequence[int],
    segments: Int[Tensor, "*space"],
    options: Shapley,
    *,
    seed: int = 0,
) -> ShapleyValues:
    """Shapley values of several classes from the same coalitions; exact where the budget allows all 2^S of them.

    Args:
        masked: the classifier and its photograph.
        targets: class indices.
        segments: numbers 0 … S − 1 of the segments, in place of those that ``options`` would cut.
        options: of the method; as coalitions that come up again in a round are evaluated once, some of the budget may
            be left.
        seed: of the coalitions.

    Raises:
        ParameterError: segments that are not the photograph's, or a budget that is too small for so many.
    """
    count, budget = number_of(segments, masked.shape), options.budget
    exact = 2**count <= budget
    if not exact and budget < 4 * count + 2:
        fewer = (budget - 2) // 8  # a photograph may have more segments than are asked for, as cells of a grid
        instead = f", or fewer segments, such as segments={fewer}" if fewer > 1 else ""
        raise ParameterError(
            f"budget {budget} is too small for {count} segments: give at least budget={4 * count + 2}{instead}"
        )
    generator = torch.Generator().manual_seed(seed)
    estimate: Estimate
    unit, least = 1, 2 * count
    if exact:
        coalitions, estimate = _all_with_the_last(count), _from_all
    elif options.sampling == "kernel":
        coalitions, estimate = from_kernel(count, (budget - 2) // 2, generator), _by_regression
    else:
        unit, least = count - 1, _ORDERS
        coalitions, estimate = _along_orders(count, (budget - 2) // (2 * unit), generator), _by_gains
    ends = torch.tensor([[False], [True]]).expand(2, count)
    odd, extent, tolerance = [], Extent(), 0.0 if exact else options.tolerance
    for first, last in rounds(len(coalitions) // unit, least, tolerance):
        some = coalitions[first * unit : last * unit]
        scores = coalition_scores(masked, torch.cat([some, ~some, ends]), segments, targets, options.score)
        extent.add(scores)
        if first == 0:
            (hidden, whole), ends = scores.values[-2:], ends[:0]
        shown, left_out = scores.values[: 2 * len(some)].chunk(2)
        odd.append((shown - left_out) / 2)
        values, errors = estimate(coalitions[: last * unit], torch.cat(odd), whole - hidden)
        if reached(relative(errors.T, values.T), tolerance):
            break
    if not bool(errors.isfinite().all()):
        drawn = 2 * last
        raise ParameterError(
            f"the {drawn} coalitions drawn do not tell all {count} segments apart: give a larger budget, such as "
            f"budget={2 * drawn}"
        )
    moving = ~extent.still
    return ShapleyValues((values * moving).T, (errors * moving).T, hidden, whole, exact)


@dataclass(frozen=True)
class Shapley(BySegments):
    """Give each segment its Shapley value; the map's sum is the score of the photograph minus that of nothing shown.

    Sources: Lundberg & Lee, NeurIPS 2017; Covert & Lee, AISTATS 2021. Segments are SLIC superpixels, or those of a
    file. A segment's value is shared equally between its pixels, so that large segments do not rank first for being
    large.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.shapley import Shapley
        >>> map_of(Shapley(segments=10), masked, target=0).sum()  # what all that is hidden takes from the logit
        tensor(6.2500)
    """

    segments: Segments = 50
    budget: Annotated[
        int, Count("how many evaluations are spent at most; all coalitions are evaluated where that costs no more", 2)
    ] = 2000
    sampling: Sampling = "kernel"
    score: Score = "logit"
    tolerance: Tolerance = 0.0
    stage = "coalitions of segments"
    empty = "no segment has a share in the score of {label}: the map is empty"
    inside = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`shapley`."""
        del domain
        cut = segments_of(evaluate.masked, self.segments, self.file)
        found = shapley(evaluate.masked, [evaluate.target], cut.numbers, self, seed=seed)
        values, errors = found.values[0], found.errors[0]
        saliency = cut.shared_out(values)
        error = float(found.error)
        notes = [*cut.notes]
        if not found.exact:
            notes += told(error, self.tolerance, "budget", self.budget)
        if not found.exact and bool(values.any()) and bool((values.abs() <= 2 * errors).all()):
            notes.append("no segment's value exceeds twice its standard error: the map may be noise; raise the budget")
        record = {
            "segments": len(values),
            "exact": found.exact,
            "relative_error": recorded(error),
            "hidden": float(found.hidden[0]),
            "whole": float(found.whole[0]),
            "efficiency_gap": float((saliency.double().sum() - found.whole[0] + found.hidden[0]).abs()),
            "values": values.tolist(),
            "standard_errors": errors.tolist(),
        }
        return Findings(saliency, notes=tuple(notes), record=record)

    def cost(self, shape: Space) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.budget if self.file is not None else min(self.budget, 1 << self.segments)


def _all_with_the_last(count: int) -> Bool[Tensor, "N S"]:
    """All coalitions that have the last segment; those that have not are what these leave out."""
    return ~(torch.arange(2 ** (count - 1))[:, None] >> torch.arange(count) & 1).bool()


def _from_all(
    coalitions: Bool[Tensor, "N S"], odd: Float[Tensor, "N T"], change: Float[Tensor, " T"]
) -> tuple[Float[Tensor, "S T"], Float[Tensor, "S T"]]:
    """Shapley's formula: the mean gain over the segments' orders."""
    del change
    count = coalitions.shape[1]
    joining = torch.tensor([1 / (count * comb(count - 1, k)) for k in range(count)] + [0.0], dtype=torch.float64)
    size = coalitions.sum(1, keepdim=True)
    weights = torch.where(coalitions, joining[size - 1], -joining[size])
    values = 2 * weights.T @ odd
    return values, torch.zeros_like(values)


def from_kernel(count: int, number: int, generator: torch.Generator) -> Bool[Tensor, "N S"]:
    """Coalitions of k segments with a probability ∝ 1 / (k (S − k)), the Shapley kernel's; all of one size alike."""
    sizes = torch.arange(1, count)
    drawn = sizes[torch.multinomial(1.0 / (sizes * (count - sizes)), number, replacement=True, generator=generator)]
    return _order(count, number, generator) < drawn[:, None]


def _by_regression(
    coalitions: Bool[Tensor, "N S"], odd: Float[Tensor, "N T"], change: Float[Tensor, " T"]
) -> tuple[Float[Tensor, "S T"], Float[Tensor, "S T"]]:
    """Least squares of u(C) on Σ± β / 2, + for segments in C and − for the others, where Σ β is the change.

    On that constraint it is the weighted least squares of KernelSHAP over the pairs. β = change / S + γ with Σ γ = 0,
    and so γ is the least solution for the centred coalitions. Errors are White's, which hold for any residuals;
    they are infinite where the coalitions do not tell all segments apart.
    """
    number, count = coalitions.shape
    sides = coalitions.double() - 0.5
    level = sides.mean(1, keepdim=True)
    inverse = torch.linalg.pinv(sides - level, rtol=1e-9)
    values = inverse @ (odd - level * change)
    left = odd - level * change - (sides - level) @ values
    if int(torch.linalg.matrix_rank(inverse, rtol=1e-9)) < count - 1:
        return values, torch.full_like(values, torch.inf)
    variance = inverse**2 @ left**2 * (number / (number - count + 1))
    return change / count + values, variance.sqrt()


def _along_orders(count: int, number: int, generator: torch.Generator) -> Bool[Tensor, "N S"]:
    """The first segment of a random order, its first two, … all but the last; what they leave out is the reverse's."""
    steps = torch.arange(1, count)[None, :, None]
    return (_order(count, number, generator)[:, None] < steps).flatten(0, 1)


def _by_gains(
    coalitions: Bool[Tensor, "N S"], odd: Float[Tensor, "N T"], change: Float[Tensor, " T"]
) -> tuple[Float[Tensor, "S T"], Float[Tensor, "S T"]]:
    """The mean gain of a segment over the orders; with its reverse, each order is one independent observation."""
    count = coalitions.shape[1]
    orders = coalitions.reshape(-1, count - 1, count)
    place = count - 1 - orders.sum(1)
    end = (change / 2).expand(len(orders), 1, -1)
    gains = torch.cat([-end, odd.reshape(len(orders), count - 1, -1), end], 1).diff(dim=1)
    gains = gains.take_along_dim(place[:, :, None], 1)
    return gains.mean(0), gains.std(0) / len(orders) ** 0.5


def _order(count: int, number: int, generator: torch.Generator) -> Int[Tensor, "N S"]:
    """Places of segments in random orders."""
    return torch.rand(number, count, generator=generator, dtype=torch.float32).argsort(1)
