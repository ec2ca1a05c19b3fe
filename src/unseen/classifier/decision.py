"""What a model says of a photograph, decided once for everything that explains it."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.borrowing import own_precision
from unseen.classifier.classifier import Classifier
from unseen.classifier.contradictions import check_meaning, check_readings
from unseen.classifier.failures import out_of_memory
from unseen.classifier.prepared import Prepared
from unseen.classifier.repeatability import accompanied, check_repeatable
from unseen.classifier.targets import Target, as_given
from unseen.errors import ModelError, ParameterError
from unseen.inputs.contents import digest
from unseen.inputs.geometry import Affine
from unseen.inputs.photo import PhotoSource
from unseen.inputs.space import CALLED


@dataclass(frozen=True, eq=False)
class Decision:
    """What a classifier says of a photograph, and the class that is to be explained.

    Attributes:
        photo: the photograph as it was given.
        classifier: who decided.
        image: the photograph as the model saw it, float32 in [0, 1], shape ``(C, *space)``.
        scores: of every target, shape (T,).
        target: index of the class to explain.
        asked: the target as it was asked for, ``None`` for the top class.
        evaluations: what the decision cost.
        seconds: how long it took.
        prepared: what was done to the photograph before the model saw it, where that is known.
        suspicions: what is odd about the model's numbers, in plain sentences.
    """

    photo: PhotoSource
    classifier: Classifier
    image: Tensor
    scores: Tensor
    target: int
    asked: str | int | tuple[str | int, ...] | None
    evaluations: int
    seconds: float
    prepared: Prepared | None = None
    suspicions: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What a person calls the input: signal, photograph or volume."""
        return CALLED[self.image.ndim - 1]

    @property
    def geometry(self) -> Affine | None:
        """From pixels of the photograph's file to those of the model's input, where that is known."""
        return self.prepared.geometry if self.prepared else None

    @property
    def label(self) -> str:
        """Name of the target."""
        return self.classifier.label(self.target)

    @cached_property
    def probabilities(self) -> Float[Tensor, " T"]:
        """The reading of every target: its probability, or its value."""
        return self.classifier.outputs.readings(self.scores[None])[0]

    @property
    def probability(self) -> float:
        """Of the target on the full photograph."""
        return float(self.probabilities[self.target])

    @property
    def holds(self) -> bool:
        """Whether the model decides for the target on the full photograph."""
        return bool(self.classifier.outputs.holds(self.scores[None], self.target))

    @property
    def said(self) -> int:
        """What the model decides of the target: that it holds, or what is said in its place."""
        return self.target if self.holds else self.classifier.outputs.instead(self.scores, self.target)

    @property
    def top(self) -> list[dict[str, Any]]:
        """What the model says of the target, then the likeliest others, five in all: index, label, probability.

        Values are likely in no order, and come in their own. Ready for JSON.
        """
        outputs, said = self.classifier.outputs, self.said
        others = [index for index in outputs.listed(len(self.probabilities)) if index != said]
        if outputs.unit is None:
            others.sort(key=lambda index: -float(self.probabilities[index]))
        return [
            {"index": index, "label": self.classifier.label(index), "probability": float(self.probabilities[index])}
            for index in (said, *others[:4])
        ]

    @property
    def photo_record(self) -> dict[str, Any]:
        """Which photograph it is, ready for JSON: source, checksum of its file, shape and checksum of what was seen."""
        source = os.fspath(self.photo) if isinstance(self.photo, (str, os.PathLike)) else type(self.photo).__name__
        return {
            "source": source,
            "file_sha256": self._file_sha256,
            "shape": list(self.image.shape),
            "sha256": self._pixels_sha256,
        }

    @cached_property
    def _pixels_sha256(self) -> str:
        return hashlib.sha256(self.image.contiguous().numpy().tobytes()).hexdigest()

    @cached_property
    def _file_sha256(self) -> str | None:
        if not isinstance(self.photo, (str, os.PathLike)):
            return None
        try:
            return digest(Path(self.photo))
        except OSError:  # it is gone since it was read
            return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known of the model; what was done to its input; that the target is not on top."""
        of_box = self.classifier.box.notes if self.classifier.box is not None else ()
        done = (*self.classifier.notes, *of_box, *(self.prepared.notes if self.prepared else ()))
        done = (*done, *self.suspicions)
        outputs = self.classifier.outputs
        if self.asked is None and outputs.joint and self.target not in outputs.listed(len(self.scores)):
            absent = f"no finding reaches its threshold; explained is {self.label}, of the one that comes nearest"
            return (*done, absent)
        return done if self.holds else (*done, self._otherwise)

    @property
    def _otherwise(self) -> str:
        """What the model decides for instead of the target."""
        outputs = self.classifier.outputs
        said = f"{self.classifier.label(self.said)} ({outputs.told(float(self.probabilities[self.said]))})"
        return (
            f"on the full {self.kind} the model says {said}, not {self.label} "
            f"({outputs.told(self.probability)}), which this explanation is about"
        )


@own_precision()
def decide(
    photo: PhotoSource, classifier: Classifier, target: Target | None = None, *, batch_size: int | None = None
) -> Decision:
    """Show the photograph to the classifier; see that it says the same again, and also in company.

    Args:
        photo: path, PIL image, array or tensor.
        classifier: the model.
        target: class index or label, or several of findings; by default the top class.
        batch_size: masks per pass later on; with 1 nothing is ever in company.

    Raises:
        PhotoError: the photograph cannot be used.
        ModelError: the model does not behave as a classifier must, answers at random, or judges a photograph by its
            batch.
        UnseenError: there is no such target.
    """
    began = time.perf_counter()
    asked = None if target is None else as_given(target)
    index = None
    if asked is not None:
        classifier, index = classifier.asked(asked)
    prepared = classifier.prepared(photo)
    check_repeatable(classifier, prepared.pixels, alone=batch_size == 1)
    rows, spent = _scores(classifier, prepared.pixels, batch_size)
    told = check_meaning(classifier, accompanied(prepared.pixels)[: len(rows)], rows)
    scores = rows[0]
    classifier = classifier.reading(classifier.outputs.bound(scores))
    index = classifier.outputs.top(scores) if index is None else index
    if index >= len(scores):
        raise ParameterError(f"target {index} is outside 0 … {len(scores) - 1}")
    index %= len(scores)  # several findings are the last target
    check_readings(classifier.outputs, scores[None], index)
    seconds = time.perf_counter() - began
    return Decision(photo, classifier, prepared.pixels, scores, index, asked, spent, seconds, prepared, told)


def _scores(model: Classifier, image: Tensor, batch_size: int | None) -> tuple[Tensor, int]:
    """Scores of the photograph alone, then of another one, if company is looked at; and the evaluations spent."""
    alone = model.logits(image[None])
    if batch_size == 1:  # nothing is ever in company
        return alone, 1
    try:
        beside = company(model, image, alone[0])
    except Exception as error:
        if out_of_memory(error):  # as before
            return alone, 1
        raise
    return torch.cat([alone, beside[1:]]), 4


def check_company(model: Classifier, image: Float[Tensor, "C *space"], alone: Float[Tensor, " K"]) -> float:
    """By how much the scores of a photograph differ when another is in the batch; see :func:`company`."""
    return float((alone - company(model, image, alone)[0]).abs().max())


def company(model: Classifier, image: Float[Tensor, "C *space"], alone: Float[Tensor, " T"]) -> Float[Tensor, "2 T"]:
    """See that the model says the same of a photograph when others are in the batch; three evaluations.

    One comes before it and one after, for a network may judge all by the first, or by the last.

    Args:
        model: the model.
        image: at its resolution, in [0, 1].
        alone: the scores of the photograph in a batch of its own.

    Returns:
        The scores of it and of another.

    Raises:
        ModelError: by more than rounding.
    """
    shown, beside = accompanied(image)
    together = model.logits(torch.stack([beside, shown, beside]))
    if not model.same(alone, together[1], among=together):
        raise ModelError(
            f"{model.name} says something else of the photograph when another is in the batch (it normalises over the "
            "batch, or mixes it); use a model with statistics of its own, or batch size 1, a removal that paints, "
            "such as 'blur', and a method that only asks, such as 'occlusion'"
        )
    return together[[1, 0]]
