"""Zero-information parts: what to put in the place of what is hidden, so that it says nothing and changes nothing.

Source: Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023, chapter 9: Algorithm 2
(:func:`addition`) and the criteria of section 9.7 (:func:`decomposition`). Neither can be taken as it is printed.
Algorithm 2 descends on the entropy of a difference of probabilities, which is no entropy, and on +H where the aim is
the highest; and no image has f(x₀) = 0 under a softmax. Here the first is a divergence, the second log K − H, and 0
stands for the base rate 1 / K.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.inputs.streams import Seed, stream_of
from unseen.removal.fills.painting import distinct
from unseen.removal.zero_information.descent import Assessment, Descent, by_adam, deficit, descend, wide_logits
from unseen.removal.zero_information.point import divergence
from unseen.system.options import Count, Meaning, Number, Options, Share

ZeroCriterion = Literal["probability", "logit"]


@dataclass(frozen=True, eq=False)
class ZeroParts:
    """Fillings of hidden parts, and how far they are from what they should be.

    Attributes:
        fills: an image whose hidden pixels are the filling, in [0, 1], shape ``(N, C, *space)``.
        residual: what is missing to the first criterion, shape (N,): of :func:`addition` the largest difference of y
            and y′, of :func:`decomposition` the squared residual.
        maximum: the largest probability of the image that should say nothing, shape (N,).
        change: the largest difference between the probabilities of the photograph and those of the picture that is
            shown in its place, the visible part with the filling, shape (N,). No loss asks for it to be small.
        losses: before the first step and after each, shape (steps + 1, N); what has converged keeps its value.
        steps: taken for each, shape (N,).
        converged: whether both criteria were met, shape (N,); so they are where nothing is hidden.
    """

    fills: Float[Tensor, "N C *space"]
    residual: Float[Tensor, " N"]
    maximum: Float[Tensor, " N"]
    change: Float[Tensor, " N"]
    losses: Float[Tensor, "T N"]
    steps: Int[Tensor, " N"]
    converged: Bool[Tensor, " N"]


_Excess = Annotated[
    float, Share("how far above 1 / K the largest probability of the part without information may be", ends="()")
]
_Rate = Annotated[float, Share("Adam's rate of learning, in pixels of [0, 1]", ends="(]")]
_Most = Annotated[int, Count("how many steps are taken at most")]


@dataclass(frozen=True)
class Adding(Options):
    """How :func:`addition` searches; the default of ``excess`` is the thesis' 0.0045 for 1000 classes.

    Raises:
        ParameterError: an option outside its range.
    """

    tolerance: Annotated[
        float, Share("the largest difference of y and y′ at which the first criterion is met", ends="()")
    ] = 0.004
    excess: _Excess = 0.0035
    rate: _Rate = 0.05
    most: _Most = 100
    seed: Seed = 0


@dataclass(frozen=True)
class Decomposing(Options):
    """How :func:`decomposition` searches.

    Raises:
        ParameterError: an option outside its range.
    """

    criterion: Annotated[
        ZeroCriterion,
        Meaning(
            "what f is: the probability, where the residual is summed over classes, or the centred logit, where it is "
            "a share of the square of the photograph's"
        ),
    ] = "probability"
    smoothness: Annotated[
        float, Number("the weight of the total variation, the mean absolute difference of neighbours", 0)
    ] = 0.1
    tolerance: Annotated[float, Share("the squared residual at which the first criterion is met", ends="()")] = 0.005
    excess: _Excess = 0.0035
    rate: _Rate = 0.05
    most: _Most = 300


def addition(
    classifier: Classifier,
    images: Float[Tensor, "N C *space"],
    masks: Float[Tensor, "N *space"],
    options: Adding,
) -> ZeroParts:
    """Algorithm 2: added to the hidden part, V changes nothing; alone on black, it says nothing.

    With y = f(x), y′ = f(x + (1 − M)V) and y₀ = f((1 − M)V), Adam lowers KL(y ‖ y′) + log K − H(y₀). V starts as
    uniform noise and is kept in [0, 1]; the sum x + (1 − M)V is not, it may be as bright as 2.

    Two things to know. V = 0 meets the first criterion whatever the network is: it asks for little. And the picture
    that is shown in the end, Mx + (1 − M)V, is in neither criterion: V *replaces* there what it was *added* to here.
    How far its probabilities are from the photograph's is in :attr:`ZeroParts.change`.

    Args:
        classifier: the model.
        images: photographs in [0, 1].
        masks: 1 = visible; of 0 and 1 only.
        options: of the search; the noise belongs to the photograph, whatever its mask. Each step takes two passes
            with a gradient.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    hidden = 1 - masks[:, None].to(images)
    full, outputs = _probabilities(classifier, images), classifier.outputs

    def views(fills: Tensor, numbers: Tensor) -> Tensor:
        return torch.cat([images[numbers] + hidden[numbers] * fills, hidden[numbers] * fills])

    def criteria(logits: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        added, alone = outputs.logs(logits).chunk(2)
        before = full[numbers]
        residual = (before.exp() - added.exp()).abs().amax(1)
        missing = deficit(alone, outputs.alternatives(alone.shape[1]))
        return residual, alone.exp().amax(1), divergence(before, added) + missing

    noise = [
        torch.rand(image.shape, generator=stream_of(image, options.seed), dtype=torch.float32)
        for image in distinct(images)
    ]
    start = torch.stack(noise).to(images).expand_as(images)
    return _solved(
        classifier,
        images,
        hidden,
        start,
        views,
        criteria,
        options,
    )


def decomposition(
    classifier: Classifier,
    images: Float[Tensor, "N C *space"],
    masks: Float[Tensor, "N *space"],
    options: Decomposing,
) -> ZeroParts:
    """Section 9.7, Eq. 52: an image x₀ without information, with which both parts add up to the photograph.

    f([x_v; x₀_h]) + f([x₀_v; x_h]) − f(x₀) = f(x), with log K − H(f(x₀)) as low as can be. Printed without the f(x₀),
    the left side sums to 2 and the right one to 1. Adam lowers the squared residual, plus log K − H, plus the weighted
    total variation of x₀, from mid-grey; x₀ is kept in [0, 1]. The picture is [x_v; x₀_h] (Eq. 53).

    Args:
        classifier: the model.
        images: photographs in [0, 1].
        masks: 1 = visible; of 0 and 1 only.
        options: of the search. Each step takes three passes with a gradient; most photographs need some dozens, few
            hundreds.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    hidden = 1 - masks[:, None].to(images)
    full, outputs = _probabilities(classifier, images), classifier.outputs

    def read(logs: Tensor) -> Tensor:
        return logs.exp() if options.criterion == "probability" else logs - logs.mean(1, keepdim=True)

    def views(fills: Tensor, numbers: Tensor) -> Tensor:
        some, part = images[numbers], hidden[numbers]
        return torch.cat([some + part * (fills - some), fills + part * (some - fills), fills])

    def criteria(logits: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        shown, rest, nothing = outputs.logs(logits).chunk(3)
        whole = read(full[numbers])
        residual = (read(shown) + read(rest) - read(nothing) - whole).square().sum(1)
        if options.criterion == "logit":
            residual = residual / whole.square().sum(1).clamp(min=torch.finfo(whole.dtype).tiny)
        return residual, nothing.exp().amax(1), residual + deficit(nothing, outputs.alternatives(nothing.shape[1]))

    start = torch.full_like(images, 0.5)
    return _solved(classifier, images, hidden, start, views, criteria, options, options.smoothness)


def variation(images: Float[Tensor, "N C *space"]) -> Float[Tensor, " N"]:
    """Total variation: the mean absolute difference of neighbours along one axis plus that along the others."""
    along = [images.diff(dim=axis).abs().flatten(1).mean(1).nan_to_num() for axis in range(2, images.ndim)]
    return torch.stack(along).sum(0)


Views = Callable[[Tensor, Tensor], Tensor]
"""(fillings (n, C, H, W), their numbers (n,)) → the images that the criteria are about, some for each."""

Criteria = Callable[[Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""(logits of the views, numbers) → residual, largest probability of what should say nothing, loss; each (n,)."""


def _solved(
    classifier: Classifier,
    images: Float[Tensor, "N C *space"],
    hidden: Float[Tensor, "N 1 *space"],
    start: Float[Tensor, "N C *space"],
    views: Views,
    criteria: Criteria,
    options: Adding | Decomposing,
    smoothness: float = 0.0,
) -> ZeroParts:
    idle = ~(hidden > 0).flatten(1).any(1)

    def met(residual: Tensor, maximum: Tensor, alternatives: int, numbers: Tensor) -> Tensor:
        return ((residual <= options.tolerance) & (maximum <= 1 / alternatives + options.excess)) | idle[numbers]

    def objective(fills: Tensor, numbers: Tensor) -> Assessment:
        logits = wide_logits(classifier, views(fills, numbers))
        residual, maximum, loss = criteria(logits, numbers)
        if smoothness:
            loss = loss + smoothness * variation(fills)
        return loss, maximum, met(residual, maximum, classifier.outputs.alternatives(logits.shape[1]), numbers)

    found: Descent = descend(classifier, start, objective, by_adam(options.rate, start), most=options.most)
    every = torch.arange(len(images), device=images.device)
    with torch.no_grad():
        logits = classifier.forward(views(found.images, every))
        residual, maximum, _ = criteria(logits.to(torch.promote_types(logits.dtype, torch.float32)), every)
        shown = _probabilities(classifier, images + hidden * (found.images - images)).exp()
        change = (shown - _probabilities(classifier, images).exp()).abs().amax(1)
    return ZeroParts(found.images, residual, maximum, change, found.losses, found.steps, found.converged)


@torch.no_grad()
def _probabilities(classifier: Classifier, images: Float[Tensor, "N C *space"]) -> Float[Tensor, "N K"]:
    """Their logarithms."""
    logits = classifier.forward(distinct(images))
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return classifier.outputs.logs(logits).expand(len(images), -1)
