"""Regions that are small and smooth, and whose hiding destroys the score or whose showing keeps it.

Sources: Fong & Vedaldi, *Interpretable Explanations of Black Boxes by Meaningful Perturbation*, ICCV 2017, equations 3
and 4; Dabkowski & Gal, *Real Time Image Saliency for Black Box Classifiers*, NeurIPS 2017, section 3 (smallest
sufficient and smallest destroying regions).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from unseen.classifier.scores import Score
from unseen.explainers.hiding.optimising import ENDS, UNSETTLED, Objective, Rate, Rounds, descend, scale_of
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.system.options import Count, Meaning, Number, Share

Game = Literal["destroy", "keep"]


def variation(regions: Float[Tensor, "M h w"], power: float) -> Float[Tensor, " M"]:
    """Σ ‖∇r‖^β over the cells, as a mean; differences to the cell below and to the right."""
    down, right = regions.diff(dim=1)[:, :, :-1], regions.diff(dim=2)[:, :-1]
    return (down.square() + right.square() + 1e-12).pow(power / 2).mean((1, 2))


@dataclass(frozen=True)
class Region(FromMap):
    """One region, found by descending on its size, its roughness and the score; a pixel's value is its share in it.

    ``destroy`` hides the region from the photograph, ``keep`` shows it alone. The score is on a scale from 0, with all
    hidden, to 1, the full photograph, where the papers have the probability or its logarithm: so the weights mean the
    same for every network and every output. What goes beyond either end is not rewarded. The papers' weights are sums
    over a grid of 28 × 28 cells; here they are means. Where the photograph speaks against the class the map is
    negative. Where the removal paints, what is found may be a mask that no photograph looks like: the parts taken from
    the map are sharp, and verified.

    Raises:
        ParameterError: an option outside its range.
        NotApplicableError: the removal takes masks of 0 and 1 only, or the network has no gradient.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.regions import Region
        >>> saliency = map_of(Region("destroy", rounds=60), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    game: Annotated[Game, Meaning("what the region does: hidden, it destroys the score; shown alone, it keeps it")] = (
        "destroy"
    )
    area: Annotated[float, Number("the weight of the region's share of the photograph", 0)] = 0.3
    smooth: Annotated[float, Number("the weight of its roughness", 0)] = 1.0
    power: Annotated[float, Number("the power of differences between neighbouring cells", 1, 4)] = 2.0
    grid: Annotated[int, Count("how many cells of the region lie along the photograph's shorter side", 2)] = 28
    jitter: Annotated[
        float,
        Share("how far the region is shifted at random in each round, as a share of the photograph's shorter side"),
    ] = 0.0
    rounds: Rounds = 200
    rate: Rate = 0.05
    score: Score = "logit"
    stage = "descending on a region"
    empty = "the full photograph has the score of {label} that nothing shown has: the map is empty"
    inside = True
    axes = (2,)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :class:`Region`."""
        del domain
        masked = evaluate.masked
        scale = scale_of(masked, evaluate.target, self.score, f"a region to {self.game}")
        if scale is None:
            return Findings(torch.zeros(masked.shape, dtype=torch.float32))
        height, width = masked.shape
        side = min(height, width)
        cells = (ceil(self.grid * height / side), ceil(self.grid * width / side))
        room = round(self.jitter * side)
        generator = torch.Generator().manual_seed(seed)
        shifts = torch.randint(0, 2 * room + 1, (self.rounds, 2), generator=generator).tolist()

        def laid(numbers: Tensor, down: int = room, right: int = room) -> Tensor:
            size = (height + 2 * room, width + 2 * room)
            large = interpolate(numbers[:, None], size, mode="bilinear", align_corners=False)[:, 0]
            return large[:, down : down + height, right : right + width]

        def objective(numbers: Tensor, which: slice, step: int) -> Objective:
            del which
            region = laid(numbers, *shifts[step]).clamp(0, 1)
            penalty = self.area * numbers.mean((1, 2)) + self.smooth * variation(numbers, self.power)
            if self.game == "keep":
                return Objective(region, penalty, lambda level: -level.clamp(max=1))
            return Objective(1 - region, penalty, lambda level: level.clamp(min=0))

        found = descend(
            masked,
            evaluate.target,
            torch.full((1, *cells), 0.5),
            objective,
            scale=scale,
            score=self.score,
            rounds=self.rounds,
            rate=self.rate,
        )
        notes = () if found.settled else (UNSETTLED.format(rounds=self.rounds),)
        region = laid(found.numbers)[0].clamp(0, 1)
        record = {"region": float(region.mean()), "level": float(found.levels[0])}
        return Findings(region.copysign(torch.tensor(scale[1])), notes=notes, record=record)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return ENDS + self.rounds
