"""Class activation maps whose weights come from the photograph seen through the channels, under any removal.

Sources: Wang et al., *Score-CAM*, CVPRW 2020, algorithm 1; Zhang et al., *Opti-CAM: Optimizing saliency maps for
interpretability*, CVIU 2024, equations 12–16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.adam import Adam, settled
from unseen.classifier.differentiation import differentiated
from unseen.classifier.scores import Scores, target_score
from unseen.errors import NotApplicableError
from unseen.explainers.cam.cam import FromFeatures, moved_nothing, normalised
from unseen.explainers.hiding.optimising import check_soft
from unseen.explainers.scores import scored
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier
from unseen.removal.deactivation.features import Features, last_features
from unseen.removal.slope import note_false_slope
from unseen.system.options import Count, Meaning, Positive


def score_cam(masked: MaskedClassifier, features: Features, *, hide: bool = False) -> Float[Tensor, "*space"]:
    """A channel's weight is what the photograph's score owes to the region where the channel is active.

    Each channel of the last feature maps, laid over the photograph and scaled to [0, 1], is a mask under the removal of
    ``masked``; where that takes only 0 and 1, it is cut at one half. Channels that are the same everywhere show nothing
    and get no weight.

    Args:
        masked: the classifier and its photograph.
        features: of the photograph.
        hide: hide the region instead of showing it alone.

    Returns:
        The weighted sum of the channels. Shown alone, the weights are the softmax of the scores over all channels, as
        in the paper; hidden, how far the score falls, divided by the number of channels. 0 everywhere where no
        channel's region changes the score by more than rounding: the paper's weights would then all be the same, and
        its map that of no class.

    Raises:
        NotApplicableError: every channel is the same everywhere.
    """
    varied = [
        (number, channel)
        for number, one in enumerate(features.maps)
        for channel in (one.activations.amax(one.axes) > one.activations.amin(one.axes)).nonzero().flatten().tolist()
    ]
    if not varied:
        raise NotApplicableError(f"score-cam: every channel of {features.layer} is the same everywhere")

    def masks(first: int, last: int) -> Tensor:
        laid = []
        for number, some in groupby(varied[first:last], key=itemgetter(0)):
            one = features.maps[number]
            laid.append(one.cells.laid(one.activations[[channel for _, channel in some]]))
        region = normalised(torch.cat(laid))
        region = region if masked.removal.soft else (region > 0.5).float()
        return 1 - region if hide else region

    seen = scored(masked, masks, len(varied), [features.target], features.score)
    found = Scores.joined(some for _, some in seen)
    if moved_nothing(features, found):
        return torch.zeros(masked.shape, dtype=torch.float32)
    scores = found.values[:, 0].float()
    weights = (features.value - scores) / len(scores) if hide else scores.softmax(0)
    planes = [torch.zeros_like(one.activations[0]) for one in features.maps]
    for (number, channel), weight in zip(varied, weights, strict=True):
        planes[number] += weight * features.maps[number].activations[channel]
    return features.on_photograph(planes)


def opti_cam(
    masked: MaskedClassifier, features: Features, options: OptiCam
) -> tuple[Float[Tensor, "*space"], list[float]]:
    """The convex combination of channels through which the photograph keeps the highest score.

    The softmax of one number per channel of the last feature maps gives the weights; Adam raises the score of the
    photograph seen through the map, laid over it and scaled to [0, 1], under the removal of ``masked``. The best round
    is kept, of those that only rounding tells apart the last; where no round has another score than the whole
    photograph but for rounding, the map is 0 everywhere.

    Returns:
        The map, and the score of every round.

    Raises:
        NotApplicableError: the removal takes masks of 0 and 1 only, which have no gradient.
    """
    check_soft(masked, "opti-cam", "'score-cam'")
    device = masked.classifier.device
    activations = [one.activations.to(device) for one in features.maps]
    numbers = torch.zeros(features.channels, device=device, requires_grad=True, dtype=torch.float32)
    adam = Adam(numbers.detach())
    pixels = masked.image[None].to(device)
    history: list[float] = []
    errors: list[Tensor] = []
    best = torch.zeros(masked.shape, dtype=torch.float32)

    def evaluate(first: int, last: int) -> tuple[Tensor, Tensor, Tensor]:
        del first, last
        with masked.classifier.frozen(), torch.enable_grad():
            weights = features.by_map(numbers.softmax(0))
            planes = [torch.einsum("c,c...->...", *pair) for pair in zip(weights, activations, strict=True)]
            found = features.on_photograph(planes)
            logits = masked.forward(pixels, normalised(found[None]))
            score = target_score(masked.classifier.outputs, logits, features.target, features.score)[0]
            errors.append(Scores.of(masked.classifier, logits, [features.target], features.score).errors)
            (slope,) = differentiated(masked.classifier, score, [numbers])
        return score.detach(), found.detach(), slope

    for _ in range(options.rounds):
        ((score, found, slope),) = masked.in_batches(1, evaluate)
        if not history or float(score) >= max(history) - float(errors[-1].amax()):
            best = found
        history.append(float(score))
        numbers = (numbers.detach() - adam(-slope, options.rate)).requires_grad_()  # upwards
    seen = Scores(torch.tensor(history, dtype=torch.float64)[:, None], torch.cat(errors))
    return best.cpu() * (not moved_nothing(features, seen)), history


def unsettled(history: Sequence[float]) -> str:
    """A sentence that the score was still rising when the rounds were over; empty if it was not."""
    if bool(settled(-torch.tensor(history))):
        return ""
    return (
        f"the weights of the channels have not settled: the score was still rising in the last of {len(history)} "
        "rounds; give more rounds"
    )


@dataclass(frozen=True)
class ScoreCam(FromFeatures):
    """The channels of the last feature map, weighted by the score of the photograph seen through each.

    Source: Wang et al., CVPRW 2020. One evaluation per channel, under the removal.


    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.cam.masked_cam import ScoreCam
        >>> map_of(ScoreCam(), masked, target=0).shape
        torch.Size([32, 32])
    """

    hide: Annotated[
        bool,
        Meaning(
            "whether a channel is weighed by how far the score falls when the region where it is active is hidden; the "
            "counterpart, under a removal, of setting the channel to 0 as ``ablation-cam`` does"
        ),
    ] = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`score_cam`."""
        del seed, domain
        masked = evaluate.masked
        features = last_features(masked, evaluate.target, score=self.score)
        masked.announce("channels as masks", masked.evaluations + features.channels)
        return self.findings(features, score_cam(masked, features, hide=self.hide))

    def cost(self, shape: tuple[int, ...]) -> None:
        """See :meth:`FromMap.cost`; one for each channel, which is announced when the network has been seen."""


@dataclass(frozen=True)
class OptiCam(FromFeatures):
    """The convex combination of channels through which the photograph keeps the highest score.

    Source: Zhang et al., CVIU 2024.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.cam.masked_cam import OptiCam
        >>> saliency = map_of(OptiCam(rounds=20), masked, target=0)
        >>> saliency[square].mean() > saliency[~square].mean()
        tensor(True)
    """

    rounds: Annotated[int, Count("how many steps of Adam are taken, one pass with a gradient each")] = 100
    rate: Annotated[float, Positive("the rate of learning")] = 0.1

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`opti_cam`."""
        del seed, domain
        masked = evaluate.masked
        note_false_slope(masked, evaluate.target)
        features = last_features(masked, evaluate.target, score=self.score)
        found, history = opti_cam(masked, features, self)
        made = self.findings(features, found, scores=history)
        note = unsettled(history) if bool(found.any()) else ""
        return replace(made, notes=(*made.notes, note)) if note else made

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return self.rounds + 1
