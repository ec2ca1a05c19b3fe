"""The three model libraries work in one process, whichever build of torch is installed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn


def torchvision_resnet50() -> nn.Module:
    from torchvision.models import resnet50

    return resnet50(weights=None)


def timm_resnet18() -> nn.Module:
    import timm

    return timm.create_model("resnet18", pretrained=False)


def transformers_resnet() -> nn.Module:
    from transformers import ResNetConfig, ResNetForImageClassification

    return ResNetForImageClassification(ResNetConfig(num_labels=1000))


@pytest.mark.parametrize("build", [torchvision_resnet50, timm_resnet18, transformers_resnet], ids=lambda f: f.__name__)
def test_a_model_with_random_weights_gives_logits(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model = build().eval()
    with torch.inference_mode():
        output = model(torch.rand(2, 3, 64, 64))
    logits = output if isinstance(output, Tensor) else output.logits
    assert logits.shape == (2, 1000)
    assert logits.isfinite().all()


def test_preprocessing_of_each_library_can_be_imported() -> None:
    from timm.data import create_transform
    from torchvision.transforms import v2
    from transformers import AutoImageProcessor, ConvNextImageProcessor

    photo = torch.rand(3, 80, 100)
    assert v2.CenterCrop(64)(photo).shape == (3, 64, 64)
    assert callable(create_transform(64))
    assert ConvNextImageProcessor
    assert AutoImageProcessor
