"""Models of torchvision, with the preprocessing and labels of their weights' metadata."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from torch import nn

from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.source import Loaded, verified
from unseen.classifier.zoo.weights import Weights, count_classes, downloading, fit, read_weights
from unseen.errors import ModelError, UnknownNameError, nearest
from unseen.system.optional import require


def load(name: str, weights: Path | None) -> Loaded:
    """The classification model ``name`` with its best published weights, or those of a local file.

    Raises:
        UnknownNameError: torchvision has no classification model of that name.
        ModelError: torchvision is missing, or the weights cannot be had, are damaged or of another network.
    """
    models = require("torchvision.models", "torchvision")
    known = models.list_models(module=models)
    if name not in known:
        raise UnknownNameError(f"torchvision has no classification model {name!r}: {nearest(name, known)}")
    published: Any = models.get_model_weights(name).DEFAULT
    labels: tuple[str, ...] | None = tuple(published.meta["categories"])
    if weights is None:
        model = _published(models, name, published)
    else:
        tensors = read_weights(weights)
        model = _local(models, name, tensors, weights)
        labels = labels if labels and _outputs(model) == len(labels) else None
    return Loaded(model, _preprocessing(published.transforms(), f"torchvision:{name}"), labels)


def _published(models: Any, name: str, published: Any) -> nn.Module:
    remedy = f"check the connection, or download {published.url} elsewhere and name torchvision:{name}@PATH"
    with downloading(f"{published.url.rpartition('/')[2]} of torchvision", remedy):
        model: nn.Module = models.get_model(name, weights=published, progress=sys.stderr.isatty())
    return model


def _local(models: Any, name: str, tensors: Weights, path: Path) -> nn.Module:
    inception = {"transform_input": True, "init_weights": False}  # as for the published weights
    options: dict[str, Any] = inception if name in ("googlenet", "inception_v3") else {}
    if options:
        options["aux_logits"] = any(key.lower().startswith("aux") for key in tensors)
    head = list(models.get_model(name, **options).state_dict())[-1]
    model: nn.Module = models.get_model(name, num_classes=count_classes(tensors, [head], path), **options)
    fit(model, tensors, path)
    return model


def _outputs(model: nn.Module) -> int:
    return len(list(model.state_dict().values())[-1])


def _preprocessing(transforms: Any, name: str) -> Preprocessing:
    try:
        preprocessing = Preprocessing(
            size=(transforms.crop_size[0], transforms.crop_size[-1]),
            resize=transforms.resize_size[0],
            interpolation=transforms.interpolation.value,
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
        )
    except AttributeError as error:
        raise ModelError(f"the preprocessing of {name} is of an unknown kind: {error}") from None
    return verified(preprocessing, transforms, name)
