"""Is the class kept when the most, or the least, salient pixels are removed? ROAD, without retraining.

Source: Rong et al., *A Consistent and Efficient Evaluation Strategy for Attribution Methods*, ICML 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.outputs.base import Outputs
from unseen.explanation.ranking import rank
from unseen.metrics.case import Case, MaskMetric
from unseen.system.options import Count, Meaning

RoadOrder = Literal["combined", "morf", "lerf"]
RoadScore = Literal["kept", "probability"]


def removals(saliency: Float[Tensor, "*space"], steps: int, *, least: bool, seed: int = 0) -> Bool[Tensor, "N *space"]:
    """What is visible when 1/(steps+1), 2/(steps+1), … of the pixels are hidden.

    Args:
        saliency: any map; ties are broken at random.
        steps: how many shares.
        least: hide the least salient pixels first (LeRF), else the most salient (MoRF).
        seed: of the order among ties, the same for both.
    """
    ranking = rank(saliency, seed=seed)
    total = saliency.numel()
    counts = [round(total * step / (steps + 1)) for step in range(1, steps + 1)]
    return torch.stack([ranking.prefix(total - count) if least else ~ranking.prefix(count) for count in counts])


def outcomes(outputs: Outputs, scores: Float[Tensor, "N T"], target: int, score: RoadScore) -> Float[Tensor, " N"]:
    """Whether the decision for the target holds, 0 or 1, or its probability; float64."""
    return outputs.holds(scores, target).double() if score == "kept" else outputs.readings(scores.double())[:, target]


@dataclass(frozen=True)
class Road(MaskMetric):
    """The mean, over shares of hidden pixels, of whether the class is kept.

    It hides by the removal that judges: under ``linear`` it is the paper's ROAD, noisy linear imputation. The paper's
    accuracy is over photographs of a data set: it is the mean of this value over them, with each photograph's own class
    as the target. Lower is better of MoRF, higher of LeRF; (LeRF − MoRF) / 2 lies between −½ and ½, and a map that says
    nothing has 0 of it.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> from unseen.metrics.road import Road
        >>> Road("morf", steps=3)(case)
        1.0
    """

    order: Annotated[
        RoadOrder,
        Meaning("which pixels are hidden first: the most salient (morf), the least (lerf), or half the difference"),
    ] = "combined"
    steps: Annotated[int, Count("how many shares 1/(steps+1), 2/(steps+1), … are hidden; 9 gives 0.1 to 0.9")] = 9
    score: Annotated[
        RoadScore, Meaning("whether the class is kept, as in the paper, or its probability, which is less coarse")
    ] = "kept"

    def masks(self, case: Case) -> Tensor:
        """See :meth:`MaskMetric.masks`: LeRF's, then MoRF's, as far as they are asked for."""
        wanted = [least for least in (True, False) if self.order in ("combined", "lerf" if least else "morf")]
        return torch.cat([removals(case.saliency, self.steps, least=least, seed=case.seed) for least in wanted])

    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]) -> float:
        """The mean of :func:`outcomes`, or half the difference of the two means."""
        del masks
        found = outcomes(case.classifier.outputs, logits, case.target, self.score)
        if self.order != "combined":
            return float(found.mean())
        least, most = found.reshape(2, -1).mean(1)
        return float(least - most) / 2
