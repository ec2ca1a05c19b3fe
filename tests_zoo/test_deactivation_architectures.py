"""Activation–Deactivation on real architectures with random weights: exact, a true cut-out, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.activation import ActivationDeactivation

SIZE = 64
LARGE = 96
CROP = (slice(32, 96), slice(0, 64))  # of a large image, aligned to a stride of 32

FEW: tuple[dict[str, Any], ...] = (
    {"threshold": 0.5, "join": "and", "fill": "neighbour", "pooling": "all"},
    {"travel": "pooled", "threshold": 0.9, "fill": "neighbour"},
)
ALL = ({"threshold": 0.99}, {"travel": "pooled", "threshold": 0.99}, *FEW)

# The architectures that must work; a crop aligned to their stride is what they see of it under `pooled`.
REQUIRED = [
    "tv:resnet18", "tv:resnet50", "tv:densenet121", "tv:regnet_y_400mf", "tv:efficientnet_v2_s", "tv:mobilenet_v3_small",
    "tv:googlenet", "tv:shufflenet_v2_x1_0", "tv:convnext_tiny",
]  # fmt: skip

# Their heads flatten the map, or valid windows and borders of their own see another cut-out.
REQUIRED_BUT_NOT_A_CROP = ["tv:vgg16", "tv:inception_v3"]

MORE = [
    "tv:mobilenet_v2",
    "timm:convnextv2_atto", "timm:mobilenetv3_small_050", "timm:skresnet18",
    "timm:rexnet_100", "timm:nf_regnet_b0", "timm:ghostnet_100", "timm:dla34", "timm:hrnet_w18_small",
    "timm:repvgg_a0", "timm:res2net50_26w_4s", "timm:resnest14d",
    "timm:mixnet_s", "timm:starnet_s1", "timm:rdnet_tiny", "timm:inception_next_atto", "timm:mobilenetv4_conv_small",
    "hf:ResNet", "hf:RegNet", "hf:ConvNext", "hf:ConvNextV2", "hf:MobileNetV1", "hf:EfficientNet",
]  # fmt: skip

NOT_A_CROP = ["tv:squeezenet1_0", "timm:resnetblur18"]

# Attention, position-mixing layers and normalisation over positions, by the size they are tried at.
MIXING = {
    **dict.fromkeys([
        "timm:vit_tiny_patch16_224", "timm:deit_tiny_distilled_patch16_224", "timm:eva02_tiny_patch14_224",
        "timm:deit3_small_patch16_224", "timm:cait_xxs24_224", "timm:xcit_nano_12_p16_224",
        "timm:swin_tiny_patch4_window7_224", "timm:swinv2_tiny_window8_256", "timm:swinv2_cr_tiny_224",
        "timm:twins_svt_small", "timm:pvt_v2_b0", "timm:nest_tiny", "timm:coatnet_nano_rw_224", "timm:maxvit_pico_rw_256",
        "timm:mixer_s32_224", "timm:resmlp_12_224", "timm:gmlp_s16_224", "timm:poolformer_s12", "timm:mobilevit_xxs",
        "timm:edgenext_xx_small", "timm:focalnet_tiny_srf", "timm:resnetv2_50x1_bit", "timm:gcresnet33ts",
        "timm:tresnet_m", "tv:vit_b_16", "tv:swin_t", "tv:swin_v2_t",
        "hf:ViT", "hf:DeiT", "hf:Beit", "hf:Dinov2", "hf:PoolFormer", "hf:MobileViT",
    ], SIZE),
    **dict.fromkeys(["hf:Swin", "hf:Swinv2"], 128),
    **dict.fromkeys(["timm:levit_128s", "timm:efficientvit_b0", "timm:efficientformer_l1"], 224),
}  # fmt: skip

REFUSED = {
    "timm:coat_tiny": "laid out differently",
    "timm:volo_d1_224": "unfold",
    "timm:hiera_tiny_224": "only one of height and width",
    "hf:FocalNet": "only one of height and width",
}


pytestmark = pytest.mark.usefixtures("unchecked_types")  # thousands of calls in every pass


def masks_for(size: int) -> Tensor:
    """Everything, nothing, a rectangle."""
    masks = torch.zeros(3, size, size)
    masks[0], masks[2, size // 4 : size // 2, size // 5 : size // 2] = 1, 1
    return masks


def prepared(name: str, size: int = SIZE) -> tuple[Classifier, Tensor]:
    classifier = Classifier(randomise(build(name, size), size), Preprocessing((size, size), None), name=name)
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


@pytest.mark.parametrize("name", MIXING)
def test_architectures_that_mix_positions(name: str) -> None:
    assert_sound(*prepared(name, MIXING[name]), FEW)


def drop_tokens(model: nn.Module, kept: Tensor, tokens: int) -> Any:
    """A hook on the first block of a vision transformer that drops patch tokens; class tokens come first."""

    def hook(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        first = args[0].shape[1] - tokens
        return (torch.cat([args[0][:, :first], args[0][:, first:][:, kept]], dim=1), *args[1:])

    names = (
        "encoder.layers.encoder_layer_0",
        "blocks.0",
        "vit.layers.0",
        "vit.encoder.layer.0",
        "dinov2.encoder.layer.0",
    )
    (block,) = [module for name, module in model.named_modules() if name in names]
    return block.register_forward_pre_hook(hook)


@pytest.mark.parametrize("travel", ["dilating", "pooled"])
@pytest.mark.parametrize(
    ("name", "size"),
    [("tv:vit_b_16", 64), ("timm:vit_tiny_patch16_224", 96), ("timm:deit_tiny_distilled_patch16_224", 96),
     ("timm:vit_base_patch16_reg4_gap_256", 64), ("hf:ViT", 96)],
)  # fmt: skip
def test_for_a_plain_vision_transformer_it_is_dropping_tokens(name: str, size: int, travel: Any) -> None:
    """In float64: whatever the hidden tokens are, the others attend to each other as if they were not there."""
    model = randomise(build(name, size), size).double()
    classifier = Classifier(model, Preprocessing((size, size), None), name=name)
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(1)).double()
    patches = torch.rand(size // 16, size // 16, generator=torch.Generator().manual_seed(2)) > 0.6
    mask = patches.repeat_interleave(16, 0).repeat_interleave(16, 1)[None].float()
    bound = ActivationDeactivation(travel).bind(classifier, image)
    with torch.no_grad():
        got = bound.forward(image[None], mask)
        handle = drop_tokens(model, patches.flatten().nonzero().flatten(), patches.numel())
        expected = classifier.forward(image[None])
        handle.remove()
        whole = classifier.forward(image[None])
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))
    assert not torch.allclose(got, whole, atol=1e-3)


@pytest.mark.parametrize("name", REFUSED)
def test_architectures_without_rules_are_refused_by_name(name: str) -> None:
    classifier, image = prepared(name, 224 if "hiera" in name else SIZE)
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


def test_windows_that_shrink_with_the_image_are_left_as_they_were() -> None:
    """transformers' Swin keeps the window that fitted the last image; a look at a smaller one must not reach it."""
    size = 128
    model = randomise(build("hf:Swin", size), size)
    classifier = Classifier(model, Preprocessing((size, size), None))
    image = torch.rand(3, size, size, generator=torch.Generator().manual_seed(0))
    before = classifier.logits(image[None])
    masked = ActivationDeactivation("pooled").bind(classifier, image)
    masked(torch.zeros(1, size, size))
    assert torch.equal(classifier.logits(image[None]), before)
