"""Penultimate features of real architectures with random weights: the head makes the logits of them, or they are refused."""

from __future__ import annotations

import pytest
import torch

from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.evaluation.distance.random_parts import random_parts
from unseen.removal import REMOVALS
from unseen.removal.penultimate import masked_features, photograph_features

# The size they are tried at, and how many features their heads receive.
HEADS = {
    "tv:resnet18": (64, 512),
    "tv:densenet121": (64, 1024),
    "tv:mobilenet_v3_small": (64, 1024),
    "tv:convnext_tiny": (64, 768),
    "tv:vit_b_16": (64, 768),
    "timm:vit_tiny_patch16_224": (64, 192),
    "timm:swin_tiny_patch4_window7_224": (64, 768),
    "timm:xcit_nano_12_p16_224": (64, 128),
    "hf:ViT": (64, None),
    "hf:Swin": (128, None),
}

pytestmark = pytest.mark.usefixtures("unchecked_types")  # thousands of calls in every pass


def classifier(name: str, size: int) -> Classifier:
    return Classifier(randomise(build(name, size), size).double(), Preprocessing((size, size), None), name=name)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("removal", ["grey", "ad"])
def test_a_linear_map_of_the_features_gives_the_logits(name: str, removal: str) -> None:
    size, channels = HEADS[name]
    network = classifier(name, size)
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(1)).double()
    parts = random_parts((size, size), (1.0, 0.7, 0.4), torch.Generator().manual_seed(2), cells=4)
    masked = REMOVALS.create(removal).bind(network, image)
    found = masked_features(masked, parts)
    assert channels is None or found.shape == (3, channels)
    torch.testing.assert_close(found[:1], photograph_features(network, image[None]), rtol=1e-4, atol=1e-5)
    heads = [m for m in network.model.modules() if isinstance(m, torch.nn.Linear) and m.in_features == found.shape[1]]
    logits = masked(parts)
    with torch.no_grad():
        answers = [head(found.double()).float() for head in heads if head.out_features == logits.shape[1]]
    assert any(torch.allclose(answer, logits, rtol=1e-3, atol=1e-4) for answer in answers)


@pytest.mark.parametrize("name", ["tv:squeezenet1_0", "timm:levit_128s"])
def test_other_heads_are_refused(name: str) -> None:
    size = 224
    with pytest.raises(NotApplicableError, match="not the output of a linear layer"):
        photograph_features(classifier(name, size), torch.rand(1, 3, size, size).double())
