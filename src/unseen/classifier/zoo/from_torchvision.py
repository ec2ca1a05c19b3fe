"""Models of torchvision, with the preprocessing and labels of their weights' metadata."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from torch import nn

from unseen.classifier.preprocessing import Preprocessing
from unseen.classifier.zoo.checkpoint import Checkpoint, with_channels
from unseen.classifier.zoo.source import Loaded, adapted, verified
from unseen.classifier.zoo.weights import downloading
from unseen.errors import ModelError, UnknownNameError, nearest
from unseen.system.optional import require

_POSITIONS = "encoder.pos_embedding"


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
        return Loaded(_published(models, name, published), _of_weights(published, name), labels, outputs="logits")
    model, checkpoint, side = _local(models, name, Checkpoint.read(weights))
    preprocessing, notes = adapted(_of_weights(published, name), side, checkpoint.channels([_first(model)]))
    labels = labels if labels and _outputs(model) == len(labels) else None
    return Loaded(model, preprocessing, labels, notes=(*checkpoint.notes, *notes))


def _published(models: Any, name: str, published: Any) -> nn.Module:
    remedy = f"check the connection, or download {published.url} elsewhere and name torchvision:{name}@PATH"
    with downloading(f"{published.url.rpartition('/')[2]} of torchvision", remedy):
        model: nn.Module = models.get_model(name, weights=published, progress=sys.stderr.isatty())
    return model


def _local(models: Any, name: str, checkpoint: Checkpoint) -> tuple[nn.Module, Checkpoint, int | None]:
    """The network with these weights, and the side of its input where it is not the published one."""
    inception = {"transform_input": True, "init_weights": False}  # as for the published weights
    options: dict[str, Any] = inception if name in ("googlenet", "inception_v3") else {}
    if options:
        options["aux_logits"] = any(re.search(r"(^|\.)aux", key.lower()) for key in checkpoint.tensors)
    usual: Any = models.get_model(name, **options)
    own = usual.state_dict()
    checkpoint = checkpoint.named_as(own)
    side = None
    if _POSITIONS in own:  # a plain vision transformer
        cells = checkpoint.side(_POSITIONS, own[_POSITIONS], own[_POSITIONS].shape[1] - 1)
        side = None if cells is None else cells * usual.patch_size
        options |= {} if side is None else {"image_size": side}
    classes = checkpoint.classes([list(own)[-1]])
    as_usual = side is None and classes == _outputs(usual)
    model: nn.Module = usual if as_usual else models.get_model(name, num_classes=classes, **options)
    with_channels(model, _first(model), checkpoint.channels([_first(model)]) or 3)
    checkpoint.fit(model)
    return model, checkpoint, side


def _first(model: nn.Module) -> str:
    """The name of the first convolution's weight."""
    return next(name for name, tensor in model.state_dict().items() if tensor.ndim == 4)


def _outputs(model: nn.Module) -> int:
    return len(list(model.state_dict().values())[-1])


def _of_weights(published: Any, name: str) -> Preprocessing:
    return _preprocessing(published.transforms(), f"torchvision:{name}")


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
