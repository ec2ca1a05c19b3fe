"""HSIC: how strongly the score depends on whether a cell is shown, in any form of dependence.

Sources: Novello, Fel & Vigouroux, *Making Sense of Dependence: Efficient Black-box Explanations Using Dependence
Measure*, NeurIPS 2022, section 3; Gretton, Bousquet, Smola & Schölkopf, *Measuring Statistical Dependence with
Hilbert-Schmidt Norms*, ALT 2005 (the estimator).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Score
from unseen.explainers.hiding.segments import coalition_scores, grid
from unseen.explainers.hiding.sobol import Cells, Signed
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier
from unseen.system.options import Count

_PERMUTATIONS = 99
"""How often scores are dealt to other masks, to see what chance gives: p-values from 0.01 on."""


@dataclass(frozen=True, eq=False)
class Dependence:
    """The dependence of each class's score on each cell; all float64.

    Attributes:
        hsic: shape (T, S), at least 0. All are 0 where no mask changes the score by more than rounding.
        p_values: shape (T, S), in (0, 1]: how often scores that were dealt to other masks at random gave *any* cell
            as much. A cell below 0.05 is one that chance names, among all cells, in one run of twenty.
        signs: shape (T, S), 1 where the score is higher on average when the cell is shown, −1 where lower, else 0.
    """

    hsic: Tensor
    p_values: Tensor
    signs: Tensor


def hsic(masked: MaskedClassifier, targets: Sequence[int], options: Hsic, *, seed: int = 0) -> Dependence:
    """The dependence of several classes' scores on the cells, from the same masks.

    Each cell is shown in just half of the masks, drawn independently of the others.

    Args:
        masked: the classifier and its photograph.
        targets: class indices.
        options: of the method.
        seed: of the masks, and of the permutations.
    """
    numbers = grid(masked.shape, options.cells)
    generator = torch.Generator().manual_seed(seed)
    ranks = torch.rand(options.masks, int(numbers.max()) + 1, generator=generator, dtype=torch.float64).argsort(0)
    shown = ranks < (options.masks + 1) // 2
    scores = coalition_scores(masked, shown, numbers, targets, options.score)
    orders = [torch.randperm(options.masks, generator=generator) for _ in range(_PERMUTATIONS)]
    found = [dependence(shown, column, orders) for column in scores.values.unbind(1)]
    moving = (~scores.still)[:, None]
    hsics, p_values, signs = (torch.stack(parts) for parts in zip(*found, strict=True))
    return Dependence(hsics * moving, torch.where(moving, p_values, 1.0), signs * moving)


def dependence(
    shown: Bool[Tensor, "N S"], scores: Float[Tensor, " N"], orders: Sequence[Tensor] = ()
) -> tuple[Float[Tensor, " S"], Float[Tensor, " S"], Float[Tensor, " S"]]:
    """HSIC, p-values and signs.

    HSIC = tr(K H L H) / (N − 1)², with K the identity of a cell's two states, L a Gaussian of the scores' distance, as
    wide as its median, and H what takes the mean away. With s = ±1 for shown and hidden, K = (1 + s sᵀ) / 2, so that
    one product with L serves all cells.

    Args:
        shown: whether a mask shows a cell.
        scores: of the masks.
        orders: permutations of the masks.
    """
    sides = 2 * shown.double() - 1
    sides -= sides.mean(0)
    gram = _gaussian(scores)
    values, *chance = (_alike(sides[order], gram) for order in (torch.arange(len(scores)), *orders))
    beaten = sum(((most.max() >= values).double() for most in chance), torch.ones_like(values))
    return values, beaten / (len(chance) + 1), (sides.T @ (scores - scores.mean())).sign()


def _alike(sides: Float[Tensor, "N S"], gram: Float[Tensor, "N N"]) -> Float[Tensor, " S"]:
    """HSIC of each cell; below 0 only by rounding."""
    return ((gram @ sides) * sides).sum(0).clamp(min=0) / 2 / (len(gram) - 1) ** 2


def _gaussian(scores: Float[Tensor, " N"]) -> Float[Tensor, "N N"]:
    """The output kernel; where more than half of the pairs are equal, the mean distance is its width."""
    apart = (scores[:, None] - scores).abs()
    pairs = apart[torch.ones_like(apart, dtype=torch.bool).triu(1)]
    width = pairs.median()
    width = width if width > 0 else pairs.mean()
    return torch.exp(-(apart**2) / (2 * width**2)) if width > 0 else torch.ones_like(apart)


@dataclass(frozen=True)
class Hsic(FromMap):
    """Show random halves of the cells; a cell's saliency is how strongly the score depends on it.

    Source: Novello, Fel & Vigouroux, NeurIPS 2022. Unlike a mean or a linear model, the measure also sees cells that
    change the score's spread. The paper's values are all positive; here a cell counts against the class where the score
    is lower on average when it is shown (``signed``). The record has a p-value for each cell.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.hsic import Hsic
        >>> saliency = map_of(Hsic(cells=16, masks=300), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    cells: Cells = 64
    masks: Annotated[int, Count("how many masks are evaluated; time and memory grow with the square", 4, 20_000)] = 1500
    signed: Signed = True
    score: Score = "logit"
    stage = "random halves of cells"
    empty = "no mask changes the score of {label}: the map is empty"
    inside = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`hsic`."""
        del domain
        found = hsic(evaluate.masked, [evaluate.target], self, seed=seed)
        strength, p_values = found.hsic[0], found.p_values[0]
        values = strength * found.signs[0] if self.signed else strength
        notes = []
        if bool(strength.any()) and float(p_values.min()) > 0.05:
            notes.append("chance finds as much dependence as any cell has: the map may be noise; raise the masks")
        record = {"cells": len(strength), "hsic": strength.tolist(), "p_values": p_values.tolist()}
        return Findings(values[grid(evaluate.masked.shape, self.cells)].float(), notes=tuple(notes), record=record)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.masks
