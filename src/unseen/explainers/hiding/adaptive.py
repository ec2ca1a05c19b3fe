"""Ways of sampling masks again and again, for :mod:`unseen.explainers.hiding.iassa`.

Each is a generator of maps, one an iteration, that ends when the budget does not pay for another. Source: Vasu & Long,
*Iterative and Adaptive Sampling with Spatial Attention for Black-Box Model Explanations*, WACV 2020, section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Extent, Score
from unseen.explainers.hiding.windows import Window, WindowSums, hiding, sliding
from unseen.explainers.scores import scored
from unseen.inputs.space import Space, side_of
from unseen.removal import MaskedClassifier

Adjust = Callable[[Float[Tensor, "*space"]], Float[Tensor, "*space"]]
"""Equation 6: S → S'."""


@dataclass(eq=False)
class Budget:
    """A masked classifier that may be asked only so often, about what is remembered as about what is new.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        score: what is asked of it.
        evaluations: how many may be spent.

    Attributes:
        spent: masks that were asked about so far.
    """

    masked: MaskedClassifier
    target: int
    score: Score
    evaluations: int

    def __post_init__(self) -> None:
        self.spent = 0
        self._extent = Extent()

    @property
    def left(self) -> int:
        """Evaluations that may still be spent."""
        return self.evaluations - self.spent

    @property
    def still(self) -> bool:
        """Whether no mask so far changed the score by more than rounding."""
        return bool(self._extent.still)

    def scores(self, masks: Callable[[int, int], Float[Tensor, "N *space"]], count: int) -> Float[Tensor, " N"]:
        """The scores under ``count`` masks, float64."""
        return torch.cat([scores for _, scores in self.each(masks, count)])

    def each(self, masks: Callable[[int, int], Tensor], count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Masks with their scores, float64, a chunk at a time."""
        assert count <= self.left, "a sampler must look at what is left"
        for some, scores in scored(self.masked, masks, count, [self.target], self.score):
            self.spent += len(some)
            self._extent.add(scores)
            yield some, scores.values[:, 0]

    def whole(self) -> float:
        """The score of the whole photograph."""
        return float(
            self.scores(lambda first, last: torch.ones(last - first, *self.masked.shape, dtype=torch.float32), 1)
        )

    def under(self, windows: Sequence[Window]) -> Float[Tensor, " N"]:
        """The scores with each window hidden, float64."""
        return self.scores(lambda first, last: hiding(windows[first:last], self.masked.shape), len(windows))


# ---- windows, as published and corrected ------------------------------------------------------------------------


def schedule(iteration: int, shape: Space) -> tuple[int, int]:
    """Window and stride in pixels: 45 − 1.5 k, at least 7, and 8 − 0.2 k, at least 3, of 224 (section 4)."""
    window, stride = max(45 - 1.5 * iteration, 7), max(8 - 0.2 * iteration, 3)
    return side_of(window / 224, shape), side_of(stride / 224, shape)


def literal(ask: Budget, adjust: Adjust, iterations: int) -> Iterator[Tensor]:
    """Equation 5 as printed, S = Σ fᵢ Mᵢ / (E[M] N), over all windows of each iteration, each map replacing the last.

    The selection of equation 7 is left out as in the authors' code, whose filter asks which windows leave something of
    the region visible, which all do.
    """
    for iteration in range(iterations):
        windows = sliding(ask.masked.shape, *schedule(iteration, ask.masked.shape))
        if len(windows) > ask.left:
            return
        scores, pile = ask.under(windows), WindowSums(ask.masked.shape)
        pile.add(windows, scores.tolist())
        visible = 1 - float(pile.cover.mean()) / len(windows)
        yield adjust(((scores.sum() - pile.total) / (visible * len(windows))).float())


def windows(ask: Budget, adjust: Adjust, iterations: int, threshold: float, seed: int) -> Iterator[Tensor]:
    """The mean drop of the score over all windows so far that hide a pixel; new ones centre in the highest region.

    Equation 5 with drops in place of scores and the real coverage in place of its mean; equations 7 and 8 as meant.
    Where the budget does not pay for all windows of the region, some are drawn.
    """
    generator = torch.Generator().manual_seed(seed)
    whole = ask.whole()
    pile, region = WindowSums(ask.masked.shape), torch.ones(ask.masked.shape, dtype=torch.bool)
    for iteration in range(iterations):
        side, stride = schedule(iteration, ask.masked.shape)
        middle = side // 2
        kept = [w for w in sliding(ask.masked.shape, side, stride) if bool(region[tuple(c + middle for c in w[0])])]
        drawn = torch.randperm(len(kept), generator=generator)[: ask.left].sort().values.tolist()
        if kept and not drawn:
            return
        chosen = [kept[i] for i in drawn]
        if chosen:  # a map without a positive value has no highest region
            pile.add(chosen, (whole - ask.under(chosen)).tolist())
        adjusted = adjust(pile.mean.float())
        region = highest(adjusted, threshold)
        yield adjusted


def highest(saliency: Float[Tensor, "*space"], threshold: float) -> Bool[Tensor, "*space"]:
    """Equation 8: where the map is above a share of its maximum; negative values count as none."""
    positive = saliency.clamp(min=0)
    return positive > threshold * positive.max()
