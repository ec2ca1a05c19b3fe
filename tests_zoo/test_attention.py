"""Attention of the libraries' transformers: each of their implementations the same map, and Swin refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.zoo import build, randomise
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError
from unseen.explainers import METHODS, map_of
from unseen.explainers.attention.capture import attention_of
from unseen.explainers.attention.maps import rollout
from unseen.removal import REMOVALS, MaskedClassifier

SIDE = 32
LAYERS = 2
FEWER = {"integrated-gradients": "most=17,tolerance=0.9", "occlusion": "window=0.5,stride=0.5"}

pytestmark = pytest.mark.usefixtures("unchecked_types")  # thousands of calls in every pass


def bound(model: nn.Module, side: int = SIDE) -> MaskedClassifier:
    image = torch.rand(3, side, side, generator=torch.Generator().manual_seed(1)).double()
    return REMOVALS.create("black").bind(Classifier(model.eval().double(), Preprocessing((side, side), None)), image)


def of_timm(fused: bool) -> nn.Module:
    import timm

    model = timm.create_model("vit_tiny_patch16_224", img_size=SIDE, depth=LAYERS, num_classes=5)
    for block in model.blocks:
        block.attn.fused_attn = fused
    return randomise(model, SIDE)


def of_torchvision() -> nn.Module:
    from torchvision.models import VisionTransformer

    return randomise(VisionTransformer(SIDE, 16, LAYERS, 4, 64, 128, num_classes=5), SIDE)


def of_transformers(attention: str) -> nn.Module:
    import transformers

    sizes: dict[str, Any] = {"hidden_size": 64, "num_hidden_layers": LAYERS, "num_attention_heads": 4}
    config = transformers.ViTConfig(image_size=SIDE, intermediate_size=128, num_labels=5, **sizes)
    config._attn_implementation = attention
    return randomise(transformers.ViTForImageClassification(config), SIDE)


def in_torchvision(model: nn.Module) -> nn.Module:
    """The same function by ``nn.MultiheadAttention``: the weights of transformers' network in torchvision's."""
    network = of_torchvision()
    given, own = model.state_dict(), network.state_dict()
    own["class_token"] = given["vit.embeddings.cls_token"]
    own["encoder.pos_embedding"] = given["vit.embeddings.position_embeddings"]
    named = {
        "conv_proj": "vit.embeddings.patch_embeddings.projection",
        "encoder.ln": "vit.layernorm",
        "heads.head": "classifier",
    }
    for number in range(LAYERS):
        ours, theirs = f"encoder.layers.encoder_layer_{number}.", f"vit.layers.{number}."
        named[f"{ours}self_attention.out_proj"] = f"{theirs}attention.o_proj"
        named |= {f"{ours}ln_1": f"{theirs}layernorm_before", f"{ours}ln_2": f"{theirs}layernorm_after"}
        named |= {f"{ours}mlp.0": f"{theirs}mlp.fc1", f"{ours}mlp.3": f"{theirs}mlp.fc2"}
        for part in ("weight", "bias"):
            projections = [given[f"{theirs}attention.{one}_proj.{part}"] for one in "qkv"]
            own[f"{ours}self_attention.in_proj_{part}"] = torch.cat(projections)
    for part in ("weight", "bias"):
        own |= {f"{mine}.{part}": given[f"{other}.{part}"] for mine, other in named.items()}
    network.load_state_dict(own)
    for module in network.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-12
    return network


def maps(model: nn.Module) -> dict[str, Tensor]:
    """Checked to come from weights that sum to 1."""
    masked = bound(model)
    attention = attention_of(masked, 1)
    assert len(attention.layers) == LAYERS
    assert attention.read.tolist() == [[True, False, False, False, False]]
    for layer in attention.layers:
        assert torch.allclose(layer.weights.sum(-1), torch.ones(()), atol=1e-5)
    assert float(rollout(attention).sum()) == pytest.approx(1, abs=1e-5)
    return {name: map_of(METHODS.create(name), masked, 1) for name in ("attention-rollout", "chefer")}


def assert_alike(*found: dict[str, Tensor]) -> None:
    first, *others = found
    for name, saliency in first.items():
        assert bool(saliency.any())
        for other in others:
            assert torch.allclose(other[name], saliency, rtol=1e-3, atol=1e-5 * float(saliency.max())), name


def test_every_implementation_of_transformers_and_torchvision_gives_the_same_map() -> None:
    eager = of_transformers("eager")
    sdpa = of_transformers("sdpa")
    sdpa.load_state_dict(eager.state_dict())
    assert_alike(maps(eager), maps(sdpa), maps(in_torchvision(eager)))


def test_both_implementations_of_timm_give_the_same_map() -> None:
    plain, fused = of_timm(fused=False), of_timm(fused=True)
    fused.load_state_dict(plain.state_dict())
    assert_alike(maps(plain), maps(fused))


def test_swin_is_refused_and_the_remedies_work() -> None:
    masked = bound(randomise(build("hf:Swin", SIDE), SIDE))
    with pytest.raises(NotApplicableError, match=r"no attention map.*within windows.*; choose another method") as told:
        map_of(METHODS.create("chefer"), masked, 1)
    offered = re.findall("'([a-z-]+)'", str(told.value))
    assert offered == ["integrated-gradients", "occlusion"]
    assert all(bool(map_of(METHODS.create(f"{one}:{FEWER[one]}"), masked, 1).any()) for one in offered)
