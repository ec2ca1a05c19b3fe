"""Interactions of segments: what two of them add to the score together, beyond what each adds by itself.

Source: Tsai, Yeh & Ravikumar, *Faith-Shap: The Faithful Shapley Interaction Index*, JMLR 2023, equations 12 and 14: of
all functions of which segments are shown that have a constant, one number a segment and one a pair, the one that is
nearest to the score in the Shapley kernel's mean, and equal to it with nothing and with everything shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier.scores import Score
from unseen.errors import ParameterError
from unseen.explainers.hiding.own_segments import BySegments, segments_of
from unseen.explainers.hiding.segments import coalition_scores, number_of
from unseen.explainers.hiding.shapley import from_kernel
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.inputs.space import Space
from unseen.removal import MaskedClassifier
from unseen.system.options import Count

_DRAWN = 3
"""Coalitions drawn for each value that is looked for. So many told all values of 12 or more segments apart with every
one of 20 seeds, and those of 7 to 10 with 15 to 19; two and a half, those of 16 segments with 17."""

_POOR = 0.3
"""R² below which it is said that the pairs hardly describe the score."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """What segments and pairs of them add to the score of each class; all float64.

    Attributes:
        alone: of each segment, shape (T, S).
        pairs: of each two of them, symmetric with a diagonal of 0, shape (T, S, S). ``alone`` and each pair once add up
            to ``whole`` − ``hidden``.
        hidden: scores with all hidden, shape (T,).
        whole: scores of the whole photograph, shape (T,).
        r2: the share of the score's variance over the coalitions, weighted as they are, that is described, at least 0;
            shape (T,).
        exact: whether all coalitions were evaluated.
    """

    alone: Tensor
    pairs: Tensor
    hidden: Tensor
    whole: Tensor
    r2: Tensor
    exact: bool

    @property
    def shares(self) -> Float[Tensor, "T S"]:
        """Of each segment what it adds alone, and half of what each of its pairs does."""
        return self.alone + self.pairs.sum(2) / 2


def interactions(
    masked: MaskedClassifier,
    targets: Sequence[int],
    segments: Int[Tensor, "*space"],
    *,
    budget: int = 2000,
    score: Score = "logit",
    seed: int = 0,
) -> Interactions:
    """Faithful Shapley interactions of order two; exact where the budget allows all 2^S coalitions.

    Args:
        masked: the classifier and its photograph.
        targets: class indices.
        segments: numbers 0 … S − 1 of the segments.
        budget: evaluations at most.
        score: ``logit`` or ``probability``.
        seed: of the coalitions.

    Raises:
        ParameterError: segments that are not the photograph's, or a budget that is too small for so many.
    """
    count = number_of(segments, masked.shape)
    unknown = count * (count + 1) // 2
    exact, least = 2**count <= budget, min(_DRAWN * unknown + 2, 2**count)
    if not exact and budget < least:
        raise ParameterError(
            f"budget {budget} is too small for the {unknown} values of {count} segments and their pairs: give at least "
            f"budget={least}, or ask for fewer segments"
        )
    if exact:
        coalitions, weights = _all_between(count)
    else:
        half = from_kernel(count, (budget - 2) // 2, torch.Generator().manual_seed(seed))
        coalitions = torch.cat([half, ~half])
        weights = torch.ones(len(coalitions), dtype=torch.float64)
    ends = torch.tensor([[False], [True]]).expand(2, count)
    scores = coalition_scores(masked, torch.cat([ends, coalitions]), segments, targets, score)
    hidden, whole = scores.values[:2]
    found, r2 = _nearest(coalitions, weights, scores.values[2:] - hidden, whole - hidden)
    found = found * ~scores.still
    first, second = torch.triu_indices(count, count, 1)
    pairs = found.new_zeros(len(targets), count, count)
    pairs[:, first, second] = pairs[:, second, first] = found[count:].T
    return Interactions(found[:count].T, pairs, hidden, whole, r2, exact)


def _all_between(count: int) -> tuple[Bool[Tensor, "N S"], Float[Tensor, " N"]]:
    """All coalitions but none and all, and the Shapley kernel's weight of each."""
    coalitions = (torch.arange(1, 2**count - 1)[:, None] >> torch.arange(count) & 1).bool()
    kernel = [0.0] + [(count - 1) / (comb(count, k) * k * (count - k)) for k in range(1, count)]
    return coalitions, torch.tensor(kernel, dtype=torch.float64)[coalitions.sum(1)]


def _nearest(
    coalitions: Bool[Tensor, "N S"],
    weights: Float[Tensor, " N"],
    gains: Float[Tensor, "N T"],
    whole: Float[Tensor, " T"],
) -> tuple[Float[Tensor, "P T"], Float[Tensor, " T"]]:
    """Weighted least squares of what segments and pairs add, which all together is ``whole``; and its R².

    P numbers x = whole / P + γ, of which Σ γ = 0: γ is the least solution for the centred columns.
    """
    shown, count = coalitions.double(), coalitions.shape[1]
    first, second = torch.triu_indices(count, count, 1)
    columns = torch.cat([shown, shown[:, first] * shown[:, second]], 1)
    level = columns.mean(1, keepdim=True)
    root = weights.sqrt()[:, None]
    left = gains - level * whole
    solved = torch.linalg.lstsq(root * (columns - level), root * left, driver="gelsd")
    if int(solved.rank) < columns.shape[1] - 1:
        raise ParameterError(
            f"the {len(coalitions)} coalitions drawn do not tell all pairs of {count} segments apart: raise the budget "
            f"to budget={min(2 * len(coalitions) + 2, 2**count)}"
        )
    missed = weights @ (left - (columns - level) @ solved.solution).square()
    mean = weights @ gains / weights.sum()
    spread = weights @ (gains - mean).square()
    r2 = 1 - missed / torch.maximum(spread, missed).clamp(min=torch.finfo(missed.dtype).tiny)
    return whole / columns.shape[1] + solved.solution, r2


@dataclass(frozen=True)
class ShapleyInteractions(BySegments):
    """What each segment adds to the score, with half of what it adds together with each other one.

    Source: Tsai, Yeh & Ravikumar, JMLR 2023. The map's sum is the score of the photograph minus that of nothing shown.
    The record has what each segment adds alone and each pair together: above 0 where the two need each other, below
    where one does for both. The panel draws the strongest pairs.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.interactions import ShapleyInteractions
        >>> map_of(ShapleyInteractions(segments=8), masked, target=0).sum()  # what all that is hidden takes away
        tensor(6.2500)
    """

    segments: Annotated[
        int, Count("about how many segments the photograph is cut into; S of them have S (S − 1) / 2 pairs", 3)
    ] = 16
    budget: Annotated[
        int, Count("how many evaluations are spent at most; all coalitions are evaluated where that costs no more", 2)
    ] = 2000
    score: Score = "logit"
    stage = "coalitions of segments"
    empty = "no segment has a share in the score of {label}: the map is empty"
    inside = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`interactions`."""
        del domain
        masked = evaluate.masked
        cut = segments_of(masked, self.segments, self.file)
        found = interactions(masked, [evaluate.target], cut.numbers, budget=self.budget, score=self.score, seed=seed)
        r2 = float(found.r2[0])
        saliency = cut.shared_out(found.shares[0])
        notes = [*cut.notes]
        if r2 < _POOR:
            notes.append(f"segments and pairs hardly describe the classifier: {r2:.0%} of the score's variance")
        record = {
            "segments": cut.count,
            "exact": found.exact,
            "r2": r2,
            "hidden": float(found.hidden[0]),
            "whole": float(found.whole[0]),
            "alone": found.alone[0].tolist(),
            "pairs": found.pairs[0].tolist(),
            "centres": _centres(cut.numbers).tolist(),
        }
        return Findings(saliency, notes=tuple(notes), record=record)

    def cost(self, shape: Space) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.budget if self.file is not None else min(self.budget, 1 << self.segments)


def _centres(segments: Int[Tensor, "*space"]) -> Float[Tensor, "S axes"]:
    """Where the pixels of each segment lie on average, in the order of the axes."""
    sizes = segments.flatten().bincount()
    places = torch.stack(torch.meshgrid(*map(torch.arange, segments.shape), indexing="ij")).flatten(1).double() + 0.5
    sums = torch.zeros(len(sizes), len(places), dtype=torch.float64).index_add_(0, segments.flatten(), places.T)
    return sums / sizes[:, None]
