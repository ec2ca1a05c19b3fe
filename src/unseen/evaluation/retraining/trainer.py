"""One network of ROAR and KAR: hide pixels of all photographs by a method's maps, train anew, and test."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.devices import resolve_device
from unseen.errors import NotApplicableError
from unseen.evaluation.retraining.datasets import Dataset
from unseen.evaluation.retraining.maps import HidingOrder, maps_of, masks_without, rankings
from unseen.evaluation.retraining.training import Training, accuracy, predicted, retrained
from unseen.explainers.catalogue import METHODS
from unseen.removal import REMOVALS, Removal

Content = Literal["photographs", "masks"]
PHOTOGRAPHS: Content = "photographs"
MASKS: Content = "masks"

_PAINTED = 256  # photographs painted at a time
WHOLE = ""
"""Stands for the method of rows in which nothing is hidden."""


@dataclass(frozen=True)
class Accuracy:
    """The accuracy of one network.

    Attributes:
        method: spec; :data:`WHOLE` where nothing is hidden.
        share: of the pixels that are hidden.
        repeat: number of the network; its seed follows from it.
        content: what it was trained and tested on, photographs or nothing but masks.
        accuracy: share of the test photographs whose class is on top.
        seconds: that training and testing took.
    """

    method: str
    share: float
    repeat: int
    content: Content
    accuracy: float
    seconds: float

    def key(self) -> Key:
        """Which network it is."""
        return Key(self.method, self.share, self.repeat, self.content)


class Key(NamedTuple):
    """Which network: what was hidden before it was trained, and which of several it is."""

    method: str
    share: float
    repeat: int
    content: Content = PHOTOGRAPHS

    def __str__(self) -> str:
        masks = " (masks)" if self.content == MASKS else ""
        return f"{self.method or 'nothing hidden'}, {self.share:.0%}{masks}"


@dataclass(eq=False)
class Trainer:
    """Trains one network after the other; a :class:`~unseen.system.engines.work.Worker`.

    Args:
        dataset: to train and to test on.
        training: how.
        removal: the spec of one that paints.
        order: which end of a ranking is hidden.
        seed: of the maps; the seeds of the networks follow from it.
        device: where networks are trained and explained, as it is asked for: each process has its own ``"auto"``.
        explained: the network of which maps are made; needed before the first method.
        tell: is told what is under way.
    """

    dataset: Dataset
    training: Training
    removal: str
    order: HidingOrder
    seed: int
    device: torch.device | str
    explained: Classifier | None
    tell: Callable[[str], None] = lambda _stage: None
    ranked: tuple[str, Tensor | NotApplicableError] = (WHOLE, torch.empty(0))

    @property
    def same(self) -> Mapping[str, str]:
        """Nothing: all that it needs was handed to it."""
        return {}

    def again(self) -> Callable[[], Trainer]:
        """What makes the same in another process."""
        explained = self.explained and _on(self.explained, torch.device("cpu"))  # no GPU need be there
        given = (self.dataset, self.training, self.removal, self.order, self.seed, self.device, explained)
        return partial(Trainer, *given)

    def __call__(self, key: Key) -> Accuracy | Failure:
        """Hide, train on the first photographs, test on the rest; or why the method has no maps."""
        self.tell(str(key))
        images = self._images
        if key.method != WHOLE:
            ranked = self._ranked(key.method)
            if isinstance(ranked, NotApplicableError):
                return Failure(key.method, str(ranked))
            images = self._content(key.content, masks_without(ranked, key.share, self.order, self.dataset.size))
        began, count = time.perf_counter(), len(self.dataset.train)
        classifier = self.network(key.repeat + 1, images[:count])
        found = accuracy(classifier, images[count:], self._labels[count:])
        return Accuracy(*key, found, round(time.perf_counter() - began, 3))

    def network(self, number: int, images: Tensor | None = None) -> Classifier:
        """One that was trained on these, by default on the whole photographs."""
        images = self.dataset.images[self.dataset.train] if images is None else images
        return retrained(
            images,
            self._labels[: len(images)],
            self.dataset.classes,
            training=self.training,
            seed=self.seed * 1000 + number,
            device=self.place,
        )

    @cached_property
    def place(self) -> torch.device:
        """The device in this process."""
        return resolve_device(self.device)

    @cached_property
    def _used(self) -> Tensor:
        return torch.cat([self.dataset.train, self.dataset.test])

    @cached_property
    def _images(self) -> Tensor:
        return self.dataset.images[self._used]

    @cached_property
    def _labels(self) -> Tensor:
        return self.dataset.labels[self._used]

    @cached_property
    def _said(self) -> Tensor:
        return predicted(self._explained, self._images)

    @cached_property
    def _explained(self) -> Classifier:
        assert self.explained is not None  # before the first method
        return _on(self.explained, self.place)

    @cached_property
    def _removal(self) -> Removal:
        return REMOVALS.create(self.removal)

    def _ranked(self, spec: str) -> Tensor | NotApplicableError:
        """The rankings of all photographs; those of a method are made once for its networks, which come in a row."""
        if self.ranked[0] != spec:
            seed, method = self.seed, METHODS.create(spec)

            def listen(stage: str, number: int, of: int | None) -> None:
                self.tell(f"{spec}, {stage} {number} of {of}")

            try:
                maps = maps_of(
                    method, self._removal, self._explained, self._images, self._said, seed=seed, progress=listen
                )
            except NotApplicableError as error:
                self.ranked = spec, error
            else:
                self.ranked = spec, rankings(maps, seed=seed)
        return self.ranked[1]

    def _content(self, content: Content, masks: Tensor) -> Tensor:
        if content == MASKS:
            return masks[:, None].expand(-1, 3, -1, -1)
        pairs = zip(torch.split(self._images, _PAINTED), torch.split(masks, _PAINTED), strict=True)
        return torch.cat([self._removal.painted(self._explained, images, some) for images, some in pairs])


def _on(classifier: Classifier, device: torch.device) -> Classifier:
    """The classifier, or a copy of it on another kind of device; a black box is asked where it is."""
    if classifier.device.type == device.type or classifier.box is classifier.model:
        return classifier
    return classifier.running(copy.deepcopy(classifier.model).to(device))


class Failure(NamedTuple):
    """Why a method has no maps."""

    method: str
    reason: str
