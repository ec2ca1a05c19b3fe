"""Photographs under several removals, more and more of them hidden: the features that the classifier sees.

Source: section 6.4 and Figure 11 of Lymperopoulos, *A Study of Explainable AI: The Concept of Zero Information*, 2023,
which shows by a projection how blackened and blurred photographs leave the distribution; here the distance is a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.zoo.loading import classifier_of
from unseen.errors import NotApplicableError, OutputError, ParameterError, UnseenError
from unseen.evaluation.distance.distances import Gaussian, auroc, discriminant, neighbour_distance, relative
from unseen.evaluation.distance.features import Features
from unseen.evaluation.distance.random_parts import Cells, Fractions, PartForm, check_hiding, random_parts
from unseen.evaluation.distance.store import FeatureStore
from unseen.evaluation.statistics import Interval
from unseen.inputs.space import CALLED, Space, cells_of
from unseen.inputs.streams import Seed, stream_of
from unseen.removal import REMOVALS, Removal
from unseen.removal.memory import digest
from unseen.system.engines.work import Engine, warned
from unseen.system.options import Count, Meaning, Options
from unseen.system.progress import Listening, ProgressListener, listening

FEWEST = 20
"""Reference photographs that are needed; a distribution of fewer is none."""

DISTANCES = ("neighbour", "mahalanobis")
MEASURES = (*DISTANCES, "discriminant")


@dataclass(frozen=True)
class Place:
    """Where photographs under one removal lie, with one share visible, by one measure.

    Attributes:
        removal: spec.
        fraction: share of the photograph that is visible.
        measure: one of :data:`MEASURES`.
        relative: mean distance over that of the same photographs with nothing hidden; the discriminant has none.
        auroc: see :func:`~unseen.evaluation.distance.distances.auroc`.
    """

    removal: str
    fraction: float
    measure: str
    relative: Interval | None
    auroc: Interval


@dataclass(frozen=True, eq=False)
class Located:
    """The features that were found, and how far they lie from those of the reference.

    Attributes:
        asked: who asked.
        model: name of the classifier.
        photos: paths of the judged photographs, in order, as they were given.
        reference: features of the reference photographs, shape (R, C).
        own: of the judged photographs with nothing hidden, shape (P, C).
        masked: by removal, of the judged photographs for every fraction, shape (P, F, C).
        failed: what could not be judged, a photograph or a removal, and why.
        evaluations: passes of photographs through the network in this run.
        kind: what a person calls the inputs: signal, photograph or volume.
    """

    asked: DistributionShift
    model: str
    photos: tuple[str, ...]
    reference: Float[Tensor, "R C"]
    own: Float[Tensor, "P C"]
    masked: dict[str, Float[Tensor, "P F C"]]
    failed: tuple[tuple[str, str], ...]
    evaluations: int
    kind: str = CALLED[2]

    @cached_property
    def distances(self) -> dict[str, tuple[Float[Tensor, " P"], dict[str, Float[Tensor, "P F"]]]]:
        """By distance: that of the photographs with nothing hidden, and by removal those for every fraction."""
        everything = torch.cat([self.own, *(features.flatten(0, 1) for features in self.masked.values())])
        found = {
            "neighbour": neighbour_distance(everything, self.reference, self.asked.neighbour),
            "mahalanobis": self._gaussian.whitened(everything).norm(dim=1),
        }
        shares = len(self.asked.fractions)
        sizes = [len(self.own), *[len(self.own) * shares] * len(self.masked)]
        result = {}
        for name, values in found.items():
            own, *others = values.split(sizes)
            result[name] = own, {r: o.reshape(-1, shares) for r, o in zip(self.masked, others, strict=True)}
        return result

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Of every measure, removal and fraction."""
        places = [
            Place(removal, fraction, name, relative(at.numpy(), own.numpy()), auroc(at.numpy(), own.numpy()))
            for name, (own, by_removal) in self.distances.items()
            for removal, found in by_removal.items()
            for fraction, at in zip(self.asked.fractions, found.unbind(1), strict=True)
        ]
        round_own = self._gaussian.whitened(self.own)
        for removal, features in self.masked.items():
            for fraction, at in zip(self.asked.fractions, features.unbind(1), strict=True):
                along, along_own = discriminant(self._gaussian.whitened(at), round_own)
                told = auroc(along.numpy(), along_own.numpy())
                places.append(Place(removal, fraction, "discriminant", None, told))
        return tuple(places)

    @cached_property
    def _gaussian(self) -> Gaussian:
        return Gaussian.of(self.reference)


@dataclass(frozen=True)
class DistributionShift(Options):
    """How far photographs under each removal lie from photographs, in the classifier's own features.

    Of every judged photograph random parts stay visible, drawn by the photograph and the seed, the same ones under all
    removals.

    Raises:
        ParameterError: a value outside its range.
        UnknownNameError: a removal that there is not.
    """

    removals: Annotated[tuple[str, ...], Meaning("the specs of the removals")]
    fractions: Fractions = (0.9, 0.7, 0.5, 0.3, 0.1)
    form: PartForm = "cells"
    cells: Cells = 7
    neighbour: Annotated[int, Count("k of the k-th-nearest-neighbour distance")] = 10
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        names = [removal.name for removal in self.removal_of.values()]
        for what, given, different in (
            ("removals", self.removals, set(names)),
            ("fractions", self.fractions, set(self.fractions)),
        ):
            if not given or len(different) < len(given):
                raise ParameterError(f"{what} {', '.join(map(str, given))}: give at least one, and none twice")
        if self.form == "cells":
            check_hiding(self.fractions, self.cells**2)

    @cached_property
    def removal_of(self) -> Mapping[str, Removal]:
        """The removals by their specs."""
        return {spec: REMOVALS.create(spec) for spec in self.removals}

    def run(
        self,
        photos: Sequence[Path],
        reference: Sequence[Path],
        classifier: str | Classifier,
        *,
        store: Path | None = None,
        progress: Listening = None,
        engine: Engine | None = None,
        again: Callable[[], Classifier] | None = None,
        note: Callable[[str], None] = warned,
    ) -> Located:
        """The features of everything that is asked for.

        A photograph that cannot be read, and a removal that does not apply, is left out and told. A judged photograph
        does not belong to its own reference: those that look the same are left out of the reference. What looks the
        same as another of the reference counts once.

        Args:
            photos: to be judged; at least two of them readable.
            reference: photographs that say what is usual.
            classifier: whose features count, or its name for :func:`unseen.load_classifier`.
            store: file that keeps the features, for another run; in memory if there is none.
            progress: ``True`` draws a bar; a function is told of every photograph and removal.
            engine: where features are computed that the store lacks, a task a photograph; by default in this process.
            again: makes the same classifier in another process, on its device; by default a name is loaded there, and
                an object handed over.
            note: told in plain sentences of what an engine could not do; by default they are warnings.

        Raises:
            ParameterError: fewer than two photographs, fewer than :data:`FEWEST` in the reference, or not more of them
                than ``neighbour``.
            NotApplicableError: the classifier has no penultimate features, or no removal applies.
            OutputError: the store cannot be written.
        """
        memory = FeatureStore(store)
        try:
            model = classifier_of(classifier)
            self._parts(model.preprocessing.size, torch.Generator())  # refused before any work
            features = Features(self.removal_of, self.parts, model, memory)
            with listening(progress, "distance", unit="pictures") as listener:
                if engine is not None:
                    wanted = [*((path, True) for path in photos), *((path, False) for path in reference)]
                    features.fill(wanted, engine, again or partial(classifier_of, classifier), note, listener)
                return _Run(self, model, features, listener).located(photos, reference)
        finally:
            memory.close()

    def parts(self, image: Float[Tensor, "C *space"]) -> Bool[Tensor, "F *space"]:
        """What stays visible of an input, one mask for each fraction."""
        return self._parts(tuple(image.shape[1:]), stream_of(image, self.seed))

    def _parts(self, space: Space, stream: torch.Generator) -> Bool[Tensor, "F *space"]:
        if self.form == "cells":
            check_hiding(self.fractions, cells_of(self.cells, space) ** len(space))
        return random_parts(space, self.fractions, stream, form=self.form, cells=self.cells)


@dataclass(eq=False)
class _Run:
    asked: DistributionShift
    classifier: Classifier
    features: Features
    progress: ProgressListener | None
    failed: dict[str, str] = field(default_factory=dict)
    done: int = 0

    def located(self, photos: Sequence[Path], reference: Sequence[Path]) -> Located:
        needed = max(FEWEST, self.asked.neighbour + 1)
        here = {path.absolute() for path in photos}
        reference = [path for path in reference if path.absolute() not in here]
        if len(reference) < needed:
            raise ParameterError(self._too_few(len(reference), needed))
        expected = len(reference) + len(photos) * (1 + len(self.asked.removals) * len(self.asked.fractions))
        names: list[str] = []
        own: list[Tensor] = []
        judged: set[bytes] = set()
        masked: dict[str, list[Tensor]] = {removal: [] for removal in self.asked.removals}
        for path, image in self._images(photos):
            if digest(image) in judged:
                self.failed[str(path)] = f"looks the same as another {self._kind} that is judged"
                continue
            judged.add(digest(image))
            names.append(str(path))
            own.append(self.features.of_photograph(image))
            self._tell("hiding parts", 1, expected)
            for removal in tuple(masked):
                try:
                    masked[removal].append(self.features.under(removal, image))
                except UnseenError as error:
                    if isinstance(error, OutputError):
                        raise
                    self.failed[removal] = str(error)
                    del masked[removal]
                self._tell(f"hiding parts by {removal}", len(self.asked.fractions), expected)
            if not masked:
                reasons = (f"{removal}: {self.failed[removal]}" for removal in self.asked.removals)
                raise NotApplicableError(f"no removal can be judged: {'; '.join(reasons)}")
        if len(names) < 2:
            few = f"{len(names)} of the {self._kind}s can be judged; give at least 2, better 20 or more"
            raise ParameterError(few + self._first_reason(photos))
        known: dict[bytes, Tensor] = {}
        for _, image in self._images(reference):
            look = digest(image)
            if look not in judged and look not in known:
                known[look] = self.features.of_photograph(image)
            self._tell(f"reference {self._kind}s", 1, expected)
        if len(known) < needed:
            raise ParameterError(self._too_few(len(known), needed) + self._first_reason(reference))
        return Located(
            self.asked,
            self.classifier.name,
            tuple(names),
            torch.stack(list(known.values())),
            torch.stack(own),
            {removal: torch.stack(features) for removal, features in masked.items()},
            tuple(self.failed.items()),
            self.features.evaluations,
            self._kind,
        )

    def _images(self, paths: Sequence[Path]) -> Iterator[tuple[Path, Tensor]]:
        for path in paths:
            try:
                image = self.classifier.prepare(path)
            except UnseenError as error:
                self.failed[str(path)] = str(error)
                continue
            yield path, image

    @property
    def _kind(self) -> str:
        return CALLED[self.classifier.preprocessing.axes]

    def _first_reason(self, paths: Sequence[Path]) -> str:
        reason = next((self.failed[str(path)] for path in paths if str(path) in self.failed), "")
        return reason and f" (first of those left out: {reason})"

    def _tell(self, stage: str, passed: int, expected: int) -> None:
        self.done += passed
        if self.progress is not None:
            self.progress(stage, self.done, expected)

    def _too_few(self, found: int, needed: int) -> str:
        return (
            f"{found} different reference {self._kind}s besides those that are judged are too few to say what is "
            f"usual; give at least {needed}, better some hundreds"
        )
