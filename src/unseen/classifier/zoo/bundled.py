"""The networks that ship with ``unseen``: no download, no optional package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.checkpoint import Checkpoint
from unseen.classifier.zoo.efficientnet_lite import VARIANTS, EfficientNetLite, bundled_weights
from unseen.classifier.zoo.source import Loaded, imagenet_labels
from unseen.errors import ModelError, ParameterError


def load(name: str, weights: Path | None) -> Loaded:
    """An EfficientNet-Lite with its trained ImageNet weights, or fine-tuned ones of a local file.

    Raises:
        ParameterError: no bundled network of that name.
        ModelError: the weights are missing, damaged or of another network.

    Example:
        >>> from unseen.classifier.zoo.bundled import load
        >>> load("efficientnet-lite0", None).preprocessing.size
        (224, 224)
    """
    if name not in VARIANTS:
        raise ParameterError(f"{name!r} is not bundled; write one of {', '.join(VARIANTS)} alone")
    variant = VARIANTS[name]
    path = weights or bundled_weights(name)
    usual = EfficientNetLite(variant)
    own = usual.state_dict()
    checkpoint = Checkpoint.read(path)
    if "_fc.weight" in checkpoint.tensors:  # the published names; their order is that of the layers
        if len(checkpoint.tensors) != len(own) or path.suffix == ".safetensors":  # which safetensors does not keep
            raise ModelError(f"{path} is not a PyTorch checkpoint of {name}; name its architecture")
        checkpoint = replace(checkpoint, tensors=dict(zip(own, checkpoint.tensors.values(), strict=True)))
    checkpoint = checkpoint.named_as(own)
    classes = checkpoint.classes(["classifier.weight"])
    network = usual if classes == len(own["classifier.weight"]) else EfficientNetLite(variant, classes)
    checkpoint.fit(network)
    preprocessing = Preprocessing(
        size=(variant.size, variant.size),
        resize=variant.size + 32,
        interpolation="bicubic",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    )
    labels = imagenet_labels() if classes == 1000 else None
    said = "logits" if weights is None else None
    return Loaded(network, preprocessing, labels, notes=checkpoint.notes, outputs=said)
