"""Extremal perturbations: for a fixed share of the photograph, the smooth mask under which the score is highest.

Source: Fong, Patrick & Vedaldi, *Understanding Deep Networks via Extremal Perturbations and Smooth Masks*, ICCV 2019,
equations 2, 4 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate, pad, unfold

from unseen.classifier.scores import Score
from unseen.explainers.hiding.optimising import ENDS, UNSETTLED, Objective, Rate, Rounds, descend, scale_of
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.system.options import Count, Positive, Share

_LARGEST = 0.4
"""Share of the photograph that the largest mask shows; each further one shows half as much."""

_TEMPERATURE = 20.0
"""Of the smooth maximum; the paper's 1 / T."""


class SmoothMasks:
    """Masks that are the smooth maximum of bumps, equation 6: no region is smaller than one, nor an edge sharper.

    Args:
        shape: ``space`` of the photograph.
        grid: cells along the photograph's shorter side.
        width: the bump's radius, as a share of the photograph's shorter side.
    """

    def __init__(self, shape: tuple[int, int], grid: int, width: float) -> None:
        self.shape = shape
        step = max(1, ceil(min(shape) / grid))
        self.cells = (ceil(shape[0] / step), ceil(shape[1] / step))
        sigma = width * min(shape) / step
        self.radius = ceil(4 * sigma)
        along = torch.arange(-self.radius, self.radius + 1, dtype=torch.float32)
        distance = (along[:, None].square() + along.square()).sqrt() / sigma
        self.bump = torch.exp(-(distance - 1).clamp(min=0).square() / 4).flatten()

    def on_cells(self, numbers: Float[Tensor, "M h w"]) -> Float[Tensor, "M h w"]:
        """The masks, cell by cell."""
        around = pad(numbers[:, None], (self.radius,) * 4, mode="replicate")
        windows = unfold(around, 2 * self.radius + 1) * self.bump.to(numbers.device)[:, None]
        weights = (_TEMPERATURE * windows).softmax(1)
        return (weights * windows).sum(1).reshape(numbers.shape)

    def enlarged(self, cells: Float[Tensor, "M h w"]) -> Float[Tensor, "M *space"]:
        """Masks on the cells, at the photograph's resolution."""
        return interpolate(cells[:, None], self.shape, mode="bilinear", align_corners=False)[:, 0].clamp(0, 1)

    def __call__(self, numbers: Float[Tensor, "M h w"]) -> Float[Tensor, "M *space"]:
        """The masks at the photograph's resolution."""
        return self.enlarged(self.on_cells(numbers))


def areas_of(count: int) -> list[float]:
    """The shares of the photograph that are shown: 0.4, and each further one half as much.

    Example:
        >>> from unseen.explainers.hiding.extremal import areas_of
        >>> areas_of(3)
        [0.4, 0.2, 0.1]
    """
    return [_LARGEST / 2**number for number in range(count)]


def off_area(masks: Float[Tensor, "M h w"], areas: Float[Tensor, " M"]) -> Float[Tensor, " M"]:
    """How far masks are from 0 and 1 with just the asked share of 1, equation 4: ‖vecsort(m) − r‖², as a mean."""
    ordered = masks.flatten(1).sort(1, descending=True).values
    place = (torch.arange(ordered.shape[1], device=masks.device) + 0.5) / ordered.shape[1]
    return (ordered - (place < areas[:, None].to(masks.device)).float()).square().mean(1)


@dataclass(frozen=True)
class ExtremalPerturbation(FromMap):
    """For several sizes, the smooth region that keeps the score best when it alone is visible; the map is their sum.

    Source: Fong, Patrick & Vedaldi, ICCV 2019. All sizes are optimised side by side. The objective is the score on a
    scale from 0, everything hidden, to 1, the full photograph, so that the weight of the area means the same for every
    network; it doubles five times on the way. Masks are made on a grid and enlarged.

    Raises:
        ParameterError: an option outside its range.
        NotApplicableError: the removal takes masks of 0 and 1 only, or the network has no gradient.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.extremal import ExtremalPerturbation
        >>> saliency = map_of(ExtremalPerturbation(areas=2, rounds=40), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    areas: Annotated[int, Count("how many sizes are optimised: 40 % of the photograph, 20 %, 10 %, …", high=10)] = 4
    rounds: Rounds = 100
    rate: Rate = 0.05
    weight: Annotated[
        float,
        Positive(
            "how much a wrong area weighs at first against the whole rise of the score; too much of it chooses the "
            "region before the score does"
        ),
    ] = 0.3
    grid: Annotated[int, Count("how many cells of the masks lie along the photograph's shorter side", 2)] = 32
    width: Annotated[
        float,
        Share("the radius of the smallest region, as a share of the photograph's shorter side", ends="(]"),
    ] = 0.09
    score: Score = "logit"
    stage = "extremal perturbation"
    empty = "the full photograph has the score of {label} that nothing shown has: the map is empty"
    inside = True
    axes = (2,)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :class:`ExtremalPerturbation`."""
        del seed, domain
        masked = evaluate.masked
        scale = scale_of(masked, evaluate.target, self.score, "extremal-perturbation")
        if scale is None:
            return Findings(torch.zeros(masked.shape, dtype=torch.float32))
        height, width = masked.shape
        smooth, areas = SmoothMasks((height, width), self.grid, self.width), torch.tensor(areas_of(self.areas))

        def objective(numbers: Tensor, which: slice, step: int) -> Objective:
            cells, weight = smooth.on_cells(numbers), self.weight * 2 ** (5 * step / self.rounds)
            return Objective(smooth.enlarged(cells), weight * off_area(cells, areas[which]), torch.neg)

        found = descend(
            masked,
            evaluate.target,
            torch.full((self.areas, *smooth.cells), 0.5),
            objective,
            scale=scale,
            score=self.score,
            rounds=self.rounds,
            rate=self.rate,
        )
        notes = () if found.settled else (UNSETTLED.format(rounds=self.rounds),)
        record = {"areas": areas.tolist(), "levels": found.levels.tolist()}
        return Findings(smooth(found.numbers).sum(0).copysign(torch.tensor(scale[1])), notes=notes, record=record)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return ENDS + self.areas * self.rounds
