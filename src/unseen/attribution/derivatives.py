"""Gradients of a class's score with respect to pixels: the one way in which gradient methods ask the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unseen.attribution.scores import Score, check_score, score_of
from unseen.classifier import Classifier, out_of_memory
from unseen.errors import NotApplicableError, ParameterError
from unseen.removal import MaskedClassifier

Channels = Literal["sum", "max-abs"]
CHANNELS: tuple[Channels, ...] = ("sum", "max-abs")


def derivatives(
    masked: MaskedClassifier,
    pixels: Callable[[int, int], Float[Tensor, "N 3 H W"]],
    count: int,
    target: int,
    score: Score = "logit",
) -> Iterator[tuple[Float[Tensor, "N 3 H W"], Float[Tensor, " N"]]]:
    """Gradients of the score with respect to pixels, and the scores, a batch at a time.

    The plain network is asked, with nothing hidden. Its parameters receive no gradients.

    Args:
        masked: the classifier, with whose batches, counts and progress the passes go.
        pixels: the images from one number up to another, RGB in [0, 1].
        count: how many there are.
        target: class index.
        score: the logit, or the softmax probability.

    Raises:
        NotApplicableError: the network's logits cannot be differentiated.
    """
    check_score(score)

    def evaluate(first: int, last: int) -> tuple[Tensor, Tensor]:
        images = pixels(first, last).to(masked.classifier.device).detach().requires_grad_()
        with masked.classifier.frozen(), torch.enable_grad():
            values = differentiable_scores(masked, images, target, score)
            (gradients,) = differentiated(masked.classifier, values.sum(), [images])
        return gradients.float().cpu(), values.detach().float().cpu()

    yield from masked.in_batches(count, evaluate)


def differentiable_scores(
    masked: MaskedClassifier, images: Float[Tensor, "N 3 H W"], target: int, score: Score
) -> Float[Tensor, " N"]:
    """The scores of one pass; see :func:`differentiable_logits`."""
    return score_of(differentiable_logits(masked, images), score)[:, target]


def differentiable_logits(masked: MaskedClassifier, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N K"]:
    """The logits of one pass, with their graph; not counted.

    The classifier must be frozen, or scores that do not depend on the images could not be told from those that do,
    and gradients enabled.

    Raises:
        NotApplicableError: the network's logits cannot be differentiated.
    """
    logits = masked.classifier.forward(images)
    if not logits.requires_grad:
        raise NotApplicableError(
            f"the logits of {masked.classifier.name} have no gradient (quantised weights, no_grad or detach in its "
            "code?); choose a method that needs none, such as 'occlusion'"
        )
    return logits


def differentiated(classifier: Classifier, value: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Gradients of a value, 0 for inputs on which it does not depend.

    Memory errors come out as they are, for smaller batches may do.

    Raises:
        NotApplicableError: autograd cannot go back through the network's code.
    """
    try:
        return torch.autograd.grad(value, inputs, materialize_grads=True)
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        reason = str(error).splitlines()[0]
        raise NotApplicableError(
            f"autograd cannot differentiate {classifier.name} ({reason}); "
            "choose a method that needs no gradients, such as 'occlusion'"
        ) from error


def over_channels(values: Float[Tensor, "3 H W"], how: Channels) -> Float[Tensor, "H W"]:
    """One value a pixel: the signed sum over its channels, or the largest absolute value among them.

    Raises:
        ParameterError: another way.
    """
    check_channels(how)
    return values.sum(0) if how == "sum" else values.abs().amax(0)


def check_channels(how: str) -> None:
    """Refuse a way of joining channels that there is not.

    Raises:
        ParameterError: neither ``sum`` nor ``max-abs``.
    """
    if how not in CHANNELS:
        raise ParameterError(f"channels {how!r} must be {' or '.join(map(repr, CHANNELS))}")


def contrast(masked: MaskedClassifier) -> Float[Tensor, "3 H W"]:
    """The photograph minus the training data's mean colour: the network's normalised input in units of pixels."""
    mean = torch.tensor(masked.classifier.preprocessing.mean)
    return masked.image - mean[:, None, None]


def stream(seed: int, number: int) -> torch.Generator:
    """The random numbers of one sample: its own, so that results do not depend on how samples are batched."""
    state = np.random.SeedSequence((seed, number)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]) >> 1)
