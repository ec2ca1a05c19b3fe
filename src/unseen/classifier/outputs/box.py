"""Detectors: one box of theirs, and how surely the model still draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.answers import entry_of
from unseen.classifier.outputs.base import Key
from unseen.classifier.outputs.relative import Relative
from unseen.classifier.outputs.similarity import Least, Similarity
from unseen.errors import ModelError, ParameterError
from unseen.system.arguments import type_of
from unseen.system.options import Count, Number

_ENTRIES = ("boxes", "labels", "scores")


@dataclass(frozen=True)
class Box(Similarity):
    """The box of one detection: how like it the likest of a detector's boxes is.

    The score is the largest product, over the boxes of the class, of the probability that the detector gives a box and
    the overlap of the two, as intersection over union: 1 for the same box with certainty, 0 where there is none
    (Petsiuk et al., *Black-box Explanation of Object Detectors via Saliency Maps*, 2021, equation 3, where detectors
    tell the probability of one class alone). It is differentiable in probabilities and boxes; where the detector draws
    no such box, its gradient is 0.

    The model returns a list with a mapping for each image: ``boxes``, shape (n, 4), as left, top, right and bottom in
    pixels of its input, ``labels``, shape (n,), and ``scores``, shape (n,), probabilities. So do the detectors of
    torchvision, which normalise for themselves: give them a :class:`~unseen.Preprocessing` with mean 0 and std 1.

    Args:
        box: left, top, right and bottom in pixels of the network's input.
        label: index of the box's class, among those of the detector.
        threshold: the score from which on the box counts as found; by default half of that on the whole image.
        key: which entry of what the model returns holds the list.

    Raises:
        ParameterError: a box without an area.

    Example:
        >>> from unseen.classifier.outputs import Box
        >>> class Detector(torch.nn.Module):
        ...     def forward(self, images):  # one box each, which is as likely as it is red
        ...         red, box = images[:, 0, 8:16, 8:16].mean((1, 2)), torch.tensor([[8.0, 8.0, 16.0, 16.0]])
        ...         return [{"boxes": box, "labels": torch.tensor([1]), "scores": p[None]} for p in red]
        >>> detector = Classifier(Detector(), preprocessing, ["the square"], outputs=Box((8, 8, 16, 12), label=1))
        >>> detector.logits(photo[None])  # certain, and twice as large
        tensor([[0.5000]])
    """

    box: Annotated[tuple[float, ...], Number("left, top, right and bottom of the box, in pixels of the input")]
    label: Annotated[int, Count("the index of the box's class", low=0)]
    threshold: Least = None
    key: Key = None
    linear = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.box) != 4 or not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ParameterError(
                f"box {self.box} must be left, top, right and bottom, with left < right and top < bottom"
            )

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N 1"]:
        """The likeness of the likest box.

        Raises:
            ModelError: the model returned no detections.
        """
        found = entry_of(answer, name, self.key)
        if isinstance(found, Tensor | Mapping) or not isinstance(found, Sequence) or len(found) != count:
            raise ModelError(
                f"{name} returned {type_of(found)}, not a list with the detections of each of {count} images; "
                "let it return a mapping with 'boxes' (n, 4), 'labels' (n,) and 'scores' (n,) for each"
            )
        return torch.stack([self._likest(detections, name) for detections in found])[:, None]

    def bound(self, full: Float[Tensor, " T"]) -> Relative:
        """See :meth:`Outputs.bound`.

        Raises:
            ParameterError: the detector draws no such box on that image.
        """
        if not float(full[0]) > 0:
            raise ParameterError(
                f"the model draws no box of class {self.label} that overlaps {self.box} on the whole image; give a box "
                "and a label that it returns for it, in pixels of its input"
            )
        return super().bound(full)

    def unnamed(self, target: int, targets: int) -> str:
        """See :meth:`Outputs.unnamed`."""
        del target, targets
        return f"the box of class {self.label}"

    def _likest(self, detections: object, name: str) -> Float[Tensor, ""]:
        boxes, labels, probabilities = self._entries(detections, name)
        same = labels == self.label
        if not bool(same.any()):
            return (boxes.sum() + probabilities.sum()) * 0  # which still depends on the image
        likeness: Tensor = probabilities[same] * overlaps(boxes[same], boxes.new_tensor(self.box))
        return likeness.amax()

    @staticmethod
    def _entries(detections: object, name: str) -> tuple[Tensor, Tensor, Tensor]:
        entries = [detections.get(one) for one in _ENTRIES] if isinstance(detections, Mapping) else [None]
        tensors = [one for one in entries if isinstance(one, Tensor)]
        count = len(tensors[0]) if len(tensors) == 3 and tensors[0].ndim == 2 else -1
        if [tuple(one.shape) for one in tensors] != [(count, 4), (count,), (count,)]:
            raise ModelError(
                f"{name} returned detections that are no mapping of 'boxes' (n, 4), 'labels' (n,) and 'scores' (n,); "
                "let a module around it return these"
            )
        return tensors[0], tensors[1], tensors[2]


def overlaps(boxes: Float[Tensor, "n 4"], box: Float[Tensor, " 4"]) -> Float[Tensor, " n"]:
    """Intersection over union of every box with one that has an area; differentiable.

    Example:
        >>> from unseen.classifier.outputs.box import overlaps
        >>> overlaps(torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0]]), torch.tensor([0.0, 0.0, 2.0, 2.0]))
        tensor([1.0000, 0.3333])
    """
    shared = (torch.minimum(boxes[:, 2:], box[2:]) - torch.maximum(boxes[:, :2], box[:2])).clamp(min=0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(1)
    return shared / (areas + (box[2:] - box[:2]).prod() - shared)
