"""Gradients along paths: what the change from a baseline to the photograph adds, pixel by pixel, to the score.

Sources: Sundararajan, Taly & Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017, equation 1 (integrated
gradients); Erion et al., *Improving performance of deep learning models with axiomatic attribution priors and expected
gradients*, 2021, equation 2 (expected gradients).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Scores
from unseen.errors import ParameterError
from unseen.explainers.gradients.baselines import Baseline, Photos, backgrounds, baseline_of, digest_of
from unseen.explainers.gradients.derivatives import column, derivatives, over_channels, stream
from unseen.explainers.gradients.gradient import FromGradients
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Share

_FIRST = 17


@dataclass(frozen=True, eq=False)
class Path:
    """An attribution that should add up to the difference of two scores.

    Attributes:
        values: what each pixel value adds, float32, shape ``(C, *space)``.
        difference: the score of the photograph minus that of the baseline (their mean, where there are several).
        evaluations: passes with a gradient.
        converged: whether the gap came below the tolerance, or below the rounding of the scores.
        rounding: how much of the difference may be rounding of the scores.
    """

    values: Tensor
    difference: float
    evaluations: int
    converged: bool
    rounding: float = 0.0

    @property
    def gap(self) -> float:
        """What is missing to completeness: the difference of the scores minus the sum of the values."""
        return self.difference - float(self.values.double().sum())


def integrated_gradients(
    masked: MaskedClassifier,
    target: int,
    baseline: Float[Tensor, "C *space"],
    options: IntegratedGradients,
) -> Path:
    """Integrated gradients on the straight line from a baseline, with steps where they are needed.

    The integral is taken by the trapezoidal rule on 16 intervals; then the intervals are halved whose own gap, the
    difference of the scores at their ends minus the integral over them, is largest, until both the sum of the gaps and
    the root of the sum of their squares (so that it is not small by chance) are below the tolerance, or below what the
    scores round by.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        baseline: any image, such as a colour or a point without information, in place of that of ``options``.
        options: of the method.

    Raises:
        ParameterError: a baseline of another shape.
        NotApplicableError: the network cannot be differentiated.
    """
    image = masked.image
    if baseline.shape != image.shape:
        raise ParameterError(f"the baseline has shape {tuple(baseline.shape)}; expected {tuple(image.shape)}")
    change = image - baseline
    rounding = 0.0
    seen: dict[float, tuple[Tensor, float, float]] = {}
    """By the share of the way: the gradient, the score, and the slope of the score along the way."""

    def visit(shares: list[float]) -> None:
        def pixels(first: int, last: int) -> Tensor:
            return baseline + column(torch.tensor(shares[first:last], dtype=torch.float32), image) * change

        nonlocal rounding
        number = 0
        for gradients, scores in derivatives(masked, pixels, len(shares), target, options.score):
            rounding = max(rounding, float(scores.errors.max()))
            slopes = gradients.double().flatten(1) @ change.double().flatten()
            for one, (value,), slope in zip(gradients, scores.values.tolist(), slopes.tolist(), strict=True):
                seen[shares[number]] = one, value, slope
                number += 1

    visit([i / (_FIRST - 1) for i in range(_FIRST)])
    while True:
        ends = sorted(seen)
        gaps = {(a, b): seen[b][1] - seen[a][1] - (b - a) * (seen[a][2] + seen[b][2]) / 2 for a, b in pairwise(ends)}
        difference = seen[1.0][1] - seen[0.0][1]
        error = max(abs(sum(gaps.values())), math.hypot(*gaps.values()))
        converged = error <= max(options.tolerance * abs(difference), rounding)
        room = min(_FIRST - 1, options.most - len(seen))
        if converged or room < 1:
            break
        worst = sorted(gaps, key=lambda interval: abs(gaps[interval]), reverse=True)[:room]
        visit([(a + b) / 2 for a, b in worst])
    mean = torch.zeros(image.shape, dtype=torch.float64)
    for a, b in pairwise(ends):
        mean += (b - a) / 2 * (seen[a][0] + seen[b][0])
    return Path((mean * change).float(), difference, len(seen), converged, rounding)


def expected_gradients(
    masked: MaskedClassifier,
    target: int,
    background: Callable[[int], Float[Tensor, "C *space"]],
    options: ExpectedGradients,
    *,
    seed: int = 0,
) -> Path:
    """Integrated gradients averaged over baselines: each sample has a baseline and a place on the line from it.

    The places are stratified: one falls into each of ``samples`` equal intervals.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        background: the baseline of each sample, by its number, in place of the photographs of ``options``.
        options: of the method; as many passes without a gradient are spent on the baselines' scores.
        seed: of the places.

    Returns:
        Complete in expectation; its gap is the error of sampling. ``converged`` is true where the gap is below a
        twentieth of the difference, or below what the scores round by.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    image, samples = masked.image, options.samples
    generator = stream(seed, 0)
    shares = (
        torch.randperm(samples, generator=generator) + torch.rand(samples, generator=generator, dtype=torch.float32)
    ) / samples

    def between(first: int, last: int) -> Tensor:
        baselines = torch.stack([background(i) for i in range(first, last)])
        return baselines + column(shares[first:last], image) * (image - baselines)

    values, number = torch.zeros(image.shape, dtype=torch.float64), 0
    for gradients, _ in derivatives(masked, between, samples, target, options.score):
        for one in gradients:
            values += one.double() * (image - background(number))
            number += 1

    @torch.no_grad()
    def evaluate(first: int, last: int) -> Scores:
        images = torch.stack([image if i == samples else background(i) for i in range(first, last)])
        return Scores.of(masked.classifier, masked.classifier.logits(images), [target], options.score)

    scores = Scores.joined(masked.in_batches(samples + 1, evaluate))
    difference, rounding = float(scores.values[-1] - scores.values[:-1].mean()), float(scores.errors.max())
    gap = abs(difference - float(values.sum()) / samples)
    converged = gap <= max(0.05 * abs(difference), rounding)
    return Path((values / samples).float(), difference, samples, converged, rounding)


@dataclass(frozen=True)
class IntegratedGradients(FromGradients):
    """What the change from a baseline to the photograph adds to the score, pixel by pixel.

    Source: Sundararajan, Taly & Yan, ICML 2017. The record says how far the map's sum is from the difference of scores.

    For any other image see :func:`integrated_gradients`.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.gradients.integrated import IntegratedGradients
        >>> saliency = map_of(IntegratedGradients(baseline="black"), masked, target=0)
        >>> 6.18 < saliency.sum() < 6.32  # what the photograph adds to black, within the tolerance of 1 %
        tensor(True)
    """

    baseline: Baseline = "black"
    tolerance: Annotated[
        float, Share("the largest gap to completeness, as a share of the difference of the scores", ends="()")
    ] = 0.01
    most: Annotated[int, Count("how many passes with a gradient are made at most", _FIRST)] = 300

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`integrated_gradients`."""
        del seed, domain
        masked = evaluate.masked
        baseline = baseline_of(self.baseline, masked.classifier, masked.image, evaluate.target)
        return _findings(integrated_gradients(masked, evaluate.target, baseline, self), self)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.most


@dataclass(frozen=True)
class ExpectedGradients(FromGradients):
    """Integrated gradients averaged over many baselines, so that no single one is chosen.

    Source: Erion et al., 2021.

    Raises:
        ParameterError: an option outside its range.
        PhotoError: (from a call) no photographs in the folder.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.gradients.integrated import ExpectedGradients
        >>> saliency = map_of(ExpectedGradients(samples=50), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    photos: Photos = None
    samples: Annotated[int, Count("how many passes with a gradient are made", 2)] = 200

    @property
    def content(self) -> str:
        """Of the folder's photographs; empty without one."""
        return digest_of(self.photos, self.samples)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`expected_gradients`."""
        del domain
        masked = evaluate.masked
        background = backgrounds(self.photos, masked.classifier, masked.image, self.samples, seed)
        return _findings(expected_gradients(masked, evaluate.target, background, self, seed=seed), self)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return 2 * self.samples + 1


def _findings(found: Path, method: FromGradients) -> Findings:
    total = f"the map adds up to {found.difference - found.gap:.3g} after {found.evaluations} gradients"
    if found.converged:
        notes = []
    elif abs(found.difference) <= found.rounding:
        notes = [f"{total}, though from the baseline to the photograph the {method.score} does not change at all"]
    else:
        gap = 100 * abs(found.gap / found.difference)
        notes = [f"{total}, where the {method.score} changes by {found.difference:.3g}: a gap of {gap:.1f} %"]
    record = {
        "difference": found.difference,
        "completeness_gap": found.gap,
        "gradients": found.evaluations,
        "converged": found.converged,
    }
    return Findings(over_channels(found.values, method.channels), notes=tuple(notes), record=record)
