"""What must be known to judge an explanation, and to make it again: versions, model, parameters, command."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from unseen.classifier import Classifier
from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.classifier.zoo import MODELS
from unseen.explainers.catalogue import METHODS
from unseen.inputs.photo import PhotoSource
from unseen.registry import Registry
from unseen.removal import REMOVALS
from unseen.system.shell import command_line


def versions() -> dict[str, str]:
    """What runs: the packages on which results depend, and Python."""
    found = {"python": platform.python_version()}
    for package in ("unseen", "torch", "numpy", "pillow"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def classifier_record(model: Classifier, classes: int) -> dict[str, Any]:
    """Which network answered, on what, fed how; ready for JSON."""
    return {
        "name": model.name,
        "fingerprint": model.fingerprint,
        "optimised": model.is_optimised,
        "network": type(model.model).__name__,
        "notes": list(model.notes),
        "black_box": model.box.record if model.box is not None else None,
        "outputs": OUTPUTS.spec_of(model.outputs),
        "classes": classes,
        "preprocessing": model.preprocessing.to_dict(),
        "backend": model.backend.record,
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "memory_format": str(model.memory_format).removeprefix("torch."),
        "threads": torch.get_num_threads(),
    }


def parameters_of(thing: object) -> dict[str, Any]:
    """The fields of a dataclass; nothing for what is none."""
    return asdict(thing) if is_dataclass(thing) and not isinstance(thing, type) else {}


def command(photo: PhotoSource, model: Classifier, method: str, removal: str, request: dict[str, Any]) -> str | None:
    """The command line that repeats the search; ``None`` unless photograph, model, method and removal have names."""
    words = ["--method", method, "--removal", removal]
    for gamma in request["confidence"]:
        words += ["--confidence", str(float(gamma))]
    words += ["--seed", str(request["seed"]), "--parts", str(request["parts"])]
    for role in request["part"]:
        words += ["--part", role]
    words += ["--chance", str(request["chance"]), "--backgrounds", str(request["backgrounds"])]
    if request["robust"] is not None:
        words += ["--robust", str(request["robust"])]
    if request["contexts"] is not None:
        words += ["--contexts", request["contexts"]]
    if request["batch_size"] is not None:
        words += ["--batch-size", str(request["batch_size"])]
    return repeating("explain", photo, model, request["target"], [(METHODS, method), (REMOVALS, removal)], words)


def repeating(
    what: str,
    photo: PhotoSource,
    model: Classifier,
    target: str | int | tuple[str | int, ...] | None,
    specs: Iterable[tuple[Registry[Any], str]],
    words: Sequence[str],
) -> str | None:
    """A command line about one photograph; ``None`` unless the photograph, the model and all that it names have names.

    Args:
        what: the command.
        photo: as it was given.
        model: who is asked.
        target: as it was asked for.
        specs: what must be known by name, each with the registry that knows it.
        words: further words of the command.
    """
    named: list[tuple[Registry[Any], str]] = [(MODELS, model.name), (OUTPUTS, OUTPUTS.spec_of(model.outputs)), *specs]
    known = all(re.split("[:@]", spec)[0] in registry.entries for registry, spec in named)
    if not known or not isinstance(photo, (str, os.PathLike)):
        return None
    line = ["unseen", what, os.fspath(photo), "--model", model.name, "--device", str(model.device)]
    for option, value in model.options.items():
        line += [f"--{option}", value]
    if target is not None:
        for one in [target] if isinstance(target, (str, int)) else target:
            line += ["--target", str(one)]
    return command_line([*line, *words])
