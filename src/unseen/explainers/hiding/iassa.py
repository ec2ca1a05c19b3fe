"""IASSA: sample again and again until the map no longer changes, and let places that look alike share their saliency.

Source: Vasu & Long, *Iterative and Adaptive Sampling with Spatial Attention for Black-Box Model Explanations*, WACV
2020. What was changed and why stands in :mod:`unseen.explainers.hiding.adaptive` and
:mod:`unseen.explainers.hiding.spatial_attention`; equation 6 is printed with (β − 1), which would subtract the
attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Score, check_score
from unseen.errors import ParameterError
from unseen.explainers.hiding.adaptive import Budget, halves, literal, windows
from unseen.explainers.hiding.spatial_attention import Attention, attention, check_temperature
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier

Form = Literal["halves", "windows", "literal"]
FORMS: tuple[Form, ...] = ("halves", "windows", "literal")


@dataclass(frozen=True, eq=False)
class Iterated:
    """The maps of an iterative search, and why it ended.

    Attributes:
        maps: S'ₖ after each iteration, the last one is the result, float32, shape (K, H, W).
        evaluations: spent until each of them.
        changes: the sum of the absolute changes of S' over that of its absolute values, for each map but the first.
        stopped: ``converged``, when the last change was below the tolerance; ``iterations`` or ``budget``.
    """

    maps: Float[Tensor, "K H W"]
    evaluations: tuple[int, ...]
    changes: tuple[float, ...]
    stopped: Literal["converged", "iterations", "budget"]


def iassa(
    masked: MaskedClassifier,
    target: int,
    *,
    look: Attention | None = None,
    beta: float = 0.5,
    form: Form = "halves",
    budget: int = 1000,
    iterations: int = 15,
    grid: int = 7,
    threshold: float = 0.3,
    tolerance: float = 0.05,
    score: Score = "probability",
    seed: int = 0,
) -> Iterated:
    """Maps of one class, each made from more evaluations than the one before.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        look: the photograph's attention A; ``None`` does without.
        beta: S' = β S + (1 − β) A S (equation 6).
        form: how masks are sampled, see :class:`Iassa`.
        budget: evaluations that are never exceeded.
        iterations: how often is sampled, at most.
        grid: cells along each side of the random masks of ``halves``.
        threshold: of the highest region of ``windows``, as a share of the map's maximum (equation 8).
        tolerance: relative change of the map at which it has converged.
        score: ``probability`` or ``logit``.
        seed: of everything random.

    Raises:
        ParameterError: a parameter outside its range, or a budget that does not pay for a first map.
    """
    _check(beta, form, budget, iterations, grid, threshold, tolerance, score)
    ask = Budget(masked, target, score, budget)

    def adjust(saliency: Tensor) -> Tensor:
        return saliency if look is None else beta * saliency + (1 - beta) * look(saliency)

    samplers: dict[Form, Iterator[Tensor]] = {
        "halves": halves(ask, adjust, iterations, grid, seed),
        "windows": windows(ask, adjust, iterations, threshold, seed),
        "literal": literal(ask, adjust, iterations),
    }
    maps: list[Tensor] = []
    spent: list[int] = []
    changes: list[float] = []
    converged = False
    for made in samplers[form]:
        if maps:
            changes.append(float((made - maps[-1]).abs().sum() / maps[-1].abs().sum().clamp(min=1e-30)))
        maps.append(made)
        spent.append(ask.spent)
        converged = bool(changes) and changes[-1] < tolerance
        if converged:
            break
    if not maps:
        raise ParameterError(f"budget {budget} does not pay for a first map of form {form!r}; raise it")
    ended: Literal["iterations", "budget"] = "budget"
    if len(maps) == iterations and ask.left:
        ended = "iterations"
    found = torch.stack(maps) * (not ask.still)
    return Iterated(found, tuple(spent), tuple(changes), "converged" if converged else ended)


@dataclass(frozen=True)
class Iassa(FromMap):
    """Sample until the map no longer changes; places that look alike to the classifier share their saliency.

    Source: Vasu & Long, WACV 2020. The forms: ``halves`` accumulates random halves of the photograph as centred RISE
    does, whatever the map so far: it ends at β RISE + (1 − β) A RISE. ``windows`` is the paper's scheme with its
    estimator corrected: shrinking windows whose centres lie in the highest region, score drops, divided by the real
    coverage. ``literal`` is the paper's estimator as printed.

    Args:
        form: ``halves``, ``windows`` or ``literal``.
        budget: evaluations that are never exceeded.
        iterations: how often is sampled, at most.
        beta: S' = β S + (1 − β) A S, with the spatial attention A of the classifier's own features; 1 does without.
        perplexity: share of the photograph that a place attends to.
        grid: cells along each side of the random masks of ``halves``.
        threshold: of the highest region of ``windows``, as a share of the map's maximum.
        tolerance: relative change of the map at which it has converged.
        score: ``probability`` or ``logit``.
        blur: see :class:`unseen.explainers.sufficient.search.FromMap`, as are the next two.
        block: 0 keeps the shortest prefix of the ranking.
        steps: prefix sizes evaluated for the curves.

    Raises:
        ParameterError: a parameter outside its range.
        NotApplicableError: (on use) β is below 1 and positions cannot be followed through the network.
    """

    form: Form = "halves"
    budget: int = 1000
    iterations: int = 15
    beta: float = 0.5
    perplexity: float = 0.05
    grid: int = 7
    threshold: float = 0.3
    tolerance: float = 0.05
    score: Score = "probability"
    stage = "iterations"
    empty = "no mask changes the score of {label}: the map is empty"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(
            self.beta,
            self.form,
            self.budget,
            self.iterations,
            self.grid,
            self.threshold,
            self.tolerance,
            self.score,
        )
        check_temperature(1.0, self.perplexity)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        """See :func:`iassa`."""
        del domain
        masked = evaluate.masked
        look = None
        if self.beta < 1:
            (look,) = masked.in_batches(
                1, lambda *_: attention(masked.classifier, masked.image, perplexity=self.perplexity)
            )
        found = iassa(
            masked,
            evaluate.target,
            look=look,
            beta=self.beta,
            form=self.form,
            budget=self.budget - (look is not None),  # the pass for the attention is one of them
            iterations=self.iterations,
            grid=self.grid,
            threshold=self.threshold,
            tolerance=self.tolerance,
            score=self.score,
            seed=seed,
        )
        return Findings(found.maps[-1], notes=_notes(found, self.tolerance), record=_record(found, look))

    def cost(self, shape: tuple[int, int]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.budget


def _notes(found: Iterated, tolerance: float) -> tuple[str, ...]:
    if found.stopped == "converged":
        return ()
    last = f"changed by {100 * found.changes[-1]:.0f} %" if found.changes else "was the only one"
    why = "all iterations were done" if found.stopped == "iterations" else "the budget was spent"
    return (f"the map has not converged to {100 * tolerance:g} %: the last of {len(found.maps)} {last}, and {why}",)


def _record(found: Iterated, look: Attention | None) -> dict[str, Any]:
    record: dict[str, Any] = {
        "evaluations": list(found.evaluations),
        "changes": list(found.changes),
        "stopped": found.stopped,
    }
    if look is not None:
        record["attention"] = {
            "levels": [list(level) for level in look.levels],
            "temperature": look.temperature,
            "perplexity": look.perplexity,
        }
    return record


def _check(
    beta: float,
    form: str,
    budget: int,
    iterations: int,
    grid: int,
    threshold: float,
    tolerance: float,
    score: str,
) -> None:
    if form not in FORMS:
        raise ParameterError(f"form {form!r} must be one of {', '.join(map(repr, FORMS))}")
    for name, value, least in (("budget", budget, 10), ("iterations", iterations, 1), ("grid", grid, 1)):
        if value < least:
            raise ParameterError(f"{name} {value} must be at least {least}")
    for name, share in (("beta", beta), ("threshold", threshold), ("tolerance", tolerance)):
        if not 0 <= share <= 1:
            raise ParameterError(f"{name} {share} must lie in [0, 1]")
    check_score(score)
