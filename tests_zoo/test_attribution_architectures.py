"""Relevance, contributions and feature maps on real architectures with random weights: complete, or refused by name."""

from __future__ import annotations

import pytest
import torch

from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers.cam.cam import activation_map
from unseen.explainers.gradients.rectifiers import rectified_gradient
from unseen.explainers.propagation.deeplift import deeplift
from unseen.explainers.propagation.lrp import relevance
from unseen.explainers.propagation.lrp_pass import RelevanceShares
from unseen.removal import REMOVALS, MaskedClassifier
from unseen.removal.deactivation.features import last_features

# The size they are tried at, the last feature map's side, and what guided backpropagation says.
FOLLOWED = {
    "tv:resnet18": (64, 2, None),
    "tv:densenet121": (64, 2, None),
    "tv:mobilenet_v3_small": (64, 2, "the activation hardswish"),
    "tv:convnext_tiny": (64, 2, "the activation gelu"),
    "tv:vit_b_16": (64, 4, "the activation gelu"),
    "timm:vit_tiny_patch16_224": (64, 4, "the activation gelu"),
    "timm:swin_tiny_patch4_window7_224": (64, 2, "the activation gelu"),
    "timm:levit_128s": (224, 4, "the activation hardswish"),
    "timm:ghostnet_100": (64, 2, "a change of a part of a tensor in place"),
    "timm:xcit_nano_12_p16_224": (64, 4, "the activation gelu"),
    "hf:ViT": (64, 4, "the activation gelu"),
    "hf:Swin": (128, 16, "the activation gelu"),
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("unchecked_types")  # thousands of calls in every pass


def bound(name: str, size: int) -> MaskedClassifier:
    model = randomise(build(name, size), size).double()
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(1)).double()
    return REMOVALS.create("black").bind(Classifier(model, Preprocessing((size, size), None), name=name), image)


@pytest.mark.parametrize("name", FOLLOWED)
def test_nothing_is_lost_and_the_map_is_found(name: str) -> None:
    """In float64, because random weights amplify rounding."""
    size, side, reason = FOLLOWED[name]
    masked = bound(name, size)
    logits = masked.classifier.logits(masked.image[None])[0]
    target = int(logits.argmax())
    record = relevance(masked, target, RelevanceShares("epsilon", 1e-9))[1]
    assert record["logit"] == pytest.approx(float(logits[target]), rel=1e-5)
    assert abs(record["gap"]) < 1e-4 * abs(record["logit"])
    change = deeplift(masked, target, torch.zeros_like(masked.image))
    assert abs(change.gap) < 1e-4 * abs(change.difference)
    features = last_features(masked, target)
    assert features.maps[0].activations.shape[1:] == (side, side)
    assert bool(activation_map(features, "grad-cam").any())
    if reason is None:
        assert bool(rectified_gradient(masked, target, "guided").any())
    else:
        with pytest.raises(NotApplicableError, match=reason):
            rectified_gradient(masked, target, "guided")
