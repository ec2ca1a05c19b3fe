"""Activation–Deactivation on real architectures with random weights: exact, a true cut-out, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor, nn

from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.removal.deactivation import ActivationDeactivation

SIZE = 64
LARGE = 96
CROP = (slice(32, 96), slice(0, 64))  # of a large image, aligned to a stride of 32

THRESHOLDS = (0.0, 0.3, 0.5, 0.9, 0.99)
FEW: tuple[dict[str, Any], ...] = (
    {"threshold": 0.5, "join": "and", "fill": "neighbour", "pooling": "all"},
    {"travel": "pooled", "threshold": 0.9, "fill": "neighbour"},
)
ALL = (*({"travel": t, "threshold": x} for t in ("dilating", "pooled") for x in THRESHOLDS if x), *FEW)

# The architectures that must work; a crop aligned to their stride is what they see of it under `pooled`.
REQUIRED = [
    "tv:resnet18", "tv:resnet50", "tv:densenet121", "tv:regnet_y_400mf", "tv:efficientnet_v2_s", "tv:mobilenet_v3_small",
    "tv:googlenet", "tv:shufflenet_v2_x1_0", "tv:convnext_tiny",
]  # fmt: skip

# Their heads flatten the map, or valid windows and borders of their own see another cut-out.
REQUIRED_BUT_NOT_A_CROP = ["tv:vgg16", "tv:inception_v3"]

MORE = [
    "tv:mobilenet_v2",
    "timm:resnet50d", "timm:efficientnet_lite0", "timm:tf_efficientnetv2_b0", "timm:regnety_002", "timm:convnext_atto",
    "timm:convnextv2_atto", "timm:mobilenetv3_small_050", "timm:skresnet18", "timm:ecaresnet26t",
    "timm:rexnet_100", "timm:nf_regnet_b0", "timm:ghostnet_100", "timm:dla34", "timm:hrnet_w18_small",
    "timm:repvgg_a0", "timm:res2net50_26w_4s", "timm:resnest14d", "timm:cspresnet50",
    "timm:mixnet_s", "timm:starnet_s1", "timm:rdnet_tiny", "timm:inception_next_atto", "timm:mobilenetv4_conv_small",
    "hf:ResNet", "hf:RegNet", "hf:ConvNext", "hf:ConvNextV2", "hf:MobileNetV1", "hf:EfficientNet",
]  # fmt: skip

NOT_A_CROP = ["tv:squeezenet1_0", "timm:resnetblur18"]

REFUSED = {
    "tv:vit_b_16": "torch.cat",
    "tv:swin_t": "pad",
    "timm:tresnet_m": "torch.Tensor.view",
    "timm:gcresnet33ts": "softmax",
    "timm:poolformer_s12": "group_norm",
    "timm:mobilevit_xxs": "torch.Tensor.reshape",
    "timm:edgenext_xx_small": "torch.Tensor.permute",
    "hf:FocalNet": "only one of height and width",
}

SMALL: dict[str, Any] = {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1]}
HF: dict[str, dict[str, Any]] = {
    "ResNet": {**SMALL, "embedding_size": 16},
    "RegNet": {**SMALL, "embedding_size": 16, "groups_width": 8},
    "ConvNext": SMALL,
    "ConvNextV2": SMALL,
    "MobileNetV1": {"depth_multiplier": 0.5},
    "EfficientNet": {"image_size": SIZE, "hidden_dim": 640, "width_coefficient": 0.5, "depth_coefficient": 0.5},
    "FocalNet": {"image_size": SIZE, "embed_dim": 32, "depths": [1, 1, 1, 1]},
}


@pytest.fixture(autouse=True)
def unchecked_types() -> Iterator[None]:
    """Thousands of calls in every pass: the other tests check their types."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


def build(name: str) -> nn.Module:
    source, _, model = name.partition(":")
    with quickly_initialised():
        if source == "timm":
            import timm

            return timm.create_model(model, pretrained=False)
        if source == "hf":
            import transformers

            config = getattr(transformers, f"{model}Config")(num_labels=10, **HF[model])
            return getattr(transformers, f"{model}ForImageClassification")(config)
        import torchvision

        extra = {"init_weights": False} if model in ("googlenet", "inception_v3", "vgg16") else {}
        return getattr(torchvision.models, model)(weights=None, **extra)


@contextmanager
def quickly_initialised() -> Iterator[None]:
    """Random weights are drawn once, by `randomise`."""
    slow = [name for name in vars(nn.init) if name.endswith("_") and name not in ("zeros_", "ones_", "constant_")]
    with pytest.MonkeyPatch.context() as patch:
        for name in slow:
            patch.setattr(nn.init, name, _unchanged)
        yield


def _unchanged(tensor: Tensor, *_: Any, **__: Any) -> Tensor:
    return tensor


def randomise(model: nn.Module, size: int) -> nn.Module:
    """Weights that keep the scale; running statistics near those of random images, so that signs vary everywhere."""
    generator = torch.Generator().manual_seed(0)

    def normal(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator)

    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    model.eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(normal(parameter) * (2 / max(1, parameter[0].numel())) ** 0.5)
            else:
                parameter.copy_(normal(parameter) * 0.2 + 0.8 * name.endswith("weight"))
        for module in norms:
            module.momentum, module.training = 1.0, True
        model(normal(torch.empty(2, 3, size, size)))
        for module in norms:
            module.running_mean.add_(0.3 * normal(module.running_mean) * module.running_var.sqrt())
    return model.eval()


def masks_for(size: int) -> Tensor:
    """Everything, nothing, a rectangle."""
    masks = torch.zeros(3, size, size)
    masks[0], masks[2, size // 4 : size // 2, size // 5 : size // 2] = 1, 1
    return masks


def prepared(name: str, size: int = SIZE) -> tuple[Classifier, Tensor]:
    classifier = Classifier(randomise(build(name), size), Preprocessing((size, size), None), name=name)
    return classifier, torch.rand(3, size, size, generator=torch.Generator().manual_seed(1))


def assert_sound(classifier: Classifier, image: Tensor, policies: tuple[dict[str, Any], ...]) -> None:
    """Bit-equal with nothing hidden (binding proves it, too), finite, and blind to hidden pixels."""
    masks = masks_for(image.shape[1])
    plain = classifier.logits(image.expand(3, -1, -1, -1))
    for policy in ({}, {"travel": "pooled"}, *policies):
        bound = ActivationDeactivation(**policy).bind(classifier, image)
        got = bound(masks)
        assert torch.equal(got[0], plain[0]), policy
        assert torch.isfinite(got).all(), policy
        assert not torch.equal(got[2], plain[2]), policy
        other = torch.where(masks[2] > 0, image, 1 - image)
        with torch.inference_mode():
            hidden = bound.forward(torch.stack([image, image, other]), masks)
        assert torch.equal(hidden.float(), got), policy


def assert_cut_out(classifier: Classifier) -> None:
    """In float64, because random weights amplify rounding; the issue is which pixels are seen, and as what."""
    double = Classifier(classifier.model.double(), Preprocessing((LARGE, LARGE), None), name=classifier.name)
    image = torch.rand(3, LARGE, LARGE, generator=torch.Generator().manual_seed(2)).double()
    mask = torch.zeros(1, LARGE, LARGE)
    mask[0, CROP[0], CROP[1]] = 1
    with torch.inference_mode():
        got = ActivationDeactivation("pooled").bind(double, image).forward(image[None], mask)
        crop = double.forward(image[None, :, CROP[0], CROP[1]])
    torch.testing.assert_close(got, crop, rtol=0, atol=1e-8 * float(crop.abs().max()))


@pytest.mark.parametrize("name", REQUIRED)
def test_required_architectures(name: str) -> None:
    classifier, image = prepared(name)
    assert_sound(classifier, image, ALL)
    assert_cut_out(classifier)


@pytest.mark.parametrize("name", REQUIRED_BUT_NOT_A_CROP)
def test_required_architectures_whose_crops_differ(name: str) -> None:
    classifier, image = prepared(name, 96 if "inception" in name else 64)
    assert_sound(classifier, image, ALL)


@pytest.mark.parametrize("name", MORE)
def test_more_architectures(name: str) -> None:
    classifier, image = prepared(name)
    assert_sound(classifier, image, FEW)
    assert_cut_out(classifier)


@pytest.mark.parametrize("name", NOT_A_CROP)
def test_more_architectures_whose_crops_differ(name: str) -> None:
    assert_sound(*prepared(name, 96 if "inception" in name else SIZE), FEW)


@pytest.mark.parametrize("name", REFUSED)
def test_architectures_without_rules_are_refused_by_name(name: str) -> None:
    classifier, image = prepared(name, 224 if name == "tv:vit_b_16" else SIZE)
    with pytest.raises(NotApplicableError, match=REFUSED[name]):
        ActivationDeactivation().bind(classifier, image)


@pytest.mark.parametrize("name", ["tv:resnet18", "tv:densenet121", "tv:mobilenet_v3_small"])
def test_folded_channels_last_copies_are_exact(name: str) -> None:
    classifier, image = prepared(name)
    assert_sound(classifier.optimised(), image, FEW)


@pytest.mark.parametrize("name", ["tv:resnet18", "tv:densenet121", "timm:ghostnet_100", "hf:ConvNext"])
def test_gradients_vanish_exactly_where_pixels_are_hidden(name: str) -> None:
    classifier, image = prepared(name)
    masks = masks_for(SIZE)
    bound = ActivationDeactivation(join="and").bind(classifier, image)
    pixels = image.expand(3, -1, -1, -1).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(bound.forward(pixels, masks)[:, 0].sum(), pixels)
    assert torch.isfinite(gradient).all()
    assert torch.equal(gradient * (1 - masks[:, None]), torch.zeros_like(gradient))
    assert bool((gradient[2] != 0).any())
