"""The causal search as a method: the responsibility map, and the parts that are taken from it."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Bool
from torch import Tensor

from unseen.errors import ParameterError
from unseen.explainers.causal.responsibility import Credit, check_credit, responsibility
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings

_EVALUATIONS_OF_ITERATION = {"minimal": 12, "rex": 28, "definition": 28}


@dataclass(frozen=True)
class Causal(FromMap):
    """Search for the pixels that cause a decision, then for a small part that suffices for it.

    After ReX (Chockler, Kelly & Kroening, "Causal Explanations for Image Classifiers", 2024), with static boxes kept
    at every level, a smoothed ranking, and parts that are evaluated, minimised and verified. Lengths are shares of
    the photograph's shorter side, so that they mean the same at every resolution.

    Args:
        iterations: random refinements of the whole photograph; about twelve evaluations each.
        credit: what a box earns: ``minimal``, ``rex`` or ``definition``, see :func:`responsibility`. The last two
            evaluate every subset of boxes: two to three times the cost, for parts of the same size.
        min_box: no box of the search is narrower (0.18 is 40 pixels of 224).
        blur: standard deviation of the Gaussian that smooths the map before pixels are ranked.
        block: side of the square blocks for which a part is made minimal; blocks of twice that side go first. 0 keeps
            the shortest prefix of the ranking, as ReX does: a larger part for a fraction of the evaluations.
        steps: prefix sizes evaluated for the curves, where each bisection begins.

    Raises:
        ParameterError: a parameter outside its range.

    Example:
        >>> Causal(iterations=5)(masked, target=3, confidence=(0.5, 0.9)).parts[0].fraction  # doctest: +SKIP
        0.04
    """

    iterations: int = 12
    credit: Credit = "minimal"
    min_box: float = 0.18
    blur: float = field(default=0.05, kw_only=True)
    block: float = field(default=0.072, kw_only=True)
    stage = "responsibility"
    empty = "no set of boxes alone keeps {label} on top: the responsibility map is empty"
    inside = False
    renewed = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.iterations < 1:
            raise ParameterError(f"iterations {self.iterations} must be at least 1")
        if not 0 < self.min_box <= 0.5:
            raise ParameterError(f"min_box {self.min_box} must lie in (0, 0.5]; it is a share of the shorter side")
        check_credit(self.credit)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        """See :func:`responsibility`."""
        shape = evaluate.masked.shape
        found = responsibility(
            evaluate,
            shape,
            iterations=self.iterations,
            credit=self.credit,
            min_side=max(1, round(self.min_box * min(shape))),
            seed=seed,
            domain=domain,
        )
        return Findings(found)

    def cost(self, shape: tuple[int, int]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.iterations * _EVALUATIONS_OF_ITERATION[self.credit]
