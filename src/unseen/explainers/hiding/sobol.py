"""Total Sobol' indices: the share of the score's variance that is lost where a cell no longer varies.

Sources: Fel, Cadène, Chalvidal, Cord, Vigouroux & Serre, *Look at the Variance! Efficient Black-box Explanations with
Sobol-based Sensitivity Analysis*, NeurIPS 2021, section 3; Jansen, *Analysis of Variance Designs for Model Output*,
Computer Physics Communications 1999 (the estimator).
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
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning

Cells = Annotated[int, Count("about how many cells of a regular grid the photograph is cut into", 2)]

Signed = Annotated[
    bool,
    Meaning(
        "whether a cell that lowers the score when shown counts against the class; the paper's value is the strength "
        "of the influence in either direction"
    ),
]


@dataclass(frozen=True, eq=False)
class SobolIndices:
    """Total indices of cells for each class; all float64.

    Attributes:
        total: shape (T, S), at least 0: the share of the score's variance that remains, on average, when all other
            cells are fixed. All are 0 where no mask changes the score by more than rounding. Their sum exceeds 1 by
            what cells do together.
        errors: their standard errors, shape (T, S), as if the rows of the designs were independent.
        signs: shape (T, S), 1 where showing more of the cell raises the score on average, −1 where it lowers it.
        variance: of the score, shape (T,).
    """

    total: Tensor
    errors: Tensor
    signs: Tensor
    variance: Tensor


def sobol(masked: MaskedClassifier, targets: Sequence[int], options: Sobol, *, seed: int = 0) -> SobolIndices:
    """Total Sobol' indices of several classes from the same masks.

    Two designs A and B have N rows each, in which every cell's values are spread evenly over [0, 1] (Latin hypercubes).
    For each cell, the masks of A are evaluated once more with that cell's values from B. Where the removal takes only 0
    and 1 the values are cut at one half; of the masks that are then the same only one is evaluated, which halves the
    cost. The paper's Sobol' sequence is too short for this: with 32 rows, one or two of 64 cells lie on the same side
    of one half in A and B in every row, and would seem to have no influence.

    Args:
        masked: the classifier and its photograph.
        targets: class indices.
        options: of the method.
        seed: of the designs.
    """
    numbers = grid(masked.shape, options.cells)
    count = int(numbers.max()) + 1
    generator = torch.Generator().manual_seed(seed)
    shape = (options.designs, 2 * count)
    strata = torch.rand(shape, generator=generator, dtype=torch.float64).argsort(0)
    draws = ((strata + torch.rand(shape, generator=generator, dtype=torch.float64)) / options.designs).float()
    if not masked.removal.soft:
        draws = (draws > 0.5).float()
    one, other = draws.chunk(2, 1)
    exchanged = one.repeat(count, 1, 1)
    cells = torch.arange(count)
    exchanged[cells, :, cells] = other.T
    rows = torch.cat([one, other, exchanged.flatten(0, 1)])
    scores = coalition_scores(masked, rows, numbers, targets, options.score)
    first, second, *changed = scores.values.chunk(2 + count)
    found = total_indices(first, second, torch.stack(changed), one - other)
    moving = (~scores.still)[:, None]
    return SobolIndices(found.total * moving, found.errors * moving, found.signs * moving, found.variance)


def total_indices(
    first: Float[Tensor, "N T"],
    second: Float[Tensor, "N T"],
    exchanged: Float[Tensor, "S N T"],
    steps: Float[Tensor, "N S"],
) -> SobolIndices:
    """Jansen's estimator, Σ (f(A) − f(A with cell i of B))² / 2N over the variance of f, its error by the delta method.

    Args:
        first: f(A).
        second: f(B).
        exchanged: f of A with one cell's values from B, cell by cell.
        steps: A − B.
    """
    drops = first - exchanged
    centred = torch.cat([first, second]) - torch.cat([first, second]).mean(0)
    variance = centred.pow(2).sum(0) / (len(centred) - 1)
    safe = torch.where(variance > 0, variance, 1.0)
    total = drops.pow(2).mean(1) / 2 / safe
    spread = torch.stack(centred.pow(2).chunk(2)).mean(0)
    influence = drops.pow(2) / 2 - total[:, None] * spread
    errors = influence.std(1) / safe / len(first) ** 0.5
    signs = torch.einsum("snt,ns->st", drops, steps.double()).sign()
    return SobolIndices(total.T, errors.T, signs.T, variance)


@dataclass(frozen=True)
class Sobol(FromMap):
    """Vary all cells at once and see how much of the score's variance each is part of, alone or with others.

    Source: Fel et al., NeurIPS 2021. The paper's values are all positive. Here a cell counts against the class where
    showing it lowers the score on average (``signed``), which costs no further evaluations; the paper signs by hiding
    each cell once. A cell's value is that of each of its pixels.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.sobol import Sobol
        >>> saliency = map_of(Sobol(cells=16), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    cells: Cells = 64
    designs: Annotated[
        int, Count("how many masks each of the two designs has; a cell costs as many evaluations", 4)
    ] = 32
    signed: Signed = True
    score: Score = "logit"
    stage = "designs of cells"
    empty = "varying the cells never changes the score of {label}: the map is empty"
    inside = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`sobol`."""
        del domain
        found = sobol(evaluate.masked, [evaluate.target], self, seed=seed)
        total, errors, signs = found.total[0], found.errors[0], found.signs[0]
        values = total * signs if self.signed else total
        notes = []
        if bool(total.any()) and bool((total <= 2 * errors).all()):
            notes.append("no cell's index exceeds twice its standard error: the map may be noise; raise the designs")
        record = {
            "cells": len(total),
            "variance": float(found.variance[0]),
            "total_indices": total.tolist(),
            "standard_errors": errors.tolist(),
        }
        return Findings(values[grid(evaluate.masked.shape, self.cells)].float(), notes=tuple(notes), record=record)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        return self.designs * (int(grid(shape, self.cells).max()) + 3)
