"""DeepLIFT: how each input's difference from a baseline changes the score, by the differences of all activations.

Source: Shrikumar, Greenside & Kundaje, *Learning Important Features Through Propagating Activation Differences*, ICML
2017, section 3.5.1 (the rescale rule). What it leaves open is filled so that the sum of contributions stays exact: of a
product each factor is credited at the mean of the other, softmax and norms are taken apart into functions of one value,
sums and products, and a maximum is credited to the one input that made the change. RevealCancel is not offered: its
positive and negative contributions travel apart, which no single derivative per tensor can carry.

DeepSHAP averages them over many baselines: Lundberg & Lee, *A Unified Approach to Interpreting Model Predictions*,
NeurIPS 2017, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.differentiation import differentiated
from unseen.errors import ParameterError
from unseen.explainers.gradients.baselines import Baseline, Photos, backgrounds, baseline_of, digest_of
from unseen.explainers.gradients.derivatives import over_channels
from unseen.explainers.gradients.gradient import FromGradients
from unseen.explainers.propagation.deeplift_rules import Differences
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier
from unseen.system.options import Count

_GAP = 0.01
"""Share of the change above which a gap is told."""


@dataclass(frozen=True, eq=False)
class Contributions:
    """Contributions that add up to the difference of two logits.

    Attributes:
        values: of every value of the network's input, float32, shape ``(C, *space)``.
        difference: the logit of the photograph minus that of the baseline.
        gap: the difference minus the sum of the values; by rounding.
    """

    values: Float[Tensor, "C *space"]
    difference: float
    gap: float


def deeplift(masked: MaskedClassifier, target: int, baseline: Float[Tensor, "C *space"]) -> Contributions:
    """DeepLIFT contributions by the rescale rule; two passes.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        baseline: any image, such as a colour.

    Raises:
        ParameterError: a baseline of another shape.
        NotApplicableError: the network has a function without a rule.
    """
    if baseline.shape != masked.image.shape:
        raise ParameterError(f"the baseline has shape {tuple(baseline.shape)}; expected {tuple(masked.image.shape)}")
    classifier = masked.classifier
    tape: list[Tensor] = []
    inputs = [classifier.normalise(image[None]).detach() for image in (baseline, masked.image)]

    def passed(number: int) -> tuple[float, Tensor | None]:
        """The logit, and of the photograph the multipliers."""
        if number == 0:
            tape.clear()
        run = Differences(classifier, tape, recording=number == 0)
        with classifier.frozen(), torch.enable_grad():
            entered = inputs[number].clone().requires_grad_()
            output = classifier.call(run.enter(entered), run)
            logit = classifier.check(output, 1, run)[0, target]
            if not logit.requires_grad:
                raise run.refusal("the output", "does not depend on the photograph")
            multipliers = differentiated(classifier, logit, [entered])[0] if number else None
        return float(logit.detach()), multipliers

    def evaluate(first: int, last: int) -> list[tuple[float, Tensor | None]]:
        return [passed(number) for number in range(first, last)]

    (reference, _), (logit, multipliers) = (one for batch in masked.in_batches(2, evaluate) for one in batch)
    assert multipliers is not None
    values = (multipliers * (inputs[1] - inputs[0]))[0]
    difference = logit - reference
    return Contributions(values.float().cpu(), difference, difference - float(values.double().sum()))


@dataclass(frozen=True)
class DeepLift(FromGradients):
    """How each pixel's difference from a baseline changes the logit, by the differences of all activations.

    Source: Shrikumar, Greenside & Kundaje, ICML 2017, the rescale rule. The map adds up to the change of the logit.

    For any other image see :func:`deeplift`.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.propagation.deeplift import DeepLift
        >>> map_of(DeepLift(baseline="black"), masked, target=0).sum()  # the logit less that of black
        tensor(6.2500)
    """

    baseline: Baseline = "black"
    score: Literal["logit"] = field(default="logit", init=False)
    stage: ClassVar[str] = "contributions"

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`deeplift`."""
        del seed, domain
        masked = evaluate.masked
        baseline = baseline_of(self.baseline, masked.classifier, masked.image, evaluate.target)
        return _findings(deeplift(masked, evaluate.target, baseline), self)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return 2


def deepshap(
    masked: MaskedClassifier, target: int, background: Callable[[int], Float[Tensor, "C *space"]], samples: int
) -> Contributions:
    """DeepLIFT contributions averaged over baselines; two passes for each of them.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        background: the baseline of each sample, by its number.
        samples: how many baselines, at least 1.

    Returns:
        Contributions that add up to the logit minus its mean over the baselines.

    Raises:
        NotApplicableError: the network has a function without a rule.
    """
    values = torch.zeros(masked.image.shape, dtype=torch.float64)
    difference = 0.0
    for number in range(samples):
        found = deeplift(masked, target, background(number))
        values += found.values.double() / samples
        difference += found.difference / samples
    return Contributions(values.float(), difference, difference - float(values.sum()))


@dataclass(frozen=True)
class DeepShap(FromGradients):
    """DeepLIFT contributions averaged over many baselines, so that no single one is chosen.

    Source: Lundberg & Lee, NeurIPS 2017, section 4.2, with the rescale rule: Shapley values of a linear network whose
    pixels are hidden independently, and approximations of them elsewhere.

    For any other baselines see :func:`deepshap`.

    Raises:
        ParameterError: an option outside its range.
        PhotoError: (from a call) no photographs in the folder.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.propagation.deeplift import DeepShap
        >>> saliency = map_of(DeepShap(samples=5), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    photos: Photos = None
    samples: Annotated[int, Count("how many baselines the photograph is compared with, two passes each", 1)] = 25
    score: Literal["logit"] = field(default="logit", init=False)
    stage: ClassVar[str] = "contributions"

    @property
    def content(self) -> str:
        """Of the folder's photographs; empty without one."""
        return digest_of(self.photos, self.samples)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`deepshap`."""
        del domain
        masked = evaluate.masked
        background = backgrounds(self.photos, masked.classifier, masked.image, self.samples, seed)
        return _findings(deepshap(masked, evaluate.target, background, self.samples), self)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return 2 * self.samples


def _findings(found: Contributions, method: FromGradients) -> Findings:
    record = {"difference": found.difference, "completeness_gap": found.gap}
    lost = f"the map misses {found.gap:.3g} of the logit's change of {found.difference:.3g}, lost to rounding"
    notes = (lost,) if abs(found.gap) > _GAP * abs(found.difference) else ()
    return Findings(over_channels(found.values, method.channels), notes=notes, record=record)
