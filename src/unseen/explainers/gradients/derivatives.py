"""Gradients of a class's score with respect to pixels: the one way in which gradient methods ask the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.differentiation import differentiable_logits, differentiated
from unseen.classifier.scores import Score, Scores, target_score
from unseen.removal import MaskedClassifier
from unseen.removal.slope import note_false_slope
from unseen.system.options import Meaning, check

Channels = Annotated[
    Literal["sum", "max-abs"],
    Meaning("how the three values of a pixel become one: their signed sum, or the largest absolute value"),
]


def derivatives(
    masked: MaskedClassifier,
    pixels: Callable[[int, int], Float[Tensor, "N C *space"]],
    count: int,
    target: int,
    score: Score = "logit",
) -> Iterator[tuple[Float[Tensor, "N C *space"], Scores]]:
    """Gradients of the score with respect to pixels, and the scores, T = 1, a batch at a time.

    The plain network is asked, with nothing hidden. Its parameters receive no gradients. Where its gradient is not the
    slope of what it computes, that is noted.

    Args:
        masked: the classifier, with whose batches, counts and progress the passes go.
        pixels: the images from one number up to another, RGB in [0, 1].
        count: how many there are.
        target: class index.
        score: the logit, or the softmax probability.

    Raises:
        NotApplicableError: the network's logits cannot be differentiated.
    """

    def evaluate(first: int, last: int) -> tuple[Tensor, Scores]:
        images = pixels(first, last).to(masked.classifier.device).detach().requires_grad_()
        with masked.classifier.frozen(), torch.enable_grad():
            logits = differentiable_logits(masked.classifier, images)
            asked = target_score(masked.classifier.outputs, logits, target, score)
            (gradients,) = differentiated(masked.classifier, asked.sum(), [images])
        return gradients.float().cpu(), Scores.of(masked.classifier, logits, [target], score)

    note_false_slope(masked, target)
    yield from masked.in_batches(count, evaluate)


def differentiable_scores(
    masked: MaskedClassifier, images: Float[Tensor, "N C *space"], target: int, score: Score
) -> Float[Tensor, " N"]:
    """The scores of one pass, float64 on the CPU; see :func:`differentiable_logits`."""
    return target_score(masked.classifier.outputs, differentiable_logits(masked.classifier, images), target, score)


def over_channels(values: Float[Tensor, "C *space"], how: Channels) -> Float[Tensor, "*space"]:
    """One value a pixel: the signed sum over its channels, or the largest absolute value among them.

    Raises:
        ParameterError: another way.
    """
    check("channels", how, Channels)
    return values.sum(0) if how == "sum" else values.abs().amax(0)


def contrast(masked: MaskedClassifier) -> Float[Tensor, "C *space"]:
    """The photograph minus the training data's mean colour: the network's normalised input in units of pixels."""
    return masked.image - masked.classifier.statistics[0].to(masked.image.device, torch.float32)


def column(numbers: Float[Tensor, " N"], like: Float[Tensor, "*shape"]) -> Float[Tensor, "N *ones"]:
    """Numbers that stand for a whole tensor of this shape each."""
    return numbers.reshape(-1, *(1,) * like.ndim)


def stream(seed: int, number: int) -> torch.Generator:
    """The random numbers of one sample: its own, so that results do not depend on how samples are batched."""
    state = np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]) >> 1)
