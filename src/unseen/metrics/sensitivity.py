"""Sensitivity: how far the map moves when the photograph hardly does.

Source: Yeh et al., *On the (In)fidelity and Sensitivity of Explanations*, NeurIPS 2019, Definition 3.1 (the largest
change in a ball of radius r, by sampling); Bhatt, Weller & Moura, *Evaluating and Aggregating Feature-based Model
Explanations*, IJCAI 2020 (the mean). Both are divided by the norm of the map, as is customary, so that the scale of a
method does not matter. The form under a removal is ours: the change is the loss of a small random part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.errors import ParameterError
from unseen.inputs.neighbourhood import Radius, noisy
from unseen.metrics.case import Case
from unseen.metrics.partial import partial_map
from unseen.system.options import check


def sensitivity(
    saliency: Float[Tensor, "H W"],
    others: Float[Tensor, "N H W"],
    visible: Bool[Tensor, "N H W"] | None = None,
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
        x, y = (maps / torch.linalg.vector_norm(maps, dim=(-2, -1), keepdim=True) for maps in (x, y))
        y = y.nan_to_num()  # a map of zeros has no direction, and stays
    difference = x - y if visible is None else (x - y) * visible.to(x.device)
    norm = torch.linalg.vector_norm(x)
    found: Tensor = torch.linalg.vector_norm(difference, dim=(1, 2)) / torch.where(norm > 0, norm, torch.nan)
    return found


@dataclass(frozen=True)
class Sensitivity:
    """Mean or largest :func:`sensitivity` over random changes; the class, the method and its seed stay.

    Args:
        statistic: ``mean`` or ``max`` over the changes.
        by: ``noise``: every value of every pixel moves uniformly by at most ``radius``, then is clamped to [0, 1].
            ``removal``: the case's removal hides a random window, and the map of what stays visible is compared; the
            window's border is new to the photograph, which a map of edges feels.
        samples: changes, at least 1; the method is asked once for each.
        radius: of the L∞ ball in pixel units, in (0, 1]; 0.02 is five grey levels. For ``noise``.
        share: area of the window in the photograph's, in (0, 0.5]. For ``removal``.
        normalise: see :func:`sensitivity`.

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

    statistic: Literal["mean", "max"] = "mean"
    by: Literal["noise", "removal"] = "noise"
    samples: int = 10
    radius: float = 0.02
    share: float = 0.05
    normalise: bool = False

    def __post_init__(self) -> None:
        if self.statistic not in ("mean", "max"):
            raise ParameterError(f"statistic {self.statistic!r} must be 'mean' or 'max'")
        if self.by not in ("noise", "removal"):
            raise ParameterError(f"by {self.by!r} must be 'noise' or 'removal'")
        if self.samples < 1:
            raise ParameterError(f"samples {self.samples} must be at least 1")
        check("radius", self.radius, Radius)
        if not 0 < self.share <= 0.5:
            raise ParameterError(f"share {self.share} must be in (0, 0.5]; what stays visible is compared")

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


def windows(shape: tuple[int, int], share: float, count: int, generator: torch.Generator) -> Bool[Tensor, "N H W"]:
    """Masks that hide one window each, of this share of the area and the photograph's proportions, anywhere inside."""
    rows, columns = (max(1, round(side * share**0.5)) for side in shape)
    masks = torch.ones(count, *shape, dtype=torch.bool)
    for mask in masks:
        top = int(torch.randint(shape[0] - rows + 1, (), generator=generator))
        left = int(torch.randint(shape[1] - columns + 1, (), generator=generator))
        mask[top : top + rows, left : left + columns] = False
    return masks
