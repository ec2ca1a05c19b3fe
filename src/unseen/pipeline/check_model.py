"""All checks of a model at once, for whoever wants to know before the work what the work would run into."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from unseen.classifier import Classifier
from unseen.classifier.borrowing import own_precision
from unseen.classifier.failures import out_of_memory
from unseen.classifier.zoo.loading import classifier_of
from unseen.errors import UnseenError, one_line
from unseen.inputs.photo import PhotoSource
from unseen.pipeline.model_checks import CHECKS, Check, Status, Subject
from unseen.system.progress import Listening, listening


@dataclass(frozen=True)
class ModelCheck:
    """What one check found.

    Attributes:
        name: of the check.
        status: ``holds``; ``fails``: some of what unseen does is refused, or not to be trusted, on this model; or
            ``noted``: nothing is refused, but a reader of explanations should know, or nothing could be asked.
        measured: what was measured, or why it fails and what helps, in one line.
        passes: images that the network saw for it.
        seconds: how long it took.

    Example:
        >>> from unseen import ModelCheck
        >>> ModelCheck("photograph", "holds", "named red with 0.70", passes=1, seconds=0.01).status
        'holds'
    """

    name: str
    status: Status
    measured: str
    passes: int
    seconds: float


@own_precision()
def check_model(
    classifier: str | Classifier, photo: PhotoSource, *, onnx: bool = False, progress: Listening = None
) -> list[ModelCheck]:
    """Make all checks of a model that methods make when it is first used, and some that they cannot afford.

    Nothing is raised where a check fails; the others go on as far as they can.

    Args:
        classifier: the model, or a name for :func:`unseen.load_classifier`.
        photo: any photograph of the kind that the model is for: path, PIL image, array or tensor.
        onnx: compare it also with its copy on ONNX Runtime, which takes some ten seconds.
        progress: ``True`` draws a bar; a function is told of every check: (name, checks done, checks in all).

    Returns:
        What each found, in the order in which they were made.

    Raises:
        PhotoError: the photograph cannot be used.
        UnseenError: there is no such model.

    Example:
        >>> from unseen import check_model
        >>> found = check_model(classifier, photo)
        >>> [one.name for one in found if one.status == "fails"]
        []
    """
    subject = Subject(classifier_of(classifier, plain=True), photo)
    checks = [check for check in CHECKS if onnx or not check.slow]
    _ = subject.prepared, subject.before  # a photograph that cannot be read is no fault of the model
    found: list[ModelCheck] = []
    with _counting(subject.classifier.model) as count, listening(progress, "checking", unit="checks") as listener:

        def tell(name: str, done: int) -> None:
            if listener is not None:
                listener(name, done, len(checks))

        for number, check in enumerate(checks):
            tell(check.name, number)
            passes, began = count[0], time.perf_counter()
            status, measured = _asked(check, subject, {one.name for one in found if one.status == "fails"})
            seconds = time.perf_counter() - began
            found.append(ModelCheck(check.name, status, measured, count[0] - passes, seconds))
            tell(check.name, number + 1)
    return found


def _asked(check: Check, subject: Subject, failed: set[str]) -> tuple[Status, str]:
    missing = [name for name in check.needs if name in failed]
    if missing:
        return "noted", f"not asked, because it needs what failed: {missing[0]}"
    try:
        return check.ask(subject)
    except UnseenError as error:
        return "fails", one_line(error)
    except Exception as error:
        if not out_of_memory(error):
            raise
        return "fails", "memory ran out; use a smaller model or input, or another device"


@contextmanager
def _counting(network: nn.Module) -> Iterator[list[int]]:
    """How many images the network has seen: one number, which grows."""
    seen = [0]

    def count(module: nn.Module, inputs: Any) -> None:
        if module is network and not torch.compiler.is_compiling():  # a number read there would be fixed in the graph
            seen[0] += len(inputs[0])

    handle = register_module_forward_pre_hook(count)
    try:
        yield seen
    finally:
        handle.remove()
