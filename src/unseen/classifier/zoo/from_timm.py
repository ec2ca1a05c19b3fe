"""Models of timm, with the preprocessing of their pretrained configuration."""

from __future__ import annotations

import math
from math import isqrt
from pathlib import Path
from typing import Any

from torch import nn

from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.checkpoint import Checkpoint
from unseen.classifier.zoo.source import Loaded, adapted, imagenet_labels, verified
from unseen.classifier.zoo.weights import download_from_hub, downloading
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
    if weights is None:
        model = _pretrained(timm, name, config)
        return Loaded(model, _preprocessing(model, f"timm:{name}"), _labels(model), outputs=_said(model))
    model, checkpoint, options = _local(timm, name, config, Checkpoint.read(weights))
    usual = _preprocessing(model, f"timm:{name}")
    preprocessing, notes = adapted(usual, options.get("img_size"), options.get("in_chans"))
    return Loaded(model, preprocessing, _labels(model), notes=(*checkpoint.notes, *notes), outputs=_said(model))


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


def _local(timm: Any, name: str, config: Any, checkpoint: Checkpoint) -> tuple[nn.Module, Checkpoint, dict[str, int]]:
    """The network with these weights, and in what it differs from the usual one: ``in_chans`` and ``img_size``."""
    usual = timm.create_model(name)
    own = usual.state_dict()
    checkpoint = checkpoint.named_as(own)
    options: dict[str, int] = {}
    first, heads = (
        getattr(config, what, None) or default for what, default in (("first_conv", ""), ("classifier", "head"))
    )
    convolutions = [f"{layer}.weight" for layer in ([first] if isinstance(first, str) else first)]
    channels = checkpoint.channels(convolutions)
    usual_channels = {own[layer].shape[1] for layer in convolutions if layer in own}
    if channels is not None and channels not in usual_channels:
        options["in_chans"] = channels
    cells = getattr(getattr(usual, "patch_embed", None), "num_patches", None)
    if "pos_embed" in own and cells is not None and isqrt(cells) ** 2 == cells:
        side = checkpoint.side("pos_embed", own["pos_embed"], cells)
        options |= {} if side is None else {"img_size": side * (usual.patch_embed.img_size[0] // isqrt(cells))}
    names = [f"{head}.{part}" for head in ([heads] if isinstance(heads, str) else heads) for part in ("weight", "bias")]
    classes = checkpoint.classes(names)
    as_usual = not options and classes == usual.num_classes
    model: nn.Module = usual if as_usual else timm.create_model(name, num_classes=classes, **options)
    checkpoint.fit(model)
    return model, checkpoint, options


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


def _said(model: Any) -> str | None:
    """What numbers mean: the classes of ImageNet exclude each other, of others it is not known."""
    return "logits" if int(model.num_classes) == 1000 else None
