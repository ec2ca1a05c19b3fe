"""Activation–Deactivation in networks of signals, volumes and films as people have them: torchvision's and MONAI's."""

from __future__ import annotations

import re

import pytest
import torch
from monai.networks import nets

from benchmarks.spaces import SIGNALS, VOLUMES
from benchmarks.tables.architectures import classifier_of, is_the_crop
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers import METHODS, map_of
from unseen.removal import REMOVALS

pytestmark = pytest.mark.usefixtures("unchecked_types")  # thousands of calls in every pass

REFUSED = {"own:WaveNet": "shows several places of the photograph at one position"}
"""Under ``pooled`` alone."""
TRIED = [
    *(name for name in SIGNALS if "EfficientNet" not in name),
    "monai:DenseNet, 3-D", "monai:UNet encoder, 3-D", "monai:ResNet-18, 3-D",
    "tv:r3d_18", "tv:mc3_18", "tv:r2plus1d_18", "tv:swin3d_t",
]  # fmt: skip
"""The others are tried by ``make matrix``."""


@pytest.mark.parametrize("name", TRIED)
def test_nothing_hidden_is_the_plain_network_and_what_is_hidden_is_never_seen(name: str) -> None:
    """To the last bit, in batches of one size; and shown alone, half of the input is the real crop."""
    classifier, network = classifier_of(name), (SIGNALS | VOLUMES)[name]
    image, other = torch.rand(2, network.channels, *network.space, generator=torch.Generator().manual_seed(1))
    masks = torch.stack([torch.ones(network.space), torch.zeros(network.space)])
    masks[1, : network.space[0] // 2] = 1
    plain = classifier.logits(image.expand(2, *image.shape))
    for policy in ("ad", "ad:pooled"):
        if policy == "ad:pooled" and name in REFUSED:
            with pytest.raises(NotApplicableError, match=REFUSED[name]):
                REMOVALS.create(policy).bind(classifier, image)
            continue
        shown = REMOVALS.create(policy).bind(classifier, image)(masks)
        mixed = REMOVALS.create(policy).bind(classifier, torch.where(masks[1] > 0, image, other))(masks)
        assert torch.equal(shown[0], plain[0])
        assert torch.equal(shown[1], mixed[1])
        assert float((shown[1] - shown[0]).abs().max()) > 1e-4
    if network.stride:
        assert is_the_crop(classifier, network.stride)


def test_squeeze_and_excitation_of_volumes_is_followed_in_every_stage() -> None:
    """One block each; the table has all sixteen, whose 49 million weights take half a minute to draw."""
    network = VOLUMES["monai:SE-ResNet-50, 3-D"]
    plain = Preprocessing(network.space, None, mean=(0.5,), std=(0.5,))
    model = nets.SEResNet50(layers=(1, 1, 1, 1), spatial_dims=3, in_channels=1, num_classes=5)
    classifier = Classifier(model, plain)
    image, other = torch.rand(2, 1, *network.space, generator=torch.Generator().manual_seed(1))
    masks = torch.stack([torch.ones(network.space), torch.zeros(network.space)])
    masks[1, : network.space[0] // 2] = 1
    logits = classifier.logits(image.expand(2, *image.shape))
    ad = REMOVALS.create("ad")
    shown = ad.bind(classifier, image)(masks)
    assert torch.equal(shown[0], logits[0])
    assert torch.equal(shown[1], ad.bind(classifier, torch.where(masks[1] > 0, image, other))(masks)[1])
    assert not torch.equal(shown[1], shown[0])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tv:MViT", r"linear in module 'blocks\.1\.attn\.project\.0' merges positions of windows"),
        ("tv:MViT v2", r"add_ in module 'blocks\.0\.attn' joins pairs of positions with others"),
    ],
)
def test_what_cannot_be_followed_is_named_and_the_remedy_works(name: str, said: str) -> None:
    classifier, network = classifier_of(name), VOLUMES[name]
    image = torch.rand(network.channels, *network.space, generator=torch.Generator().manual_seed(1))
    with pytest.raises(NotApplicableError, match=f"{said}.*; choose another removal") as refused:
        REMOVALS.create("ad").bind(classifier, image)
    (offered,) = re.findall(r"such as '([^']+)'", str(refused.value))
    masked = REMOVALS.create(offered).bind(classifier, image)
    assert bool(masked(torch.ones(1, *network.space)).isfinite().all())


@pytest.mark.parametrize("name", ["own:InceptionTime", "monai:UNet encoder, 3-D", "tv:r2plus1d_18", "tv:swin3d_t"])
def test_class_activation_maps_have_the_axes_of_the_input(name: str) -> None:
    classifier, network = classifier_of(name), (SIGNALS | VOLUMES)[name]
    image = torch.rand(network.channels, *network.space, generator=torch.Generator().manual_seed(1))
    saliency = map_of(METHODS.create("grad-cam"), REMOVALS.create("ad").bind(classifier, image), 0)
    assert saliency.shape == network.space
    assert bool(saliency.any())
