"""Models by name, by ``source:name``, or from a local checkpoint, as classifiers."""

from __future__ import annotations

import os
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, cast

from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.classifier.zoo.catalogue import FAMILIES, MODELS, PLACES
from unseen.errors import ModelError, NotOptimisedError, ParameterError, UnknownNameError
from unseen.system.arguments import Labels, label_names, text, type_of

if TYPE_CHECKING:
    import torch

    from unseen.classifier.classifier import Classifier
    from unseen.classifier.outputs.base import Outputs
    from unseen.classifier.preprocessing import Preprocessing
    from unseen.classifier.settings import Settings
    from unseen.classifier.zoo.source import Loaded, Loader


def load_classifier(
    spec: str,
    *,
    device: str | torch.device | None = "auto",
    labels: Labels | str | PathLike[str] | None = None,
    preprocessing: Preprocessing | Settings | str | PathLike[str] | None = None,
    outputs: str | Outputs | None = None,
) -> Classifier:
    """A trained classifier by name, with the preprocessing and labels that its source records.

    Weights are read from safetensors or as plain tensors; code from a checkpoint or a repository never runs. The
    network is in evaluation mode, and its parameters are frozen: explanations need gradients of pixels only.

    Args:
        spec: ``efficientnet-lite0|1|2`` (bundled), ``torchvision:NAME``, ``timm:NAME``, ``hf:ORG/NAME`` or
            ``hf:FOLDER``. ``NAME@PATH`` takes the weights from a local file instead, as in
            ``timm:resnet18@model.safetensors``; the number of classes is read from it. ``python:FILE.py:NAME`` runs
            your own code; ``onnx:FILE``, ``torchscript:FILE`` and ``http://…`` are models of other engines.
        device: where the network runs; ``"auto"`` takes an accelerator if there is one. A black box stays on the CPU.
        labels: class names, as :class:`unseen.Classifier` takes them, or a text file with one a line, instead of the
            source's. Local weights with 1,000 classes are taken for ImageNet's, with any other number they have no
            labels of their own.
        preprocessing: instead of the source's, all or some of its settings: an object, a mapping of its fields, a text
            such as ``"size=224,mean=0.5,0.5,0.5"``, or a JSON file of fields or of an explanation's record.
        outputs: what the model's numbers mean, as :class:`unseen.Classifier` takes it; by default what the source says,
            such as ``problem_type`` of transformers, else logits.

    Raises:
        UnknownNameError: no such source, or no such model in it.
        ParameterError: a spec of another form, or a device that this machine does not have.
        ModelError: an optional package is missing, or weights cannot be had, are damaged, unsafe or do not fit.

    Example:
        >>> from unseen import load_classifier
        >>> load_classifier("efficientnet-lite0").label(281)
        'tabby'
    """
    from torch import nn

    from unseen.classifier.classifier import Classifier
    from unseen.classifier.devices import resolve_device
    from unseen.classifier.settings import applied, settings_of, written
    from unseen.inputs.streams import default_stream

    loader, name, weights = _resolve(text("model", spec))
    place = resolve_device(device)
    meant = None if outputs is None else OUTPUTS.resolve(outputs)
    given = _labels(labels)
    settings = None if preprocessing is None else settings_of(preprocessing)
    with default_stream():  # networks draw initial weights before they get the trained ones
        loaded: Loaded = loader(name, weights)
    if settings is None and loaded.preprocessing is None:
        raise ParameterError(
            f"{spec} does not say what it is fed; give a preprocessing (--preprocessing "
            "size=224,mean=0,0,0,std=1,1,1 hands it pixels in [0, 1]), or let it return an unseen.Classifier"
        )
    prepared = loaded.preprocessing if settings is None else applied(settings, loaded.preprocessing)
    model = loaded.model
    if isinstance(model, nn.Module):
        model = model.eval().to(place)
        for parameter in model.parameters():  # a ScriptModule has no requires_grad_
            parameter.requires_grad_(False)
    named = loaded.labels if given is None else given
    classifier = Classifier(model, prepared, named, outputs=meant or loaded.outputs, name=spec)
    if classifier.box is classifier.model and place.type != "cpu" and device not in (None, "auto"):
        raise ParameterError(f"{spec} is {classifier.box.kind}, which is asked from the CPU; leave the device out")
    assumed = loaded.assumed or ("" if weights is None else _of_published(spec, weights))
    classifier.notes = (*loaded.notes, *([assumed] if assumed and settings is None else []))
    if isinstance(labels, str | PathLike):
        classifier.options["labels"] = os.fspath(labels)
    if outputs is not None:
        classifier.options["outputs"] = OUTPUTS.spec_of(classifier.outputs)
    if settings is not None:
        classifier.options["preprocessing"] = written(classifier.preprocessing)
    return classifier


def _of_published(spec: str, weights: Path) -> str:
    return (
        f"the preprocessing is that of the published weights of {spec.partition('@')[0]}; give another "
        f"(--preprocessing) if {weights} was trained otherwise"
    )


def fast(classifier: Classifier, told: Callable[[str], None] | None = None) -> Classifier:
    """The classifier :meth:`~unseen.Classifier.optimised` for many passes on a CPU, or itself if it cannot be.

    Args:
        classifier: the model; it is not touched.
        told: why it cannot be, where that is known; what is wrong with the model itself is told when it is asked.
    """
    if classifier.device.type == "cpu":
        try:
            return classifier.optimised()
        except NotOptimisedError as error:
            if told is not None:
                told(str(error))
        except ModelError:
            pass
    return classifier


def classifier_of(given: object, *, plain: bool = False) -> Classifier:
    """The classifier of that name, or the one that is given.

    Args:
        given: a name of which the network is nobody else's, and is made :func:`fast`, or a classifier as it is.
        plain: whether a named network stays as its source has it.

    Raises:
        ParameterError: neither; of a network, what to do with it.
        UnseenError: as :func:`load_classifier`.
    """
    from unseen.classifier import Classifier

    if isinstance(given, Classifier):
        return given
    if isinstance(given, str):
        loaded = load_classifier(given)
        return loaded if plain else fast(loaded)
    remedy = "a name of 'unseen list models', or unseen.Classifier(network, preprocessing, labels)"
    raise ParameterError(f"the classifier is {type_of(given)}; give {remedy}")


def check_source(spec: str) -> None:
    """Refuse a spec that names no source of models, before anything is loaded.

    Raises:
        UnknownNameError: no such source.
        ParameterError: a spec of another form.
    """
    _resolve(text("model", spec))


def _resolve(spec: str) -> tuple[Loader, str, Path | None]:
    source, _, name = spec.partition(":")
    path = ""
    if source not in PLACES:
        head, at, path = spec.partition("@")
        if at and not path:
            raise ParameterError(f"{spec!r} names no file of weights after the @; name one or leave the @ out")
        source, _, name = head.partition(":")
    try:
        MODELS[source]
    except UnknownNameError as error:
        if told := _of_file(spec):
            raise UnknownNameError(f"{spec!r} is a file's name and no model's; {told}") from None
        raise UnknownNameError(f"{error}; write {', '.join(FAMILIES.values())}, or NAME@PATH") from None
    if source in FAMILIES and not name:
        raise ParameterError(f"{spec!r} does not name a model; write '{FAMILIES[source]}'")
    weights = Path(path).expanduser() if path else None
    return cast("Loader", MODELS.load(source)), name or source, weights


def _of_file(spec: str) -> str:
    """How the model in a file is written, where a spec begins with the file's name; else empty."""
    path, _, name = spec.partition(":")
    kind = Path(path).suffix.lower()
    if kind == ".onnx":
        return f"write onnx:{path}"
    if kind == ".py":
        return f"write python:{path}:{name or 'NAME'}"
    if kind in (".pt", ".pth", ".ckpt", ".bin", ".safetensors"):
        return (
            f"write torchscript:{path} of a program, and of weights which network they belong to, as in "
            f"timm:NAME@{path}, or python:FILE.py:NAME of your own code that loads them"
        )
    return ""


def _labels(labels: Labels | str | PathLike[str] | None) -> tuple[str, ...] | None:
    if labels is None:
        return None
    if not isinstance(labels, str | PathLike):
        return label_names(labels)
    if labels == "":
        raise ParameterError("the file of the labels has no name; name one or leave the labels out")
    try:
        lines = Path(labels).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"the labels {labels} cannot be read ({error}); give a text file, one name a line") from None
    return tuple(line.strip() for line in lines if line.strip())
