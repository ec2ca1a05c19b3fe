"""Architectures of torchvision, timm and transformers by name, with random weights; for tests and the matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from benchmarks.torchvision_import import import_torchvision

_STAGES: dict[str, Any] = {"hidden_sizes": [16, 32, 48, 64], "depths": [1, 1, 2, 1]}
_TOKENS: dict[str, Any] = {
    "hidden_size": 64,
    "patch_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 128,
}
_WINDOWS: dict[str, Any] = {"embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4}
_TRANSFORMERS: dict[str, dict[str, Any]] = {
    "ResNet": {**_STAGES, "embedding_size": 16},
    "RegNet": {**_STAGES, "embedding_size": 16, "groups_width": 8},
    "ConvNext": _STAGES,
    "ConvNextV2": _STAGES,
    "MobileNetV1": {"depth_multiplier": 0.5},
    "EfficientNet": {"hidden_dim": 640, "width_coefficient": 0.5, "depth_coefficient": 0.5},
    "FocalNet": {"embed_dim": 32, "depths": [1, 1, 1, 1]},
    "ViT": _TOKENS,
    "DeiT": _TOKENS,
    "Beit": {**_TOKENS, "use_relative_position_bias": True},
    "Dinov2": {**_TOKENS, "mlp_ratio": 2},
    "Swin": _WINDOWS,
    "Swinv2": _WINDOWS,
    "PoolFormer": {**_STAGES, "depths": [1, 1, 1, 1]},
    "MobileViT": {},
}


def build(name: str, size: int, *, small: bool = True) -> nn.Module:
    """``tv:``, ``timm:`` or ``hf:`` and the architecture's name, for images of ``size``; untrained.

    Args:
        name: as its library calls it; of transformers the name of the configuration's class.
        size: height and width.
        small: transformers' models in the reduced sizes above, instead of their own.
    """
    source, _, model = name.partition(":")
    import_torchvision()
    with _quickly_initialised():
        network: nn.Module = _BUILDERS[source](model, size, small)
    return network


def _from_timm(model: str, size: int, _: bool) -> Any:
    import timm

    try:
        return timm.create_model(model, pretrained=False, img_size=size)
    except TypeError:  # takes any size
        return timm.create_model(model, pretrained=False)


def _from_transformers(model: str, size: int, small: bool) -> Any:
    import transformers

    options = {**(_TRANSFORMERS[model] if small else {}), "num_labels": 10}
    config = getattr(transformers, f"{model}Config")()
    config = type(config)(**options, **({"image_size": size} if hasattr(config, "image_size") else {}))
    return getattr(transformers, f"{model}ForImageClassification")(config)


def _from_torchvision(model: str, size: int, _: bool) -> Any:
    import torchvision

    extra: dict[str, Any] = {"init_weights": False} if model in ("googlenet", "inception_v3", "vgg16") else {}
    extra |= {"image_size": size} if model.startswith("vit") else {}
    return getattr(torchvision.models, model)(weights=None, **extra)


_BUILDERS = {"tv": _from_torchvision, "timm": _from_timm, "hf": _from_transformers}


@contextmanager
def _quickly_initialised() -> Iterator[None]:
    """Random weights are drawn once, by `randomise`."""
    slow = [name for name in vars(nn.init) if name.endswith("_") and name not in ("zeros_", "ones_", "constant_")]
    with patch.dict(vars(nn.init), dict.fromkeys(slow, _unchanged)):
        yield


def _unchanged(tensor: Tensor, *_: Any, **__: Any) -> Tensor:
    return tensor


def randomise(model: nn.Module, size: int | Sequence[int], channels: int = 3) -> nn.Module:
    """Weights that keep the scale; running statistics near those of random images, so that signs vary everywhere.

    Args:
        model: changed in place.
        size: the side of a square image, or the lengths of all axes.
        channels: of the input.
    """
    generator = torch.Generator().manual_seed(0)

    def normal(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=generator)

    space = (size,) * 2 if isinstance(size, int) else size
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    model.eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(normal(parameter) * (2 / max(1, parameter[0].numel())) ** 0.5)
            else:
                parameter.copy_(normal(parameter) * 0.2 + 0.8 * name.endswith("weight"))
        for module in norms:
            module.momentum, module.training = 1.0, True
        model(normal(torch.empty(2, channels, *space)))
        for module in norms:
            mean, variance = module.running_mean, module.running_var
            assert mean is not None
            assert variance is not None
            mean.add_(0.3 * normal(mean) * variance.sqrt())
    return model.eval()
