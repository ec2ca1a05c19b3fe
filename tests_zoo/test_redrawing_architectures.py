"""Layers are found and drawn anew in the architectures of torchvision, timm and transformers."""

from __future__ import annotations

import pytest
import torch

from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing
from unseen.metrics.redrawing import Redrawn

SIZE = 64
ARCHITECTURES = {
    "tv:resnet18": ("conv1", "fc"),
    "tv:densenet121": ("features.conv0", "classifier"),
    "tv:googlenet": ("conv1.conv", "fc"),
    "tv:swin_t": ("features.0.0", "head"),
    "timm:vit_tiny_patch16_224": ("", "head"),
    "timm:nfnet_l0": ("stem.conv1", "head.fc"),
    "timm:mixer_s32_224": ("stem.proj", "head"),
    "hf:ViT": ("vit.embeddings", "classifier"),
    "hf:MobileViT": ("mobilevit.conv_stem.convolution", "classifier"),
}


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_every_layer_that_counts_is_drawn_and_put_back(name: str) -> None:
    model = build(name, SIZE).eval()
    randomise(model, SIZE)
    classifier = Classifier(model, Preprocessing((SIZE, SIZE), None))
    image = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    redrawn = Redrawn(classifier, image)
    assert (redrawn.layers[0], redrawn.layers[-1]) == ARCHITECTURES[name]
    with_parameters = {key for key, module in model.named_modules() if list(module.parameters(recurse=False))}
    idle = {key for key in with_parameters if key.startswith("aux")}  # heads of training, which do not run
    assert set(redrawn.layers) == with_parameters - idle
    assert bool(idle) == ("googlenet" in name)
    before = classifier.logits(image[None])
    redrawn.draw(redrawn.layers)
    drawn = redrawn.classifier()
    assert not torch.allclose(drawn.logits(image[None]), before, rtol=0.1)
    for key in redrawn.layers:
        pairs = zip(
            drawn.model.get_submodule(key).parameters(False), model.get_submodule(key).parameters(False), strict=True
        )
        assert not all(torch.equal(new, old) for new, old in pairs), key
    redrawn.restore()
    assert torch.equal(redrawn.classifier().logits(image[None]), before)
