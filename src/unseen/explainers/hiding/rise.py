"""RISE: the mean score over random masks that show a pixel.

Source: Petsiuk, Das & Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models*, BMVC 2018,
equation 6 and section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import ceil
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from unseen.classifier.scores import Extent, Score
from unseen.errors import ParameterError
from unseen.explainers.hiding.rounds import Tolerance, between_halves, reached, recorded, rounds, told
from unseen.explainers.scores import scored
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.inputs.space import LINEAR, Space, cells_of, size_of
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning, Share

_LEAST = 100
"""Masks before the error is looked at for the first time: two halves of as many as there are cells in a grid of 7."""


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


@dataclass(frozen=True, eq=False)
class RiseMaps:
    """Maps of several classes from the same masks.

    Attributes:
        values: signed, float32, shape ``(T, *space)``; 0 everywhere where no mask changes the score by more than
            rounding.
        masks: how many were evaluated.
        error: the standard error of each map as a share of its size, from how the maps of two halves of the masks
            differ; shape (T,), infinite where the map is 0.
    """

    values: Tensor
    masks: int
    error: Tensor


def rise(masked: MaskedClassifier, targets: Sequence[int], options: Rise, *, seed: int = 0) -> RiseMaps:
    """RISE maps of several classes from the same masks.

    Centred, the map is S = Σ (fᵢ − f̄) Mᵢ / (p N), which removes what the unequal coverage of pixels adds to it; else
    the paper's S = Σ fᵢ Mᵢ / (p N).

    Args:
        masked: the classifier and its photograph.
        targets: class indices.
        options: of the method.
        seed: of the masks.
    """
    ends = [last for _, last in rounds(options.masks, _LEAST, options.tolerance)]
    for found in rise_after(masked, targets, options, ends, seed=seed):
        if reached(found.error, options.tolerance):
            break
    return found


def rise_after(
    masked: MaskedClassifier, targets: Sequence[int], options: Rise, counts: Sequence[int], *, seed: int = 0
) -> Iterator[RiseMaps]:
    """What :func:`rise` finds after each of several numbers of masks, from a single run; a tolerance does not count.

    Args:
        masked: the classifier and its photograph.
        targets: class indices.
        options: of the method.
        counts: how many of the ``options.masks`` masks are evaluated by then, ascending.
        seed: of the masks.

    Raises:
        ParameterError: counts that do not ascend, or lie outside 1 to ``options.masks``.
    """
    if any(later < count for count, later in pairwise([1, *counts, options.masks])):
        raise ParameterError(f"counts must ascend from 1 at least to {options.masks} masks at most, got {counts}")
    source = RandomMasks(options.masks, options.grid, options.visible, masked.shape, masked.removal.soft, seed)
    halves = [_Sums(len(targets), size_of(masked.shape)) for _ in range(2)]
    extent, error = Extent(), torch.full((len(targets),), torch.inf, dtype=torch.float64)
    for first, last in pairwise([0, *counts]):
        start = first
        masks = partial(_from, source, first)
        for some, scores in scored(masked, masks, last - first, targets, options.score):
            for half in range(2):
                own = slice((start + half) % 2, None, 2)
                halves[half].add(some[own].flatten(1).double(), scores.values[own])
            start += len(some)
            extent.add(scores)
        if last > 1:
            error = between_halves(*(half.maps(options) for half in halves))
            error[extent.still] = torch.inf
        values = (halves[0] + halves[1]).maps(options)
        values[extent.still] = 0
        yield RiseMaps(values.float().reshape(len(targets), *masked.shape), last, error)


def _from(source: RandomMasks, start: int, first: int, last: int) -> Float[Tensor, "N *space"]:
    """The masks from one number up to another, counted from a start."""
    return source(start + first, start + last)


class _Sums:
    """What a map is made of: over the masks, Σ f M of each class, Σ M, and Σ f of each class."""

    def __init__(self, targets: int, pixels: int) -> None:
        self.weighted = torch.zeros(targets, pixels, dtype=torch.float64)
        self.shown = torch.zeros(pixels, dtype=torch.float64)
        self.total = torch.zeros(targets, dtype=torch.float64)
        self.count = 0

    def add(self, masks: Float[Tensor, "N P"], values: Float[Tensor, "N T"]) -> None:
        self.weighted += values.T @ masks
        self.shown += masks.sum(0)
        self.total += values.sum(0)
        self.count += len(masks)

    def __add__(self, other: _Sums) -> _Sums:
        both = _Sums(*self.weighted.shape)
        for name, value in vars(self).items():
            setattr(both, name, value + getattr(other, name))
        return both

    def maps(self, options: Rise) -> Float[Tensor, "T P"]:
        mean = self.total / self.count if options.centred else torch.zeros_like(self.total)
        return (self.weighted - mean[:, None] * self.shown) / (options.visible * self.count)


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

    masks: Annotated[int, Count("how many masks are evaluated, at most")] = 2000
    grid: Annotated[int, Count("how many cells lie along each side of an image")] = 7
    visible: Annotated[float, Share("the probability that a cell is visible", ends="()")] = 0.5
    centred: Annotated[
        bool, Meaning("whether the mean score is subtracted first; the paper's estimator does without")
    ] = True
    score: Score = "probability"
    tolerance: Tolerance = 0.0
    stage = "random masks"
    empty = "no mask changes the score of {label}: the map is empty"
    inside = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`rise`."""
        del domain
        found = rise(evaluate.masked, [evaluate.target], self, seed=seed)
        error = float(found.error)
        return Findings(
            found.values[0],
            notes=tuple(told(error, self.tolerance, "masks", self.masks)),
            record={"masks": found.masks, "relative_error": recorded(error)},
        )

    def cost(self, shape: Space) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.masks
