"""How much of a map's ranking must be planted on other backgrounds to keep the decision: a judge no removal biases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from unseen.errors import NotApplicableError
from unseen.explainers.robust.contexts import ColoursAndTextures, Context
from unseen.explainers.robust.planting import Planting, foreign
from unseen.explainers.robust.search import reaches, shortest
from unseen.explanation.ranking import rank
from unseen.metrics.case import Case
from unseen.system.options import Count, Meaning, Options, Share

On = Annotated[
    Literal["plain", "photographs"],
    Meaning("the backgrounds: solid colours and smooth textures, or photographs of other classes"),
]


@dataclass(frozen=True)
class RobustSize(Options):
    """The smallest share of the ranking, in [0, 1], that keeps the decision on the share ρ of other backgrounds.

    After Definitions 1 and 2 of Chanchal, Kelly & Chockler, *Activation-Deactivation*, 2025. The unmodified network
    judges, so that every method is judged alike, whatever removal it was made with. The size is within a hundredth of a
    smaller one that fails.

    Example:
        >>> from unseen.explainers import METHODS, map_of
        >>> from unseen.metrics.case import Case
        >>> from unseen.metrics.robust_size import RobustSize
        >>> case = Case(map_of(METHODS.create("input-x-gradient"), masked, target=0), 0, masked)
        >>> 0 < RobustSize()(case) <= 1
        True
    """

    share: Annotated[float, Share("the share ρ of backgrounds on which the decision must hold", ends="()")] = 0.9
    contexts: Annotated[int, Count("how many backgrounds are tried")] = 20
    on: On = "plain"

    def __call__(self, case: Case) -> float:
        """The size.

        Raises:
            NotApplicableError: every background is of the class itself, or there are no photographs.
        """
        source = _Others(case) if self.on == "photographs" else ColoursAndTextures(case.masked.shape, case.seed)
        drawn = foreign(case.masked, case.target, source, "", self.contexts)
        planting, ranking = Planting(case.masked, case.target, drawn), rank(case.saliency, seed=case.seed)
        total = len(ranking.order)
        return shortest(lambda size: reaches(planting, ranking.prefix(size), self.share), total) / total


@dataclass(frozen=True)
class _Others:
    """The photographs of a case as contexts."""

    case: Case
    kind: str = "photographs of other classes"

    def of(self, photo: str, target: int, outputs: object = None, channels: int = 3) -> Iterator[Context]:
        """At most as many as the case has."""
        del photo, target, outputs, channels
        if self.case.others is None:
            raise NotApplicableError("there are no other photographs to plant on; give some, or choose on=plain")
        return iter(self.case.others())
