"""The networks that ship with ``unseen``: no download, no optional package."""

from __future__ import annotations

from pathlib import Path

from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.efficientnet_lite import VARIANTS, EfficientNetLite, bundled_weights
from unseen.classifier.zoo.source import Loaded, imagenet_labels
from unseen.classifier.zoo.weights import count_classes, fit, read_weights
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
    tensors = read_weights(path)
    classes = count_classes(tensors, ["classifier.weight", "_fc.weight"], path)
    network = EfficientNetLite(variant, classes)
    own = network.state_dict()
    if "_fc.weight" in tensors:  # the published names; their order is that of the layers
        if len(tensors) != len(own) or path.suffix == ".safetensors":  # which safetensors does not keep
            raise ModelError(f"{path} is not a PyTorch checkpoint of {name}; name its architecture")
        tensors = dict(zip(own, tensors.values(), strict=True))
    fit(network, tensors, path)
    preprocessing = Preprocessing(
        size=(variant.size, variant.size),
        resize=variant.size + 32,
        interpolation="bicubic",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    )
    return Loaded(network, preprocessing, imagenet_labels() if classes == 1000 else None)
