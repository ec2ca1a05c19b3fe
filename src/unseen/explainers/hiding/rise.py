"""RISE: the mean score over random masks that show a pixel.

Source: Petsiuk, Das & Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models*, BMVC 2018,
equation 6 and section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from unseen.classifier.scores import Extent, Score
from unseen.explainers.scores import scored
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.inputs.space import LINEAR, Space, cells_of, size_of
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning, Share


@dataclass(frozen=True, eq=False)
class RandomMasks:
    """Smooth random masks: small grids of bits, enlarged and shifted; the bits and shifts are kept, not the masks.

    Args:
        count: how many.
        grid: cells along each side of an image; of a signal or a volume about as many in all.
        visible: probability that a cell is visible.
        shape: of the masks.
        soft: whether masks may lie between 0 and 1; else they are cut at one half.
        seed: of bits and shifts.
    """

    count: int
    grid: int
    visible: float
    shape: Space
    soft: bool
    seed: int

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        sides = [cells_of(self.grid, self.shape) + 1] * len(self.shape)
        bits = torch.rand(self.count, *sides, generator=generator, dtype=torch.float32) < self.visible
        shifts = [torch.randint(0, cell, (self.count,), generator=generator) for cell in self.cell]
        object.__setattr__(self, "_bits", bits)
        object.__setattr__(self, "_shifts", torch.stack(shifts, 1))

    @property
    def cell(self) -> Space:
        """Pixels of a cell along each axis."""
        return tuple(ceil(length / cells_of(self.grid, self.shape)) for length in self.shape)

    def __call__(self, first: int, last: int) -> Float[Tensor, "N *space"]:
        """The masks from one number up to another."""
        cells: Tensor = self._bits[first:last, None].float()  # type: ignore[attr-defined]
        size = [count * cell for count, cell in zip(cells.shape[2:], self.cell, strict=True)]
        large = interpolate(cells, size, mode=LINEAR[len(size)], align_corners=False)[:, 0]
        shifts: Tensor = self._shifts[first:last]  # type: ignore[attr-defined]
        places = [torch.arange(len(large)).reshape(-1, *(1,) * len(size))]
        for axis, side in enumerate(self.shape):
            along = shifts[:, axis, None] + torch.arange(side)
            places.append(along.reshape(-1, *(1,) * axis, side, *(1,) * (len(size) - axis - 1)))
        masks = large[tuple(places)]
        return masks.clamp(0, 1) if self.soft else (masks > 0.5).float()


def rise(
    masked: MaskedClassifier, targets: Sequence[int], options: Rise, *, seed: int = 0
) -> Float[Tensor, "T *space"]:
    """RISE maps of several classes from the same masks.

    Centred, the map is S = Σ (fᵢ − f̄) Mᵢ / (p N), which removes what the unequal coverage of pixels adds to it; else
    the paper's S = Σ fᵢ Mᵢ / (p N).

    Args:
        masked: the classifier and its photograph.
        targets: class indices.
        options: of the method.
        seed: of the masks.

    Returns:
        Signed, float32; 0 everywhere where no mask changes the score by more than rounding.
    """
    source = RandomMasks(options.masks, options.grid, options.visible, masked.shape, masked.removal.soft, seed)
    weighted = torch.zeros(len(targets), size_of(masked.shape), dtype=torch.float64)
    shown, total = torch.zeros_like(weighted[0]), torch.zeros(len(targets), dtype=torch.float64)
    extent = Extent()
    for some, scores in scored(masked, source, options.masks, targets, options.score):
        flat, values = some.flatten(1).double(), scores.values
        weighted += values.T @ flat
        shown += flat.sum(0)
        total += values.sum(0)
        extent.add(scores)
    if options.centred:
        weighted -= (total / options.masks)[:, None] * shown
    weighted[extent.still] = 0
    return (weighted / (options.visible * options.masks)).float().reshape(len(targets), *masked.shape)


@dataclass(frozen=True)
class Rise(FromMap):
    """Show random halves of the photograph; a pixel's saliency is the mean score of the masks that show it.

    Source: Petsiuk, Das & Saenko, BMVC 2018. Under a removal that takes only 0 and 1 the masks are cut at one half.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.rise import Rise
        >>> saliency = map_of(Rise(masks=500), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    masks: Annotated[int, Count("how many masks are evaluated")] = 2000
    grid: Annotated[int, Count("how many cells lie along each side of an image")] = 7
    visible: Annotated[float, Share("the probability that a cell is visible", ends="()")] = 0.5
    centred: Annotated[
        bool, Meaning("whether the mean score is subtracted first; the paper's estimator does without")
    ] = True
    score: Score = "probability"
    stage = "random masks"
    empty = "no mask changes the score of {label}: the map is empty"
    inside = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`rise`."""
        del domain
        return Findings(rise(evaluate.masked, [evaluate.target], self, seed=seed)[0])

    def cost(self, shape: Space) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.masks
