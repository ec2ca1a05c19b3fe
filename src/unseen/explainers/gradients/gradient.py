"""Gradients: how the score answers to an infinitesimal change of each pixel, at the photograph and around it.

Sources: Simonyan, Vedaldi & Zisserman, *Deep Inside Convolutional Networks*, 2014 (saliency); Shrikumar, Greenside &
Kundaje, *Learning Important Features Through Propagating Activation Differences*, 2017 (input × gradient); Smilkov et
al., *SmoothGrad: removing noise by adding noise*, 2017; Adebayo et al., *Local explanation methods for deep neural
networks lack sensitivity to parameter values*, 2018 (VarGrad); Hooker et al., *A Benchmark for Interpretability Methods
in Deep Neural Networks*, 2019 (squared SmoothGrad).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Score, check_score
from unseen.errors import ParameterError
from unseen.explainers.gradients.derivatives import (
    Channels,
    check_channels,
    contrast,
    derivatives,
    over_channels,
    stream,
)
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier

Statistic = Literal["mean", "square", "variance"]
STATISTICS: tuple[Statistic, ...] = ("mean", "square", "variance")


@dataclass(frozen=True)
class FromGradients(FromMap):
    """A method that asks for gradients of the plain network; its map does not depend on the removal.

    Args:
        channels: how the three values of a pixel become one: the signed ``sum``, or ``max-abs``.
        score: ``logit`` or ``probability``.
        blur: the map is fine-grained, so it is smoothed before pixels are ranked; the map itself is not.
        block: see :class:`unseen.explainers.sufficient.search.FromMap`, as is the next.
        steps: prefix sizes evaluated for the curves.
    """

    channels: Channels = field(default="sum", kw_only=True)
    score: Score = field(default="logit", kw_only=True)
    blur: float = field(default=0.03, kw_only=True)
    stage = "gradients"
    empty = "no pixel has a gradient: the map of {label} is empty"
    uses_removal = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_score(self.score)
        check_channels(self.channels)

    def cost(self, shape: tuple[int, int]) -> int:
        """See :meth:`FromMap.cost`; passes with a gradient count like others."""
        del shape
        return 1


def gradient(masked: MaskedClassifier, target: int, *, score: Score = "logit") -> Float[Tensor, "3 H W"]:
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

    return masked.once(("gradient", target, score), compute).clone()


@dataclass(frozen=True)
class Saliency(FromGradients):
    """The absolute gradient of the score with respect to each pixel: how sensitive the score is, not for or against.

    Source: Simonyan, Vedaldi & Zisserman, 2014, section 3.1.

    Args:
        channels: ``max-abs`` as in the paper, or the signed ``sum``.
        score: see :class:`FromGradients`, as are the next.
        blur: as there.
        block: as there.
        steps: as there.
    """

    channels: Channels = field(default="max-abs", kw_only=True)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        """See :func:`gradient`."""
        del seed, domain
        return Findings(over_channels(gradient(evaluate.masked, evaluate.target, score=self.score), self.channels))


@dataclass(frozen=True)
class InputXGradient(FromGradients):
    """Gradient times the network's normalised input: what each pixel adds, to first order, to the mean colour.

    Source: Shrikumar, Greenside & Kundaje, 2017, section 3.
    """

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        """(pixel − mean colour) · :func:`gradient`; the standard deviation of the normalisation cancels."""
        del seed, domain
        found = gradient(evaluate.masked, evaluate.target, score=self.score)
        return Findings(over_channels(contrast(evaluate.masked) * found, self.channels))


def noisy_gradients(
    masked: MaskedClassifier,
    target: int,
    *,
    samples: int = 50,
    noise: float = 0.15,
    statistic: Statistic = "mean",
    score: Score = "logit",
    seed: int = 0,
) -> Float[Tensor, "3 H W"]:
    """A statistic of the gradients at noisy copies of the photograph.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        samples: copies.
        noise: standard deviation of the Gaussian noise, as a share of the photograph's range of values.
        statistic: ``mean`` is SmoothGrad; ``square`` the mean of the squared gradients; ``variance`` VarGrad, the mean
            of the squares minus the square of the mean.
        score: ``logit`` or ``probability``.
        seed: of the noise.

    Returns:
        Float32; not negative unless the statistic is ``mean``.

    Raises:
        ParameterError: a parameter outside its range.
        NotApplicableError: the network cannot be differentiated.
    """
    _check(samples, noise, statistic)
    image = masked.image
    spread = noise * float(image.max() - image.min())

    def noisy(first: int, last: int) -> Tensor:
        drawn = [
            torch.randn(image.shape, generator=stream(seed, number), dtype=torch.float32)
            for number in range(first, last)
        ]
        return torch.stack(drawn).mul_(spread).add_(image)

    total, squares = torch.zeros(2, *image.shape, dtype=torch.float64)
    for gradients, _ in derivatives(masked, noisy, samples, target, score):
        total += gradients.double().sum(0)
        squares += gradients.double().square().sum(0)
    mean, square = total / samples, squares / samples
    found: Tensor = {"mean": mean, "square": square, "variance": (square - mean.square()).clamp(min=0)}[statistic]
    return found.float()


@dataclass(frozen=True)
class NoisyGradients(FromGradients):
    """SmoothGrad, squared SmoothGrad and VarGrad: a statistic of the gradients at noisy copies of the photograph.

    Sources: Smilkov et al., 2017; Hooker et al., 2019; Adebayo et al., 2018.

    Args:
        statistic: ``mean`` (SmoothGrad), ``square`` or ``variance`` (VarGrad).
        samples: copies, one pass with a gradient each.
        noise: standard deviation of the noise, as a share of the photograph's range of values.
        channels: ``max-abs`` as in the papers' pictures, or the signed ``sum``.
        score: see :class:`FromGradients`, as are the next.
        blur: as there.
        block: as there.
        steps: as there.

    Raises:
        ParameterError: a parameter outside its range.
    """

    statistic: Statistic = "mean"
    samples: int = 50
    noise: float = 0.15
    channels: Channels = field(default="max-abs", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self.samples, self.noise, self.statistic)

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        """See :func:`noisy_gradients`."""
        del domain
        found = noisy_gradients(
            evaluate.masked,
            evaluate.target,
            samples=self.samples,
            noise=self.noise,
            statistic=self.statistic,
            score=self.score,
            seed=seed,
        )
        return Findings(over_channels(found, self.channels))

    def cost(self, shape: tuple[int, int]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.samples


def _check(samples: int, noise: float, statistic: str) -> None:
    if samples < 2:
        raise ParameterError(f"samples {samples} must be at least 2")
    if not 0 < noise <= 1:
        raise ParameterError(f"noise {noise} must lie in (0, 1]; it is a share of the photograph's range of values")
    if statistic not in STATISTICS:
        raise ParameterError(f"statistic {statistic!r} must be {' or '.join(map(repr, STATISTICS))}")
