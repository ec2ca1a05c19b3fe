"""Models of timm, with the preprocessing of their pretrained configuration."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from torch import nn

from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.source import Loaded, imagenet_labels, verified
from unseen.classifier.zoo.weights import count_classes, download_from_hub, downloading, fit, read_weights
from unseen.errors import UnknownNameError, nearest
from unseen.system.optional import require


def load(name: str, weights: Path | None) -> Loaded:
    """The model ``name``, pretrained, or with the weights of a local file.

    Raises:
        UnknownNameError: timm has no model of that name.
        ModelError: timm is missing, or the weights cannot be had, are damaged or of another network.
    """
    timm = require("timm", "timm")
    if not timm.is_model(name.partition(".")[0]):
        raise UnknownNameError(f"timm has no model {name!r}: {nearest(name, timm.list_models())}")
    try:
        config = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except (RuntimeError, ValueError):
        hint = nearest(name, timm.list_pretrained(f"{name.partition('.')[0]}.*"))
        raise UnknownNameError(f"timm has no pretrained weights {name!r}: {hint}") from None
    model = _pretrained(timm, name, config) if weights is None else _local(timm, name, config, weights)
    return Loaded(model, _preprocessing(model, f"timm:{name}"), _labels(model))


def _pretrained(timm: Any, name: str, config: Any) -> nn.Module:
    overlay: dict[str, Any] = {}
    if config is not None and config.hf_hub_id:
        file = config.hf_hub_filename or "model.safetensors"
        repository, _, revision = config.hf_hub_id.partition("@")
        overlay = {"file": str(download_from_hub(repository, [file], revision or None) / file), "custom_load": False}
    remedy = f"check the connection, or download its weights elsewhere and name timm:{name}@PATH"
    with downloading(f"the weights of timm:{name}", remedy):
        model: nn.Module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    return model


def _local(timm: Any, name: str, config: Any, path: Path) -> nn.Module:
    tensors = read_weights(path)
    heads = config.classifier if config is not None else "head"
    names = [f"{head}.{part}" for head in ([heads] if isinstance(heads, str) else heads) for part in ("weight", "bias")]
    model: nn.Module = timm.create_model(name, num_classes=count_classes(tensors, names, path))
    fit(model, tensors, path)
    return model


def _preprocessing(model: nn.Module, name: str) -> Preprocessing:
    data = require("timm.data", "timm")
    config = data.resolve_model_data_config(model)
    size = config["input_size"][1:]
    scaled = [math.floor(side / config["crop_pct"]) for side in size]
    squashed = config["crop_mode"] == "squash"
    preprocessing = Preprocessing(
        size=size,
        resize=(scaled[0], scaled[1]) if squashed else max(scaled),
        interpolation=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )
    return verified(preprocessing, data.create_transform(**config, is_training=False), name)


def _labels(model: Any) -> tuple[str, ...] | None:
    classes = int(model.num_classes)
    own = model.pretrained_cfg.get("label_names")
    if own is not None and len(own) == classes:
        return tuple(own)
    if classes == 1000:
        return imagenet_labels()
    data = require("timm.data", "timm")
    subset = data.infer_imagenet_subset(model)
    return tuple(data.ImageNetInfo(subset).label_descriptions()) if subset else None
