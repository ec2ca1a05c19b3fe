"""What a metric is given, and the two forms that metrics have.

A metric judges one map. All it needs is in its :class:`Case`: the map, the photograph under the removal that judges,
and, for metrics that ask the method again or compare with people, the method and the annotation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.borrowing import own_precision
from unseen.errors import NotApplicableError, ParameterError, UnseenError
from unseen.removal import MaskedClassifier
from unseen.removal.batched import evaluate_batched
from unseen.system.options import Options

Explainer = Callable[[Classifier, Tensor, int], Tensor]
"""A method with its parameters, removal and seed.

It takes a classifier, an image of shape ``(C, *space)`` in [0, 1] and a class, and gives the saliency, ``space``.
"""


@dataclass(frozen=True, eq=False)
class Case:
    """One map to be judged.

    Args:
        saliency: signed and unscaled, larger means more responsible, float32 of shape ``space``.
        target: class index that the map explains.
        masked: the photograph, hidden by the removal that judges; it need not be the one that the map was made with.
        explainer: who made the map, for metrics that ask again; ``None`` if the map is all there is.
        annotation: the object's pixels, bool of shape ``space``; ``None`` if nobody drew it.
        others: gives photographs at the model's resolution, ``(C, *space)`` in [0, 1], in an order of their own, for
            metrics that compose several; ``None`` if there are none.
        seed: random seed.

    Raises:
        ParameterError: a map or an annotation of another form, or a class that there is not.
    """

    saliency: Tensor
    target: int
    masked: MaskedClassifier
    explainer: Explainer | None = None
    annotation: Tensor | None = None
    others: Callable[[], Iterable[Tensor]] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        shape = self.masked.shape
        if tuple(self.saliency.shape) != shape or not self.saliency.is_floating_point():
            raise ParameterError(f"the map is {_form(self.saliency)}; expected floating of shape {shape}")
        if not bool(self.saliency.isfinite().all()):
            raise ParameterError("the map has NaN or infinite values")
        self.classifier.target_index(self.target)
        if self.annotation is not None and (
            tuple(self.annotation.shape) != shape or self.annotation.dtype != torch.bool
        ):
            raise ParameterError(f"the annotation is {_form(self.annotation)}; expected bool of shape {shape}")

    @property
    def classifier(self) -> Classifier:
        """Who is explained."""
        return self.masked.classifier

    @property
    def image(self) -> Float[Tensor, "C *space"]:
        """The photograph, in [0, 1]."""
        return self.masked.image

    def generator(self) -> torch.Generator:
        """A new stream of the case's seed."""
        return torch.Generator().manual_seed(self.seed)

    def explained(
        self, image: Float[Tensor, "C *space"], classifier: Classifier | None = None, target: int | None = None
    ) -> Float[Tensor, "*space"]:
        """The method's map of another photograph, or by another classifier; for the same class unless one is named.

        Args:
            image: a photograph of its own. What shows a part of the case's is explained by the case's classifier, to
                which it is no other photograph: name that.
            classifier: who is explained; by default the case's, deciding about ``image``.
            target: class index.

        Raises:
            NotApplicableError: only the map is known, not who made it.
        """
        if self.explainer is None:
            raise NotApplicableError("this metric asks the method again, but only its map was given; give an explainer")
        if classifier is None:
            classifier = self.classifier if image is self.image else self.classifier.deciding(image)
        return self.explainer(classifier, image, self.target if target is None else target)

    def annotated(self) -> Bool[Tensor, "*space"]:
        """The object's pixels.

        Raises:
            NotApplicableError: nobody drew it, or nothing of it is on the crop that the model sees.
        """
        if self.annotation is None or not bool(self.annotation.any()):
            raise NotApplicableError("no object of the explained class is annotated on what the model sees of it")
        return self.annotation


@runtime_checkable
class Metric(Protocol):
    """A frozen dataclass whose fields are the metric's parameters; calling it judges one map."""

    def __call__(self, case: Case) -> float:
        """The value, NaN where it is not defined.

        Raises:
            NotApplicableError: the case lacks what the metric needs.
        """


class MaskMetric(Options, ABC):
    """A metric that asks nothing but masks of the photograph, all of them known before the first answer.

    So :func:`judge` can fill batches across photographs, methods and metrics, and evaluates nothing twice.
    """

    @abstractmethod
    def masks(self, case: Case) -> Float[Tensor, "N *space"] | Bool[Tensor, "N *space"]:
        """What is asked: masks, 1 = visible."""

    @abstractmethod
    def value(self, case: Case, masks: Tensor, logits: Float[Tensor, "N K"]) -> float:
        """What follows from the answers."""

    def __call__(self, case: Case) -> float:
        """The value of one map; see :class:`Metric`."""
        masks = self.masks(case)
        return self.value(case, masks, evaluate_batched([(case.masked, masks)])[0])


@own_precision()
def judge(pairs: Sequence[tuple[Case, Metric]]) -> list[float | UnseenError]:
    """The value of every pair, in order; a metric that fails gives its error instead.

    Metrics of masks are asked together: batches are filled across cases and metrics, and what several of them ask of
    a photograph is evaluated once; more than once only where the network fails on some of it.

    Args:
        pairs: maps to be judged, each with who judges it.
    """
    values: list[float | UnseenError] = [float("nan")] * len(pairs)
    asked: list[tuple[int, Case, MaskMetric, Tensor]] = []
    for place, (case, metric) in enumerate(pairs):
        try:
            if isinstance(metric, MaskMetric):
                masks = metric.masks(case)
                case.masked.check_masks(masks)
                asked.append((place, case, metric, masks))
            else:
                values[place] = metric(case)
        except UnseenError as error:
            values[place] = error
    answers = _answered([(case.masked, masks) for _, case, _, masks in asked])
    for (place, case, metric, masks), answer in zip(asked, answers, strict=True):
        try:
            values[place] = answer if isinstance(answer, UnseenError) else metric.value(case, masks, answer)
        except UnseenError as error:
            values[place] = error
    return values


def _answered(requests: Sequence[tuple[MaskedClassifier, Tensor]]) -> list[Tensor | UnseenError]:
    """What :func:`evaluate_batched` gives, or the error in place of an answer; halves until it is found."""
    try:
        return [*evaluate_batched(requests)]
    except UnseenError as error:
        if len(requests) == 1:
            return [error]
    middle = len(requests) // 2
    return [*_answered(requests[:middle]), *_answered(requests[middle:])]


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
