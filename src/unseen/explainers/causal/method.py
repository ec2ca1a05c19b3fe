"""The causal search as a method: the responsibility map, and the parts that are taken from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.explainers.causal.responsibility import Credit, responsibility
from unseen.explainers.sufficient.criterion import Criterion, lost
from unseen.explainers.sufficient.evaluation import Evaluate, Evaluator, Verdicts
from unseen.explainers.sufficient.search import Block, Blur, FromMap
from unseen.explanation import Findings
from unseen.inputs.space import side_of
from unseen.system.options import Count, Meaning, Share


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
        int,
        Count(
            "how many random refinements of the whole photograph are made, about twelve evaluations each; half as many "
            "more for necessary parts"
        ),
    ] = 12
    credit: Credit = "minimal"
    role: Annotated[
        Literal["sufficient", "necessary"],
        Meaning("what boxes are credited for: that showing them is enough, or that hiding them ends the decision"),
    ] = "sufficient"
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
        """See :func:`responsibility`, and :meth:`necessity`."""
        if self.role == "necessary":
            return Findings(self._of_losing(lost(evaluate), seed, domain, self.iterations))
        found = self._responsibility(evaluate, evaluate.masked.shape, seed, domain, self.iterations)
        if bool(found.any()) and not evaluate.still:
            return Findings(found)
        label = evaluate.label
        if evaluate.still:  # every box would do, and which of them earned most was drawn
            return Findings(torch.zeros_like(found), notes=(f"hiding anything changes nothing for {label}",))
        return Findings(found, notes=(f"no set of boxes alone keeps the decision for {label}",))

    def necessity(self, criterion: Criterion, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """Responsibility for the loss of the decision, the boxes of a subset hidden instead of shown.

        Where it is not the map that is shown it only ranks the pixels of necessary parts, for which half of the
        iterations do as well.

        The credit ``1/|S|`` of the smallest sets S whose hiding changes the decision is the degree of responsibility by
        Chockler & Halpern, *Responsibility and Blame*, JAIR 2004: 1/(1 + k), where the k other boxes of S must be
        hidden before hiding this one makes the difference.
        """
        shown = self.role == "necessary"
        iterations = self.iterations if shown else ceil(self.iterations / 2)
        return Findings(self._of_losing(criterion, seed, domain, iterations))

    def _of_losing(
        self, criterion: Criterion, seed: int, domain: Bool[Tensor, "*space"] | None, iterations: int
    ) -> Float[Tensor, "*space"]:
        return self._responsibility(_as_verdicts(criterion), criterion.evaluator.masked.shape, seed, domain, iterations)

    def _responsibility(
        self,
        evaluate: Evaluate,
        shape: tuple[int, ...],
        seed: int,
        domain: Bool[Tensor, "*space"] | None,
        iterations: int,
    ) -> Float[Tensor, "*space"]:
        return responsibility(
            evaluate,
            shape,
            iterations=iterations,
            credit=self.credit,
            min_side=side_of(self.min_box, shape),
            seed=seed,
            domain=domain,
        )

    def cost(self, shape: tuple[int, ...]) -> None:
        """Not known before the search: which boxes keep the class decides which are split further."""


def _as_verdicts(criterion: Criterion) -> Evaluate:
    """What the search asks of a subset of boxes, answered by a criterion."""

    def evaluate(sets: Iterable[Tensor]) -> Verdicts:
        found = criterion(sets)
        return Verdicts(found.margin, found.passes)

    return evaluate
