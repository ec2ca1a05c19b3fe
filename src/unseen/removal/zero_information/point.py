"""Zero-information points: the image next to a photograph of which a classifier can make nothing.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapter 8, Definition 1 and
Algorithm 1. The algorithm as printed descends on +H, which makes the network *more* certain; the aim is the highest
entropy, so the loss here is log K − H, which is never negative and 0 only where all K classes are as probable. What the
algorithm returns and calls x₀, x − x′, is the attribution; the point itself is x′. Both are kept apart.

An rms change of two grey levels does (measured on the bundled model), so that the point is an adversarial example if
nothing keeps it from being one. ``smooth`` does: only smooth changes are allowed then. The other way of asking less is
to take away what is known of one class only, which is what section 8.4 wishes for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.inputs.smoothing import smoothing
from unseen.inputs.space import length_of
from unseen.inputs.streams import stream_of
from unseen.removal.zero_information.descent import Assessment, Bounded, deficit, descend, wide_logits
from unseen.system.options import Count, Options, Positive, Share


@dataclass(frozen=True, kw_only=True)
class Descending(Options):
    """How a zero-information point is searched for.

    Raises:
        ParameterError: an option outside its range.
    """

    smooth: Annotated[
        float,
        Share(
            "the standard deviation of the Gaussian that every change is smoothed by, as a share of the shorter side; "
            "0 leaves the pixels free"
        ),
    ] = 0.0
    step: Annotated[
        float,
        Share(
            "the root mean square of a step at most, in pixels of [0, 1]; steps become shorter on their own where the "
            "loss is nearly 0",
            ends="(]",
        ),
    ] = 0.0025
    excess: Annotated[
        float,
        Share(
            "how far above 1 / K the largest probability may be at the point, or, for one class, how far its own from "
            "1 / K; the default is the thesis' 0.004 for 1000 classes",
            ends="()",
        ),
    ] = 0.003
    drift: Annotated[float, Positive("for one class, the divergence of the others at the point at most, in nats")] = 0.3
    most: Annotated[int, Count("how many steps are taken at most")] = 200


@dataclass(frozen=True, eq=False)
class ZeroPoints:
    """The zero-information points of photographs.

    Attributes:
        points: x′, in [0, 1], shape ``(N, C, *space)``; of a photograph that did not converge the one of the lowest
            loss.
        losses: before the first step and after each, in nats, shape (steps + 1, N); a photograph that has converged
            keeps its last value (Figure 17a).
        maxima: the same of the largest probability, of one class's point of that class's (Figure 17b).
        steps: taken by each photograph, shape (N,).
        converged: whether the point was reached, shape (N,).
    """

    points: Float[Tensor, "N C *space"]
    losses: Float[Tensor, "T N"]
    maxima: Float[Tensor, "T N"]
    steps: Int[Tensor, " N"]
    converged: Bool[Tensor, " N"]


def zero_points(
    classifier: Classifier,
    images: Float[Tensor, "N C *space"],
    options: Descending,
    *,
    targets: Int[Tensor, " N"] | None = None,
) -> ZeroPoints:
    """The points, one pass with a gradient a step for all photographs together; see :func:`descend`.

    Args:
        classifier: the model.
        images: photographs in [0, 1].
        options: of the search.
        targets: take away only what the network knows of one class each, be it for the class or against it: its
            probability comes to the base rate 1 / K, and the odds of all others among themselves stay. The loss is the
            logarithm of that probability over the base rate, without its sign, plus the divergence of the others from
            what they were among themselves. By default, all information goes.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    images = images.to(classifier.device)
    wanted, outputs = None, classifier.outputs
    if targets is not None:
        with torch.no_grad():
            wanted = outputs.others(classifier.forward(images), targets.to(classifier.device)[:, None])

    def objective(points: Tensor, numbers: Tensor) -> Assessment:
        scores = wide_logits(classifier, points)
        logs, chance = outputs.logs(scores), 1 / outputs.alternatives(scores.shape[1])
        if targets is None or wanted is None:
            largest = logs.exp().amax(1)
            return deficit(logs, outputs.alternatives(logs.shape[1])), largest, largest <= chance + options.excess
        column = targets.to(logs.device)[numbers, None]
        left = logs.gather(1, column)[:, 0]
        moved = divergence(wanted[numbers], outputs.others(scores, column))
        return (
            (left - math.log(chance)).abs() + moved,
            left.exp(),
            ((left.exp() - chance).abs() <= options.excess) & (moved <= options.drift),
        )

    matrices = None
    if options.smooth:
        width = length_of(options.smooth, images.shape[2:])
        matrices = [smoothing(side, width).to(images) for side in images.shape[2:]]
    found = descend(classifier, images, objective, Bounded(options.step, matrices), most=options.most)
    return ZeroPoints(found.images, found.losses, found.watched, found.steps, found.converged)


def divergence(before: Float[Tensor, "N K"], after: Float[Tensor, "N K"]) -> Float[Tensor, " N"]:
    """KL(before ‖ after) in nats, of logarithms of probabilities; a class that neither has adds nothing."""
    return (before.exp() * (before - after).masked_fill(before == -math.inf, 0)).sum(1)


def plain_baselines(
    classifier: Classifier, image: Float[Tensor, "C *space"], seed: int = 0
) -> Mapping[str, dict[str, float]]:
    """How much the network makes of the baselines that others take: black, grey, white, and uniform noise.

    Returns:
        For each, ``max_probability`` and ``deficit``, log K − H in nats.
    """
    noise = torch.rand(image.shape, generator=stream_of(image, seed), dtype=torch.float32).to(image)
    shown = {
        "black": torch.zeros_like(image),
        "grey": torch.full_like(image, 0.5),
        "white": torch.ones_like(image),
        "noise": noise,
    }
    return dict(zip(shown, information(classifier, torch.stack(list(shown.values()))), strict=True))


def information(classifier: Classifier, images: Float[Tensor, "N C *space"]) -> list[dict[str, float]]:
    """Of each image the network's largest probability and log K − H in nats."""
    logs = classifier.outputs.logs(classifier.logits(images).double())
    missing = deficit(logs, classifier.outputs.alternatives(logs.shape[1])).clamp(min=0)
    pairs = zip(logs.exp().amax(1).tolist(), missing.tolist(), strict=True)
    return [{"max_probability": largest, "deficit": nats} for largest, nats in pairs]
