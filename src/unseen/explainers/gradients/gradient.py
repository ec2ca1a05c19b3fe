"""Gradients: how the score answers to an infinitesimal change of each pixel, at the photograph and around it.

Sources: Simonyan, Vedaldi & Zisserman, *Deep Inside Convolutional Networks*, 2014 (saliency); Shrikumar, Greenside &
Kundaje, *Learning Important Features Through Propagating Activation Differences*, 2017 (input × gradient); Smilkov et
al., *SmoothGrad: removing noise by adding noise*, 2017; Adebayo et al., *Local explanation methods for deep neural
networks lack sensitivity to parameter values*, 2018 (VarGrad); Hooker et al., *A Benchmark for Interpretability Methods
in Deep Neural Networks*, 2019 (squared SmoothGrad).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Score
from unseen.explainers.gradients.derivatives import (
    Channels,
    contrast,
    derivatives,
    over_channels,
    stream,
)
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import Blur, FromMap
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier
from unseen.system.options import Count, Meaning, Share

Statistic = Annotated[
    Literal["mean", "square", "variance"],
    Meaning("what is taken of the gradients: SmoothGrad's mean, the mean of their squares, or VarGrad's variance"),
]


@dataclass(frozen=True)
class FromGradients(FromMap):
    """A method that asks for gradients of the plain network; its map does not depend on the removal.

    The map is fine-grained, so it is smoothed before pixels are ranked.
    """

    channels: Channels = field(default="sum", kw_only=True)
    score: Score = field(default="logit", kw_only=True)
    blur: Blur = field(default=0.03, kw_only=True)
    stage = "gradients"
    empty = "no pixel has a gradient: the map of {label} is empty"
    uses_removal = False


def gradient(masked: MaskedClassifier, target: int, *, score: Score = "logit") -> Float[Tensor, "C *space"]:
    """The gradient of the score with respect to the photograph's pixels.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        score: ``logit`` or ``probability``.

    Returns:
        Signed, score per unit of pixel value, float32.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """

    def compute() -> Tensor:
        ((found, _),) = derivatives(masked, lambda *_: masked.image[None], 1, target, score)
        return found[0]

    return masked.cached(("gradient", target, score), compute).clone()


@dataclass(frozen=True)
class Saliency(FromGradients):
    """The absolute gradient of the score with respect to each pixel: how sensitive the score is, not for or against.

    Source: Simonyan, Vedaldi & Zisserman, 2014, section 3.1.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.gradients.gradient import Saliency
        >>> map_of(Saliency(), masked, target=0).unique()  # 25 for the mean is as much for each of 32 × 32 pixels
        tensor([0.0244])
    """

    channels: Channels = field(default="max-abs", kw_only=True)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`gradient`."""
        del seed, domain
        return Findings(over_channels(gradient(evaluate.masked, evaluate.target, score=self.score), self.channels))


@dataclass(frozen=True)
class InputXGradient(FromGradients):
    """Gradient times the network's normalised input: what each pixel adds, to first order, to the mean colour.

    Source: Shrikumar, Greenside & Kundaje, 2017, section 3.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.gradients.gradient import InputXGradient
        >>> map_of(InputXGradient(), masked, target=0).sum()  # the logit, for nothing has a bias
        tensor(6.2500)
    """

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """(pixel − mean colour) · :func:`gradient`; the standard deviation of the normalisation cancels."""
        del seed, domain
        found = gradient(evaluate.masked, evaluate.target, score=self.score)
        return Findings(over_channels(contrast(evaluate.masked) * found, self.channels))


def noisy_gradients(
    masked: MaskedClassifier,
    target: int,
    options: NoisyGradients,
    *,
    seed: int = 0,
) -> Float[Tensor, "C *space"]:
    """A statistic of the gradients at noisy copies of the photograph.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        options: of the method.
        seed: of the noise.

    Returns:
        Float32; not negative unless the statistic is ``mean``.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    image, samples = masked.image, options.samples
    spread = options.noise * float(image.max() - image.min())

    def noisy(first: int, last: int) -> Tensor:
        drawn = [
            torch.randn(image.shape, generator=stream(seed, number), dtype=torch.float32)
            for number in range(first, last)
        ]
        return torch.stack(drawn).mul_(spread).add_(image)

    total, squares = torch.zeros(2, *image.shape, dtype=torch.float64)
    for gradients, _ in derivatives(masked, noisy, samples, target, options.score):
        total += gradients.double().sum(0)
        squares += gradients.double().square().sum(0)
    mean, square = total / samples, squares / samples
    found: Tensor = {"mean": mean, "square": square, "variance": (square - mean.square()).clamp(min=0)}[
        options.statistic
    ]
    return found.float()


@dataclass(frozen=True)
class NoisyGradients(FromGradients):
    """SmoothGrad, squared SmoothGrad and VarGrad: a statistic of the gradients at noisy copies of the photograph.

    Sources: Smilkov et al., 2017; Hooker et al., 2019; Adebayo et al., 2018.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.gradients.gradient import NoisyGradients
        >>> map_of(NoisyGradients("square", samples=5), masked, target=0).min() >= 0
        tensor(True)
    """

    statistic: Statistic = "mean"
    samples: Annotated[int, Count("how many noisy copies there are, one pass with a gradient each", 2)] = 50
    noise: Annotated[
        float,
        Share("the standard deviation of the noise, as a share of the photograph's range of values", ends="(]"),
    ] = 0.15
    channels: Channels = field(default="max-abs", kw_only=True)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`noisy_gradients`."""
        del domain
        return Findings(
            over_channels(noisy_gradients(evaluate.masked, evaluate.target, self, seed=seed), self.channels)
        )

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.samples
