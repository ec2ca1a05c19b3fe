"""LIME: a linear model of the score on which segments are shown, fitted near the whole photograph.

Source: Ribeiro, Singh & Guestrin, *"Why Should I Trust You?" Explaining the Predictions of Any Classifier*, KDD 2016,
equation 1 and section 3.4; constants and the ridge penalty are those of the authors' ``lime_image``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import softshrink

from unseen.classifier.scores import Score, Scores
from unseen.explainers.hiding.own_segments import BySegments, segments_of
from unseen.explainers.hiding.rounds import Tolerance, between_halves, reached, recorded, rounds, told
from unseen.explainers.hiding.segments import Segments, coalition_scores, number_of
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.inputs.space import Space
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning, Positive, Share

Penalty = Annotated[Literal["ridge", "lasso"], Meaning("what is added to the squares; ``lasso`` sets some to 0")]

_POOR = 0.3
_SWEEPS = 10_000


@dataclass(frozen=True, eq=False)
class LinearModel:
    """score ≈ intercept + the sum of the coefficients of the segments shown, for each class.

    Attributes:
        coefficients: float64, shape (T, S).
        intercept: float64, shape (T,).
        r2: weighted share of the score's variance that the model describes, at most 1, shape (T,); 1 for a score that
            does not vary by more than rounding, of which every coefficient is 0.
        converged: whether the fit is exact to rounding; ridge always is.
    """

    coefficients: Tensor
    intercept: Tensor
    r2: Tensor
    converged: bool


@dataclass(frozen=True, eq=False)
class LimeModel(LinearModel):
    """The linear model of a photograph's scores.

    Attributes:
        samples: how many sets of segments were evaluated.
        error: the standard error of each class's coefficients as a share of their size, from how the models of two
            halves of the samples differ; shape (T,). Infinite where all are 0, of fewer than two samples, and of a
            lasso without a tolerance, whose two further fits may take seconds.
    """

    samples: int
    error: Tensor


def lime(
    masked: MaskedClassifier,
    targets: Sequence[int],
    segments: Int[Tensor, "*space"],
    options: Lime,
    *,
    seed: int = 0,
) -> LimeModel:
    """The local linear model of several classes, from the same samples.

    Args:
        masked: the classifier and its photograph.
        targets: class indices.
        segments: numbers 0 … S − 1 of the segments, in place of those that ``options`` would cut.
        options: of the method; the first sample is the whole photograph.
        seed: of the samples.

    Raises:
        ParameterError: segments that are not the photograph's.
    """
    count = number_of(segments, masked.shape)
    generator = torch.Generator().manual_seed(seed)
    coalitions = torch.rand(options.samples, count, generator=generator, dtype=torch.float32) < options.visible
    coalitions[0] = True
    weights, found = proximity(coalitions, options.width), []
    for first, last in rounds(options.samples, 4 * count, options.tolerance):
        found.append(coalition_scores(masked, coalitions[first:last], segments, targets, options.score))
        scores = Scores.joined(found)
        error = _error(coalitions[:last], scores, weights[:last], options)
        if reached(error, options.tolerance):
            break
    model = fit(coalitions[:last], scores, weights[:last], options.penalty, options.strength)
    return LimeModel(**vars(model), samples=last, error=error)


def _error(
    coalitions: Bool[Tensor, "N S"], scores: Scores, weights: Float[Tensor, " N"], options: Lime
) -> Float[Tensor, " T"]:
    """The relative error of the coefficients, from two models of half the samples with half the penalty each."""
    if len(coalitions) < 2 or (options.penalty == "lasso" and not options.tolerance):
        return torch.full(scores.values.shape[1:], torch.inf, dtype=torch.float64)
    one, other = (
        fit(
            coalitions[half::2],
            Scores(*(each[half::2] for each in scores)),
            weights[half::2],
            options.penalty,
            options.strength / 2,
        ).coefficients
        for half in range(2)
    )
    return between_halves(one, other)


def proximity(coalitions: Bool[Tensor, "N S"], width: float) -> Float[Tensor, " N"]:
    """√exp(−d²/width²), with d the cosine distance to the whole photograph: 1 − √(share of segments shown)."""
    distance = 1 - coalitions.double().mean(1).sqrt()
    return torch.exp(-((distance / width) ** 2) / 2)


def fit(
    coalitions: Bool[Tensor, "N S"],
    scores: Scores,
    weights: Float[Tensor, " N"],
    penalty: Penalty,
    strength: float,
) -> LinearModel:
    """Weighted least squares with a penalty on the coefficients; the intercept is free.

    It is the least of Σ wᵢ (yᵢ − ŷᵢ)² + strength · ‖β‖², or ‖β‖₁ for ``lasso``, which sets coefficients to 0.

    Args:
        coalitions: the segments shown.
        scores: y, with their errors.
        weights: w, float64.
        penalty: ``ridge`` or ``lasso``.
        strength: above 0.
    """
    total = weights.sum()
    x, y = coalitions.double(), scores.values
    shown, level = weights @ x / total, weights @ y / total
    x, y = x - shown, y - level
    gram, moment = x.T @ (weights[:, None] * x), x.T @ (weights[:, None] * y)
    constant = scores.still
    moment[:, constant] = 0
    if penalty == "ridge":
        coefficients, converged = (
            torch.linalg.solve(gram + strength * torch.eye(len(gram), dtype=torch.float32).double(), moment),
            True,
        )
    else:
        coefficients, converged = _lasso(gram, moment, strength / 2)
    left, spread = weights @ (y - x @ coefficients) ** 2, weights @ y**2
    r2 = torch.where(constant, 1.0, 1 - left / torch.where(constant, 1.0, spread))
    return LinearModel(coefficients.T, level - shown @ coefficients, r2, converged)


@dataclass(frozen=True)
class Lime(BySegments):
    """Show random segments; a pixel's saliency is the coefficient of its segment in a local linear model.

    Source: Ribeiro, Singh & Guestrin, KDD 2016. Segments are SLIC superpixels, or those of a file.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.hiding.lime import Lime
        >>> saliency = map_of(Lime(segments=10, samples=200), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    segments: Segments = 50
    samples: Annotated[int, Count("how many sets of segments are shown at most, an evaluation each")] = 1000
    visible: Annotated[float, Share("the probability that a segment is shown", ends="()")] = 0.5
    width: Annotated[
        float, Positive("the width of the kernel that weights samples by how much of the photograph they show")
    ] = 0.25
    penalty: Penalty = "ridge"
    strength: Annotated[
        float, Positive("the weight of the penalty; without one the samples need not determine the coefficients")
    ] = 1.0
    score: Score = "probability"
    tolerance: Tolerance = 0.0
    stage = "random segments"
    empty = "the linear model gives no segment a share in the score of {label}: the map is empty"
    inside = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`lime`."""
        del domain
        cut = segments_of(evaluate.masked, self.segments, self.file)
        model = lime(evaluate.masked, [evaluate.target], cut.numbers, self, seed=seed)
        coefficients, r2, error = model.coefficients[0], float(model.r2[0]), float(model.error)
        notes = [*cut.notes, *told(error, self.tolerance, "samples", self.samples)]
        if self.samples <= len(coefficients):
            notes.append(
                f"{self.samples} samples cannot determine the coefficients of {len(coefficients)} segments: the "
                "penalty does; give more samples, or fewer segments"
            )
        if r2 < _POOR:
            notes.append(
                f"the linear model hardly describes the classifier here: it explains {r2:.0%} of the score's variance"
            )
        if not model.converged:
            notes.append(f"the lasso did not converge in {_SWEEPS} sweeps; give it a larger strength or more samples")
        record = {
            "segments": len(coefficients),
            "samples": model.samples,
            "relative_error": recorded(error),
            "r2": r2,
            "intercept": float(model.intercept[0]),
            "converged": model.converged,
        }
        return Findings(coefficients[cut.numbers].float(), notes=tuple(notes), record=record)

    def cost(self, shape: Space) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.samples


def _lasso(gram: Tensor, moment: Tensor, threshold: float) -> tuple[Tensor, bool]:
    """The least of βᵀGβ / 2 − βᵀm + threshold · ‖β‖₁ by coordinate descent, for each column of ``moment``."""
    diagonal = gram.diagonal().clamp(min=torch.finfo(gram.dtype).tiny)  # 0 where a segment is always shown, or never
    coefficients = torch.zeros_like(moment)
    for _ in range(_SWEEPS):
        before = coefficients.clone()
        for s in range(len(gram)):
            pull = moment[s] - gram[s] @ coefficients + diagonal[s] * coefficients[s]
            coefficients[s] = softshrink(pull, threshold) / diagonal[s]
        if bool((coefficients - before).abs().max() <= 1e-12 * coefficients.abs().max()):
            return coefficients, True
    return coefficients, False
