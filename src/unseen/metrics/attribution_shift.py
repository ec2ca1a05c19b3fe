"""Attribution shift: how far hiding one part moves the attributions of the part that stays visible.

Source: the thesis on zero information (seed 002), section 6.5 and Figures 12 and 13: where hidden values share a
non-linearity with visible ones, the latter's attributions change, so that a fall of the score cannot be put down to the
hidden part alone. It gives no formula; this one is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor

from unseen.errors import ParameterError
from unseen.metrics.case import Case
from unseen.metrics.partial import partial_map
from unseen.metrics.zero_information import check_share, top_share
from unseen.removal.random_parts import random_parts


def attribution_shift(before: Float[Tensor, "H W"], after: Float[Tensor, "H W"], visible: Bool[Tensor, "H W"]) -> float:
    """The least ‖φ − c φ′‖ / ‖φ‖ over c ≥ 0 on the visible part: what no rescaling of the new map explains.

    The scale is let go because a score that falls takes all of a map with it, which is no shift. The level is not: 0
    means *no attribution*, so that unlike a correlation this is defined for maps that are the same everywhere, and a
    constant that is added is a change.

    Args:
        before: φ, the map of the full photograph.
        after: φ′, the map with the rest hidden.
        visible: what stays.

    Returns:
        In [0, 1]: 0 where one map is a positive multiple of the other; 1 where nothing of the map is left, or it is
        reversed; NaN where it was zero on the visible part from the beginning.
    """
    known, found = (saliency.double().cpu()[visible.cpu()] for saliency in (before, after))
    square = float(found @ found)
    scale = max(0.0, float(known @ found) / square) if square > 0 else 0.0
    norm = float(known.norm())
    return float((known - scale * found).norm()) / norm if norm > 0 else float("nan")


@dataclass(frozen=True)
class AttributionShift:
    """How far hiding the rest moves the map of what stays visible (:func:`attribution_shift`).

    Args:
        visible: what stays: the ``top`` of the map, as in the thesis' Figure 13, or ``random`` cells of a grid of
            7 × 7.
        keep: share of the photograph that stays, in (0, 1).

    Raises:
        ParameterError: a value outside its range.
        NotApplicableError: (when called) nobody can be asked for maps of what is seen in part (see
            :func:`~unseen.metrics.partial.partial_map`).
    """

    visible: Literal["top", "random"] = "top"
    keep: float = 0.25

    def __post_init__(self) -> None:
        if self.visible not in ("top", "random"):
            raise ParameterError(f"visible {self.visible!r} must be 'top' or 'random'")
        check_share(self.keep)

    def __call__(self, case: Case) -> float:
        """The value; NaN for a map that is zero on what stays visible."""
        if self.visible == "top":
            part = top_share(case, self.keep)
        else:
            (part,) = random_parts(case.masked.shape, [self.keep], case.generator())
        return attribution_shift(case.saliency, partial_map(case, part), part)
