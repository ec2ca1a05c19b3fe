"""Activation–Deactivation and class activation maps in networks of three axes as people have them: torchvision's."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import video

from unseen import Classifier, Preprocessing
from unseen.explainers import METHODS, map_of
from unseen.removal import REMOVALS

SIZES = {"r3d_18": (8, 32, 32), "r2plus1d_18": (8, 32, 32), "mc3_18": (8, 32, 32), "swin3d_t": (8, 64, 64)}


def classifier_of(name: str, size: tuple[int, ...]) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = getattr(video, name)(weights=None, num_classes=5).eval()
    return Classifier(network, Preprocessing(size, None, mean=(0.43, 0.39, 0.38), std=(0.23, 0.22, 0.22)))


@pytest.mark.parametrize("name", sorted(SIZES))
def test_nothing_hidden_is_the_plain_network_and_what_is_hidden_is_never_seen(name: str) -> None:
    size = SIZES[name]
    classifier = classifier_of(name, size)
    image, other = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    masks = torch.stack([torch.ones(size), torch.zeros(size)])
    masks[1, : size[0] // 2] = 1
    masked = REMOVALS.create("ad").bind(classifier, image)
    found = masked(masks)
    torch.testing.assert_close(found[0], classifier.logits(image[None])[0], atol=1e-4, rtol=1e-4)
    mixed = torch.where(masks[1] > 0, image, other)
    again = REMOVALS.create("ad").bind(classifier, mixed)(masks)[1]
    torch.testing.assert_close(found[1], again, atol=1e-4, rtol=1e-4)
    assert float((found[1] - found[0]).abs().max()) > 1e-4
    saliency = map_of(METHODS.create("grad-cam"), masked, 0)
    assert saliency.shape == size
    assert bool(saliency.any())
