"""Features of photographs and of their parts under removals: what a store has, and what it lacks, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import UnseenError
from unseen.evaluation.content import content_of
from unseen.evaluation.distance.store import FeatureStore, identity_of, key_of
from unseen.removal import Removal
from unseen.removal.penultimate import masked_features, photograph_features
from unseen.system.engines.work import Engine, Work
from unseen.system.progress import ProgressListener

Asked = tuple[Path, bool]
"""A photograph, and whether parts of it are hidden, too."""

Found = tuple[dict[str, NDArray[np.float32]], int, str]
"""Vectors by their keys, the evaluations that they took, and why there are no more, if that is known."""


@dataclass(eq=False)
class Features:
    """What a classifier's head receives.

    Args:
        removal_of: the removals by their specs.
        parts: what stays visible of a photograph, one mask for each share.
        classifier: whose features they are.
        store: what is known of them.

    Attributes:
        evaluations: passes of photographs through the network.
    """

    removal_of: Mapping[str, Removal]
    parts: Callable[[Tensor], Bool[Tensor, "F *space"]]
    classifier: Classifier
    store: FeatureStore
    evaluations: int = 0
    _contents: dict[str, str] = field(default_factory=dict)

    def of_photograph(self, image: Float[Tensor, "C *space"]) -> Float[Tensor, " K"]:
        """Of a photograph with nothing hidden."""

        def compute(places: Sequence[int]) -> Tensor:
            self.evaluations += len(places)
            return photograph_features(self.classifier, image[None])

        return self.store.get([self._key(image)], compute)[0]

    def under(self, spec: str, image: Float[Tensor, "C *space"]) -> Float[Tensor, "F K"]:
        """Of its parts under a removal.

        Raises:
            UnseenError: the removal does not apply.
        """
        removal, masks = self.removal_of[spec], self.parts(image)

        def compute(places: Sequence[int]) -> Tensor:
            masked = removal.bind(self.classifier, image)
            found = masked_features(masked, masks[list(places)])
            self.evaluations += masked.evaluations
            return found

        return self.store.get(self._keys_under(spec, image), compute)

    def fill(
        self,
        asked: Iterable[Asked],
        engine: Engine,
        again: Callable[[], Classifier],
        note: Callable[[str], None],
        progress: ProgressListener | None,
    ) -> None:
        """Let an engine compute what the store lacks; what it cannot do is left out.

        Args:
            asked: of which photographs, and whether also of their parts.
            engine: where it is computed.
            again: makes the classifier in another process.
            note: told what must be known, in plain sentences.
            progress: told of the photographs that are done.
        """
        tasks = [task for task in asked if self.store.lacks(self._keys(*task))]
        work: Work[Asked, Found] = Work(
            tasks,
            Filler(self.removal_of, self.parts, lambda: self.classifier),
            partial(Filler, self.removal_of, self.parts, again),
            lambda _task, reason: ({}, 0, reason),
            note=note,
        )
        done, empty = 0, list[str]()
        with closing(engine.results(work)) as results:
            for some in results:
                copied = {key: torch.tensor(vector) for found, _, _ in some for key, vector in found.items()}
                self.store.add(copied)  # arrays from a cluster may be read-only
                self.evaluations += sum(spent for _, spent, _ in some)
                empty += [reason for found, _, reason in some if not found]
                done += len(some)
                if progress is not None:
                    progress("features", done, len(tasks))
        if empty:
            note(
                f"the workers returned nothing for {len(empty)} of {len(tasks)} tasks; computing them here (the first: "
                f"{empty[0]})"
            )

    def found(self, path: Path, hidden: bool) -> Found:
        """Those of a photograph by their keys, and of its parts under every removal that applies."""
        before, found, reason = self.evaluations, dict[str, NDArray[np.float32]](), ""
        try:
            image = self.classifier.prepare(path)
            found[self._key(image)] = self.of_photograph(image).numpy()
            for spec in self.removal_of if hidden else ():
                with suppress(UnseenError):
                    found.update(zip(self._keys_under(spec, image), self.under(spec, image).numpy(), strict=True))
        except UnseenError as error:
            reason = str(error)
        return found, self.evaluations - before, reason

    def _keys(self, path: Path, hidden: bool) -> list[str]:
        """Of all that :meth:`found` would find; none of what is no photograph."""
        try:
            image = self.classifier.prepare(path)
        except UnseenError:
            return []
        return [self._key(image), *(key for spec in self.removal_of if hidden for key in self._keys_under(spec, image))]

    @cached_property
    def _identity(self) -> str:
        return identity_of(self.classifier)

    def _key(self, image: Tensor) -> str:
        return key_of(self._identity, image)

    def _keys_under(self, spec: str, image: Tensor) -> list[str]:
        removal = self.removal_of[spec]
        if spec not in self._contents:
            self._contents[spec] = content_of(removal)
        named = f"{removal.name} {self._contents[spec]}"
        return [key_of(self._identity, image, named, mask) for mask in self.parts(image)]


class Filler:
    """Computes the features of a photograph at a time; a :class:`~unseen.system.engines.work.Worker`.

    Args:
        removal_of: see :class:`Features`.
        parts: so.
        again: makes the classifier.
    """

    def __init__(
        self,
        removal_of: Mapping[str, Removal],
        parts: Callable[[Tensor], Bool[Tensor, "F *space"]],
        again: Callable[[], Classifier],
    ) -> None:
        self._features = Features(removal_of, parts, again(), FeatureStore(None))

    @property
    def same(self) -> Mapping[str, str]:
        """The model."""
        return {"other weights of the model": self._features.classifier.fingerprint}

    def __call__(self, task: Asked) -> Found:
        """See :meth:`Features.found`; nothing of it is kept here."""
        store = FeatureStore(None)
        try:
            return replace(self._features, store=store).found(*task)
        finally:
            store.close()
