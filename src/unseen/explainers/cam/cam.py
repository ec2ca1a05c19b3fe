"""Class activation maps: a weighted sum of the channels of the network's last feature map.

All of them share one capture of activations and gradients (``features``) and differ in the weights alone. The map is
enlarged bilinearly to the photograph's resolution and lies where the network looked: a mirrored, cropped or turned
input is undone. Where several feature maps lead to the score (an ensemble, fused branches, several crops, test-time
augmentation), it is the sum over all of them.

Sources, by the names of the weights:

``cam``: Zhou et al., *Learning Deep Features for Discriminative Localization*, CVPR 2016; ``grad-cam``: Selvaraju et
al., ICCV 2017; ``grad-cam++``: Chattopadhay et al., WACV 2018, equations 10, 11 and 19; ``xgrad-cam``: Fu et al., BMVC
2020, equation 7; ``layer-cam``: Jiang et al., IEEE TIP 2021, equations 7 and 8; ``eigen-cam``: Muhammad & Yeasin, IJCNN
2020; ``ablation-cam``: Desai & Ramaswamy, WACV 2020, equation 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Score, Scores
from unseen.errors import NotApplicableError
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal.deactivation.features import LITTLE, FeatureMap, Features, last_features
from unseen.removal.slope import note_false_slope
from unseen.system.options import Meaning, check

ChannelWeights = Annotated[
    Literal["cam", "grad-cam", "grad-cam++", "xgrad-cam", "layer-cam", "eigen-cam", "ablation-cam"],
    Meaning("how channels are weighed; ``eigen-cam`` is of no class, ``ablation-cam`` takes an evaluation a channel"),
]


def activation_map(features: Features, weights: ChannelWeights) -> Float[Tensor, "*space"]:
    """The weighted sum of the channels, enlarged and laid over the photograph; signed.

    Where several maps lead to the score, theirs are added up, each in its place. They may differ in size and in what
    they see of the photograph: each is scaled by the area of its cells, so that on equal areas a branch counts as much
    as it adds to the score. ``cam`` is in the score's own unit: its mean over the photograph is the logit without its
    bias, less what lies on borders that the network itself adds.

    Args:
        features: of the photograph.
        weights: see :class:`ActivationMap`.

    Raises:
        ParameterError: other weights.
        NotApplicableError: ``cam``, of a head that is not an average over positions and one linear layer.
    """
    check("weights", weights, ChannelWeights)
    planes = _WEIGHTED[weights](features)
    last = features.maps[-1].cells
    if weights == "cam":
        scales = [1 / one.cells.covered for one in features.maps]
    elif weights in _PER_CELL:
        scales = [last.placement.pitch / one.cells.placement.pitch for one in features.maps]
    elif weights == "eigen-cam":
        scales = [1.0] * len(planes)
    else:
        scales = [last.covered / one.cells.covered for one in features.maps]
    return features.on_photograph([scale * plane for scale, plane in zip(scales, planes, strict=True)])


def _each(plane: Callable[[FeatureMap], Tensor]) -> Callable[[Features], list[Tensor]]:
    """Weights that every map has by itself."""
    return lambda features: [plane(one) for one in features.maps]


def _grad_cam(one: FeatureMap) -> Tensor:
    return _summed(one.gradients.mean(one.axes), one)


def _grad_cam_plus_plus(one: FeatureMap) -> Tensor:
    activations, gradients = one.activations.double(), one.gradients.double()
    below = 2 * gradients.square() + activations.sum(one.axes, keepdim=True) * gradients**3
    shares = torch.where(gradients != 0, gradients.square() / torch.where(below != 0, below, 1), 0)
    return _summed((shares * gradients.clamp(min=0)).sum(one.axes).float(), one)


def _xgrad_cam(one: FeatureMap) -> Tensor:
    total = one.activations.sum(one.axes)
    weighted = (one.gradients * one.activations).sum(one.axes)
    return _summed(torch.where(total != 0, weighted / torch.where(total != 0, total, 1), 0), one)


def _layer_cam(one: FeatureMap) -> Tensor:
    return (one.gradients.clamp(min=0) * one.activations).sum(0)


def _eigen_cam(one: FeatureMap) -> Tensor:
    """The first principal component of the channels, uncentred; its sign is that of the mean activation."""
    rows = one.activations.flatten(1).T.double()
    projected = rows @ torch.linalg.svd(rows, full_matrices=False).Vh[0]
    upright: Tensor = projected if float(projected.sum()) >= 0 else -projected
    return upright.float().reshape(one.activations.shape[1:])


def _cam(features: Features) -> list[Tensor]:
    """The head's own weights, where the score is linear in the mean of what is on: checked on changed maps."""
    channels = features.channels
    factors = torch.tensor([0.0, 0.5], dtype=torch.float32)
    nothing, half = features.scores(lambda first, last: factors[first:last, None].expand(-1, channels), 2).values[:, 0]
    terms = [one.gradients.double() * one.activations for one in features.maps]
    added = sum(float(term.sum()) for term in terms)
    scale = max(1e-6, sum(float(term.abs().sum()) for term in terms))
    near = max(map(_rounding, features.maps))
    whole, middle = features.value - float(nothing), float(half - nothing)
    linear = abs(whole - added) < near * scale and abs(middle - added / 2) < near * scale
    if not linear or not all(map(_is_averaged, features.maps)):
        raise NotApplicableError(
            f"cam needs a head that averages the last feature map over its positions and applies one linear layer, and "
            f"the head after {features.layer} does not; choose 'grad-cam', which needs neither"
        )
    if features.beside > near:
        raise NotApplicableError(
            f"cam needs a score that depends on the last feature maps alone, and {_percent(features.beside)} of it "
            f"passes beside {features.layer}; choose 'grad-cam', which shows the rest"
        )
    return [_summed(one.gradients.sum(one.axes), one) for one in features.maps]


def _is_averaged(one: FeatureMap) -> bool:
    """Whether every position counts alike."""
    means = one.gradients.sum(one.axes, keepdim=True) / one.active.sum(one.axes, keepdim=True).clamp(min=1)
    uneven = (one.gradients - means * one.active).abs().amax()
    return float(uneven) <= _rounding(one) * float(one.gradients.abs().amax())


def _rounding(one: FeatureMap) -> float:
    """What may be rounding in a map; more where half precision does not change it, for then it was computed in half."""
    values = one.activations
    half = any(torch.equal(values, values.to(dtype).float()) for dtype in (torch.bfloat16, torch.float16))
    return 3e-2 if half else 1e-3


def _ablation_cam(features: Features) -> list[Tensor]:
    """A channel's weight is how far the score falls when the channel is set to 0."""
    channels = features.channels
    kept = 1 - torch.eye(channels, dtype=torch.float32)
    scores = features.scores(lambda first, last: kept[first:last], channels)
    drops = (features.value - scores.values[:, 0]).float()
    weights = features.by_map(drops / channels * (not moved_nothing(features, scores)))
    return [_summed(some, one) for some, one in zip(weights, features.maps, strict=True)]


def moved_nothing(features: Features, scores: Scores) -> bool:
    """Whether scores are all that of the photograph but for rounding."""
    whole = torch.tensor([[features.value]], dtype=torch.float64)
    return bool(Scores.joined([scores, Scores(whole, torch.zeros_like(whole))]).still)


def _summed(weights: Tensor, one: FeatureMap) -> Tensor:
    summed: Tensor = torch.einsum("c,c...->...", weights.to(one.activations), one.activations)
    return summed


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share > 0.1 else f"{100 * share:.2g} %"


_WEIGHTED: dict[str, Callable[[Features], list[Tensor]]] = {
    "cam": _cam,
    "grad-cam": _each(_grad_cam),
    "grad-cam++": _each(_grad_cam_plus_plus),
    "xgrad-cam": _each(_xgrad_cam),
    "layer-cam": _each(_layer_cam),
    "eigen-cam": _each(_eigen_cam),
    "ablation-cam": _ablation_cam,
}
_PER_CELL = frozenset(["grad-cam", "xgrad-cam", "layer-cam"])
"""Weights that are smaller, the more cells a map has."""


def normalised(maps: Float[Tensor, "N *space"]) -> Float[Tensor, "N *space"]:
    """Each map from 0 to 1; one that is the same everywhere becomes 0."""
    space = tuple(range(1, maps.ndim))
    low, high = maps.amin(space, keepdim=True), maps.amax(space, keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1)


@dataclass(frozen=True)
class FromFeatures(FromMap):
    """A method that sums the channels of the network's last feature map with positions."""

    score: Score = field(default="logit", kw_only=True)
    positive: Annotated[
        bool, Meaning("whether negative values are set to 0, as in the papers; else the map is signed")
    ] = field(default=False, kw_only=True)
    stage = "feature maps"
    empty = "the weighted feature maps are 0 everywhere: the map of {label} is empty"

    def findings(self, features: Features, found: Float[Tensor, "*space"], **record: object) -> Findings:
        """The map, which layers it comes from, and what passes beside them."""
        sizes = dict.fromkeys("×".join(map(str, one.activations.shape)) for one in features.maps)
        evidence: dict[str, object] = {"layer": features.layer, "size": " + ".join(sizes)}
        if len(features.maps) > 1:
            evidence["maps"] = len(features.maps)
        notes = []
        if features.beside > 0:
            evidence["beside"] = features.beside
        if features.beside > LITTLE:
            notes.append(
                f"{_percent(features.beside)} of what the photograph adds to the {features.score} passes beside the "
                f"feature maps shown ({features.layer}), by a class token or another branch, and is not on the map"
            )
        return Findings(
            found.clamp(min=0) if self.positive else found, notes=tuple(notes), record={**evidence, **record}
        )


@dataclass(frozen=True)
class ActivationMap(FromFeatures):
    """The channels of the last feature map, weighted by what the score owes to them.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.cam.cam import ActivationMap
        >>> saliency = map_of(ActivationMap("grad-cam"), masked, target=0)
        >>> saliency[square].mean() / saliency[~square].mean()  # as red 1.0 to red 0.2
        tensor(5.)
    """

    weights: ChannelWeights = "grad-cam"
    uses_removal = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`activation_map`."""
        del seed, domain
        masked = evaluate.masked
        features = last_features(masked, evaluate.target, score=self.score)
        if self.weights not in ("eigen-cam", "ablation-cam"):
            note_false_slope(masked, evaluate.target)
        if self.weights == "ablation-cam":
            masked.announce("channels", masked.evaluations + features.channels)
        return self.findings(features, activation_map(features, self.weights))

    def cost(self, shape: tuple[int, ...]) -> int | None:
        """See :meth:`FromMap.cost`; passes for each channel, or map, are announced when the network has been seen."""
        del shape
        return None if self.weights in ("cam", "ablation-cam") else 1
