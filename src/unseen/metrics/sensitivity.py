"""Sensitivity: how far the map moves when the photograph hardly does.

Source: Yeh et al., *On the (In)fidelity and Sensitivity of Explanations*, NeurIPS 2019, Definition 3.1 (the largest
change in a ball of radius r, by sampling); Bhatt, Weller & Moura, *Evaluating and Aggregating Feature-based Model
Explanations*, IJCAI 2020 (the mean). Both are divided by the norm of the map, as is customary, so that the scale of a
method does not matter. The form under a removal is ours: the change is the loss of a small random part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.inputs.neighbourhood import Radius, noisy
from unseen.inputs.space import Space
from unseen.metrics.case import Case
from unseen.metrics.partial import partial_map
from unseen.system.options import Count, Meaning, Options, Share


def sensitivity(
    saliency: Float[Tensor, "*space"],
    others: Float[Tensor, "N *space"],
    visible: Bool[Tensor, "N *space"] | None = None,
    *,
    normalise: bool = False,
) -> Float[Tensor, " N"]:
    """‖φ(x) − φ(x′)‖ / ‖φ(x)‖ for each changed photograph x′, float64, at least 0; NaN for a map of zeros.

    Args:
        saliency: φ(x), the map of the photograph.
        others: φ(x′), the maps of changed photographs.
        visible: where the difference counts; everywhere by default. The norm below the line is that of the full map.
        normalise: divide each map by its own L2 norm first, so that only the change of its form counts (at most 2).
    """
    x, y = saliency.double(), others.to(saliency.device).double()
    if normalise:
        space = tuple(range(-x.ndim, 0))
        x, y = (maps / torch.linalg.vector_norm(maps, dim=space, keepdim=True) for maps in (x, y))
        y = y.nan_to_num()  # a map of zeros has no direction, and stays
    difference = x - y if visible is None else (x - y) * visible.to(x.device)
    norm = torch.linalg.vector_norm(x)
    found: Tensor = torch.linalg.vector_norm(difference.flatten(1), dim=1) / torch.where(norm > 0, norm, torch.nan)
    return found


@dataclass(frozen=True)
class Sensitivity(Options):
    """Mean or largest :func:`sensitivity` over random changes; the class, the method and its seed stay.

    Raises:
        ParameterError: a value outside its range.
        NotApplicableError: (when called) nobody can be asked for maps; for ``removal`` see
            :func:`~unseen.metrics.partial.partial_map`.

    Example:
        >>> from dataclasses import replace
        >>> from unseen.metrics.sensitivity import Sensitivity
        >>> unmoved = replace(case, explainer=lambda classifier, image, target: square.float())
        >>> Sensitivity("mean", samples=3)(unmoved)
        0.0
    """

    statistic: Annotated[Literal["mean", "max"], Meaning("what is told of the changes")] = "mean"
    by: Annotated[
        Literal["noise", "removal"],
        Meaning(
            "what changes the photograph: uniform noise on every pixel, or the removal, which hides a random window; "
            "then the map of what stays visible is compared"
        ),
    ] = "noise"
    samples: Annotated[int, Count("how many changes are drawn; the method is asked once for each")] = 10
    radius: Radius = 0.02
    share: Annotated[float, Share("the area of the window in the photograph's", high=0.5, ends="(]")] = 0.05
    normalise: Annotated[
        bool, Meaning("whether each map is divided by its own norm first, so that only its form counts")
    ] = False

    def __call__(self, case: Case) -> float:
        """The value; NaN for a map of zeros."""
        generator = case.generator()
        visible: Tensor | None = None
        if self.by == "noise":
            changed = noisy(case.image, self.radius, self.samples, generator)
            maps = [case.explained(image) for image in changed]
        else:
            visible = windows(case.masked.shape, self.share, self.samples, generator)
            maps = [partial_map(case, mask) for mask in visible]
        found = sensitivity(case.saliency, torch.stack(maps), visible, normalise=self.normalise)
        return float(found.mean() if self.statistic == "mean" else found.max())


def windows(shape: Space, share: float, count: int, generator: torch.Generator) -> Bool[Tensor, "N *space"]:
    """Masks that hide one window each, of this share of the area and the photograph's proportions, anywhere inside."""
    sides = [max(1, round(length * share ** (1 / len(shape)))) for length in shape]
    masks = torch.ones(count, *shape, dtype=torch.bool)
    for mask in masks:
        within = []
        for length, side in zip(shape, sides, strict=True):
            start = int(torch.randint(length - side + 1, (), generator=generator))
            within.append(slice(start, start + side))
        mask[tuple(within)] = False
    return masks
