"""Class activation maps: a weighted sum of the channels of the network's last feature map.

All of them share one capture of activations and gradients (``features``) and differ in the weights alone. The map has
the resolution of the feature map and is enlarged bilinearly to the photograph's.

Sources, by the names of the weights:

``cam``: Zhou et al., *Learning Deep Features for Discriminative Localization*, CVPR 2016; ``grad-cam``: Selvaraju et
al., ICCV 2017; ``grad-cam++``: Chattopadhay et al., WACV 2018, equations 10, 11 and 19; ``xgrad-cam``: Fu et al., BMVC
2020, equation 7; ``layer-cam``: Jiang et al., IEEE TIP 2021, equations 7 and 8; ``eigen-cam``: Muhammad & Yeasin, IJCNN
2020; ``ablation-cam``: Desai & Ramaswamy, WACV 2020, equation 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import interpolate

from unseen.classifier.scores import Score, check_score
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.scores import still
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.removal.deactivation.features import Features, last_features

Weights = Literal["cam", "grad-cam", "grad-cam++", "xgrad-cam", "layer-cam", "eigen-cam", "ablation-cam"]


def activation_map(features: Features, weights: Weights) -> Float[Tensor, "h w"]:
    """The weighted sum of the channels, at the resolution of the feature map; signed.

    Raises:
        NotApplicableError: ``cam``, of a head that is not an average over positions and one linear layer.
    """
    return _WEIGHTED[weights](features)


def _grad_cam(features: Features) -> Tensor:
    return _summed(features.gradients.mean((1, 2)), features)


def _grad_cam_plus_plus(features: Features) -> Tensor:
    activations, gradients = features.activations.double(), features.gradients.double()
    below = 2 * gradients.square() + activations.sum((1, 2), keepdim=True) * gradients**3
    shares = torch.where(gradients != 0, gradients.square() / torch.where(below != 0, below, 1), 0)
    return _summed((shares * gradients.clamp(min=0)).sum((1, 2)).float(), features)


def _xgrad_cam(features: Features) -> Tensor:
    total = features.activations.sum((1, 2))
    weighted = (features.gradients * features.activations).sum((1, 2))
    return _summed(torch.where(total != 0, weighted / torch.where(total != 0, total, 1), 0), features)


def _layer_cam(features: Features) -> Tensor:
    return (features.gradients.clamp(min=0) * features.activations).sum(0)


def _eigen_cam(features: Features) -> Tensor:
    """The first principal component of the channels, uncentred; its sign is that of the mean activation."""
    rows = features.activations.flatten(1).T.double()
    projected = rows @ torch.linalg.svd(rows, full_matrices=False).Vh[0]
    upright: Tensor = projected if float(projected.sum()) >= 0 else -projected
    return upright.float().reshape(features.activations.shape[1:])


def _cam(features: Features) -> Tensor:
    """The head's own weights, where the score is linear in the mean of what is on: checked on two changed maps."""
    gradients, channels = features.gradients, len(features.gradients)
    means = gradients.sum((1, 2), keepdim=True) / features.active.sum((1, 2), keepdim=True).clamp(min=1)
    uneven = (gradients - means * features.active).abs().amax()
    factors = torch.tensor([0.0, 0.5], dtype=torch.float32)
    (nothing, half) = torch.cat([
        *features.scores(lambda first, last: factors[first:last, None].expand(-1, channels), 2)
    ]).tolist()  # fmt: skip
    added = float((gradients.double() * features.activations).sum())
    scale = max(1e-6, float((gradients * features.activations).abs().sum()))
    linear = abs(features.value - nothing - added) < 1e-3 * scale and abs(half - nothing - added / 2) < 1e-3 * scale
    if not linear or float(uneven) > 1e-3 * float(gradients.abs().amax()):
        raise NotApplicableError(
            f"cam needs a head that averages the last feature map over its positions and applies one linear layer, and "
            f"the head after {features.layer} does not; choose 'grad-cam', which needs neither"
        )
    return _summed(gradients.sum((1, 2)), features)


def _ablation_cam(features: Features) -> Tensor:
    """A channel's weight is how far the score falls when the channel is set to 0."""
    channels = len(features.activations)
    kept = 1 - torch.eye(channels, dtype=torch.float32)
    scores = torch.cat([*features.scores(lambda first, last: kept[first:last], channels)])
    drops = features.value - scores
    unmoved = bool(still(torch.cat([scores, scores.new_tensor([features.value])])))
    return _summed(torch.zeros_like(drops) if unmoved else drops / channels, features)


def _summed(weights: Tensor, features: Features) -> Tensor:
    summed: Tensor = torch.einsum("c,chw->hw", weights.to(features.activations), features.activations)
    return summed


_WEIGHTED: dict[str, Callable[[Features], Tensor]] = {
    "cam": _cam,
    "grad-cam": _grad_cam,
    "grad-cam++": _grad_cam_plus_plus,
    "xgrad-cam": _xgrad_cam,
    "layer-cam": _layer_cam,
    "eigen-cam": _eigen_cam,
    "ablation-cam": _ablation_cam,
}


def enlarged(maps: Float[Tensor, "N h w"], shape: tuple[int, int]) -> Float[Tensor, "N H W"]:
    """Maps at the photograph's resolution, bilinearly."""
    return interpolate(maps[:, None], shape, mode="bilinear", align_corners=False)[:, 0]


def normalised(maps: Float[Tensor, "N H W"]) -> Float[Tensor, "N H W"]:
    """Each map from 0 to 1; one that is the same everywhere becomes 0."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / torch.where(high > low, high - low, 1)


@dataclass(frozen=True)
class FromFeatures(FromMap):
    """A method that sums the channels of the network's last feature map with positions.

    Args:
        score: ``logit`` or ``probability``.
        positive: set negative values to 0, as the papers do; by default the map is signed.
        blur: see :class:`unseen.explainers.sufficient.search.FromMap`, as are the next two.
        block: as there.
        steps: as there.
    """

    score: Score = field(default="logit", kw_only=True)
    positive: bool = field(default=False, kw_only=True)
    stage = "feature maps"
    empty = "the weighted feature maps are 0 everywhere: the map of {label} is empty"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_score(self.score)

    def cost(self, shape: tuple[int, int]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return 1

    def findings(self, features: Features, found: Tensor, shape: tuple[int, int], **record: object) -> Findings:
        """The map at the photograph's resolution, and which layer it comes from."""
        size = "×".join(map(str, features.activations.shape))
        large = enlarged(found[None], shape)[0]
        return Findings(
            large.clamp(min=0) if self.positive else large, record={"layer": features.layer, "size": size, **record}
        )


@dataclass(frozen=True)
class ActivationMap(FromFeatures):
    """The channels of the last feature map, weighted by what the score owes to them.

    Args:
        weights: ``cam``, ``grad-cam``, ``grad-cam++``, ``xgrad-cam``, ``layer-cam``, ``eigen-cam`` (of no class) or
            ``ablation-cam`` (one evaluation per channel).
        score: see :class:`FromFeatures`, as are the next.
        positive: as there.
        blur: as there.
        block: as there.
        steps: as there.

    Raises:
        ParameterError: a parameter outside its range.
    """

    weights: Weights = "grad-cam"
    uses_removal = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights not in get_args(Weights):
            raise ParameterError(f"weights {self.weights!r} must be one of {', '.join(get_args(Weights))}")

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "H W"] | None) -> Findings:
        """See :func:`activation_map`."""
        del seed, domain
        masked = evaluate.masked
        features = last_features(masked, evaluate.target, score=self.score)
        if self.weights == "ablation-cam":
            masked.announce("channels", masked.evaluations + len(features.activations))
        return self.findings(features, activation_map(features, self.weights), masked.shape)
