"""The causal search as a method: the responsibility map, and the parts that are taken from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import torch
from jaxtyping import Bool
from torch import Tensor

from unseen.explainers.causal.responsibility import Credit, responsibility
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import Block, Blur, FromMap
from unseen.explanation import Findings
from unseen.inputs.space import side_of
from unseen.system.options import Count, Share


@dataclass(frozen=True)
class Causal(FromMap):
    """Search for the pixels that cause a decision, then for a small part that suffices for it.

    After ReX (Chockler, Kelly & Kroening, "Causal Explanations for Image Classifiers", 2024), with static boxes kept
    at every level, a smoothed ranking, and parts that are evaluated, minimised and verified. Lengths are shares of
    the photograph's shorter side, so that they mean the same at every resolution.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers.causal.method import Causal
        >>> part, larger = Causal(iterations=5)(masked, target=0, confidence=(0.5, 0.9)).parts
        >>> part.fraction <= larger.fraction < 0.1
        True
    """

    iterations: Annotated[
        int, Count("how many random refinements of the whole photograph are made, about twelve evaluations each")
    ] = 12
    credit: Credit = "minimal"
    min_box: Annotated[
        float,
        Share("the narrowest side of a box of the search, as a share of the photograph's shorter side", 0, 0.5, "(]"),
    ] = 0.18
    blur: Blur = field(default=0.05, kw_only=True)
    block: Block = field(default=0.072, kw_only=True)
    stage = "responsibility"
    empty = "the responsibility map is empty"
    inside = False
    renewed = True

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`responsibility`."""
        shape = evaluate.masked.shape
        found = responsibility(
            evaluate,
            shape,
            iterations=self.iterations,
            credit=self.credit,
            min_side=side_of(self.min_box, shape),
            seed=seed,
            domain=domain,
        )
        if bool(found.any()) and not evaluate.still:
            return Findings(found)
        label = evaluate.masked.classifier.label(evaluate.target)
        if evaluate.still:  # every box would do, and which of them earned most was drawn
            return Findings(torch.zeros_like(found), notes=(f"hiding anything changes nothing for {label}",))
        return Findings(found, notes=(f"no set of boxes alone keeps {label} on top",))

    def cost(self, shape: tuple[int, ...]) -> None:
        """Not known before the search: which boxes keep the class decides which are split further."""
