"""Look at classes instead of photographs: the maps of many decisions, and a box hidden in all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from unseen.classifier import Classifier
from unseen.classifier.borrowing import own_precision
from unseen.classifier.targets import Target
from unseen.classifier.zoo.loading import classifier_of
from unseen.errors import ParameterError
from unseen.evaluation.classes.boxes import LARGEST, Box, densest
from unseen.evaluation.classes.clusters import kinds_of
from unseen.evaluation.classes.figures import EXAMPLES
from unseen.evaluation.classes.maps import ClassMaps, MapMaker, MappedPhotograph
from unseen.evaluation.classes.places import Hiding, Place, fitting, judged
from unseen.evaluation.classes.store import FILE, MapStore
from unseen.evaluation.classes.summary import ClassSummary, Cluster, Example
from unseen.evaluation.classes.view import ClassView
from unseen.explainers.catalogue import METHODS
from unseen.explainers.method import Method
from unseen.inputs.finding import find_photos
from unseen.inputs.space import CALLED, Space
from unseen.inputs.streams import Seed
from unseen.pipeline.provenance import classifier_record, versions
from unseen.removal import REMOVALS, Removal
from unseen.system.arguments import Integer, integer, several
from unseen.system.optional import require
from unseen.system.options import Count, Options
from unseen.system.progress import Listening, ProgressListener, listening

MARGINS = 2
"""Cells of margin that a box may get."""

_ASKED = 12
"""Photographs of a kind that are asked for the margin."""


@dataclass(frozen=True)
class ClassRequest(Options):
    """What is asked of every class.

    Raises:
        ParameterError: a value of another type, or outside its range.
    """

    fewest: Annotated[int, Count("how many photographs a class needs; half of them find places, half judge", 8)] = 10
    boxes: Annotated[int, Count("how many boxes of the same size, elsewhere, a place is compared with", 19)] = 99
    seed: Seed = 0


@own_precision()
def view_classes(
    photos: str | PathLike[str] | Iterable[str | PathLike[str]],
    classifier: str | Classifier = "efficientnet-lite0",
    *,
    method: str | Method = "causal",
    removal: str | Removal = "ad",
    target: Target | None = None,
    fewest: Integer = 10,
    boxes: Integer = 99,
    seed: Integer = 0,
    folder: str | PathLike[str] | None = None,
    progress: Listening = None,
) -> ClassView:
    """Find what the decisions for a class have in common, and whether they hang on one place.

    The photographs are explained and grouped by the class that the model decides for. Of each class one half, drawn at
    random, gives the kinds of maps (spectral relevance analysis) and for each kind the box in which its maps are
    densest. In the other half that box is hidden, in every photograph the same, and the decisions that change are
    counted. A place is named where they are more than with boxes of its size elsewhere, and more than with the same box
    in photographs of other classes: a sticker, a caption, a logo, or whatever always lies there.

    Args:
        photos: files and folders of images, or of signals or volumes where the model takes them.
        classifier: the model, or a name for :func:`unseen.load_classifier`.
        method: how photographs are explained, as an object or a spec.
        removal: how parts and boxes are hidden, as an object or a spec.
        target: look at this class alone, and at photographs of which the model decides for it; by default at every
            photograph's top class.
        fewest: photographs that a class needs, at least 8.
        boxes: boxes of the same size elsewhere, at least 19.
        seed: of the halves, the boxes and the explanations.
        folder: keeps the maps (``maps.sqlite``), so that what was explained once is not explained again; in memory by
            default.
        progress: ``True`` draws a bar; a function is told of every photograph.

    Raises:
        ParameterError: no class has enough photographs.
        NotApplicableError: the method or the removal does not apply to the model.
        UnseenError: one of its kinds, for a model, a name or a folder that cannot be used.

    Example:
        >>> import unseen
        >>> from PIL import Image
        >>> for number in range(8):
        ...     square = Image.new("RGB", (32, 32), (4 * number, 0, 0))
        ...     square.paste((255, 0, 0), (2, 20, 12, 30))
        ...     square.save(f"{number}.png")
        >>> view = unseen.view_classes(".", classifier, method="occlusion", removal="black", fewest=8)
        >>> view.classes[0].label, view.classes[0].photographs
        ('red', 8)
    """
    asked = ClassRequest(integer("fewest", fewest), integer("boxes", boxes), integer("seed", seed))
    search, hide = METHODS.resolve(method), REMOVALS.resolve(removal)
    if find_spec("sklearn") is None:  # missed now, not after hours
        require("sklearn", "classes")
    model = classifier_of(classifier)
    if target is not None:
        model.asked(target)
    found = find_photos([str(path) for path in several("photos", photos)])
    store = MapStore(None if folder is None else Path(folder) / FILE)
    try:
        maker = MapMaker(model, search, hide, target, asked.seed, store)
        with listening(progress, "classes", unit="photographs") as listener:
            by_class = maker.by_class(found, listener)
            return _Viewing(asked, maker, by_class, listener).view(METHODS.spec_of(search))
    finally:
        store.close()


@dataclass(eq=False)
class _Viewing:
    """Classes judged one after the other."""

    asked: ClassRequest
    maker: MapMaker
    by_class: dict[int, ClassMaps]
    listener: ProgressListener | None
    spent: int = 0

    def view(self, method: str) -> ClassView:
        large = [one for one in self.by_class.values() if len(one.photographs) >= self.asked.fewest]
        small = {one.label: len(one.photographs) for one in self.by_class.values() if one not in large}
        if not large:
            raise ParameterError(self._too_few(small))
        classes = [self._summary(one) for one in large]

        def rank(one: ClassSummary) -> tuple[float, int]:
            shares = [kind.place.share for kind in one.named if kind.place is not None]
            return -max(shares, default=0.0), -one.photographs

        model, removal = self.maker.classifier, self.maker.removal
        about: dict[str, Any] = {
            "versions": versions(),
            "classifier": classifier_record(model, len(model.labels) if model.labels else len(self.by_class)),
            "method": method,
            "removal": removal.name,
            "kind": CALLED[model.preprocessing.axes],
            "target": self.maker.target,
            "request": {"fewest": self.asked.fewest, "boxes": self.asked.boxes, "seed": self.asked.seed},
            "evaluations": self.maker.evaluations + self.spent,
        }
        notes = (*model.notes, *self.maker.notes)
        return ClassView(tuple(sorted(classes, key=rank)), small, self.maker.failed, notes, about)

    def _too_few(self, small: dict[str, int]) -> str:
        reason = next(iter(self.maker.failed.values()), "")
        most = max(small.items(), key=lambda item: item[1], default=None)
        kind = f"{CALLED[self.maker.classifier.preprocessing.axes]}s"
        has = f"the largest, {most[0]}, has {most[1]}" if most else "none could be explained"
        return (
            f"no class has {self.asked.fewest} {kind} of which the model decides for it ({has}); give more "
            f"{kind}, or a smaller --fewest{f' (first of those left out: {reason})' if reason else ''}"
        )

    def _summary(self, one: ClassMaps) -> ClassSummary:
        stream = np.random.default_rng([self.asked.seed, one.target])
        order = stream.permutation(len(one.photographs)).tolist()
        finding, judging = (
            [one.photographs[n] for n in some] for some in (order[: len(order) // 2], order[len(order) // 2 :])
        )
        kinds = kinds_of(np.stack([photograph.cells.ravel() for photograph in finding]))
        groups = [
            [photograph for photograph, kind in zip(finding, kinds.labels.tolist(), strict=True) if kind == number]
            for number in range(kinds.count)
        ]
        means = [np.mean([photograph.cells for photograph in group], axis=0) for group in groups]
        hiding = Hiding(
            self.maker.classifier, self.maker.removal, self.maker.target, self._told(one), self.maker.failed
        )
        boxes = list(self._boxes(hiding, groups, means, one.space))
        others = [p.path for other in self.by_class.values() if other is not one for p in other.photographs]
        paths = [photograph.path for photograph in judging]
        rows = judged(hiding, boxes, paths, others, one.space, self.asked.boxes, stream) if boxes else []
        places = {place.cluster: place for place in rows}
        alike: list[list[MappedPhotograph]] = [[] for _ in groups]
        for photograph in judging:
            alike[_nearest(photograph.cells, means)].append(photograph)
        clusters = [
            self._cluster(group, beside, mean, places.get(number), one.space)
            for number, (group, beside, mean) in enumerate(zip(groups, alike, means, strict=True))
        ]
        return ClassSummary(
            one.target,
            one.label,
            len(order),
            one.mean,
            one.part_share,
            one.parts,
            tuple(clusters),
            kinds.eigenvalues,
            self.maker.classifier.preprocessing.to_dict(),
        )

    def _boxes(
        self,
        hiding: Hiding,
        groups: Sequence[Sequence[MappedPhotograph]],
        means: Sequence[NDArray[np.float64]],
        space: Space,
    ) -> Iterator[tuple[int, Box]]:
        """For each kind of maps the box at which they point; one at which two kinds point is the larger one's."""
        seen: set[Box] = set()
        for number, (group, mean) in enumerate(zip(groups, means, strict=True)):
            cells = mean.shape
            first = densest(mean)
            if first is None:
                continue
            grown = (first.grown(margin, cells) for margin in range(MARGINS + 1))
            fits = [box.scaled(cells, space) for box in dict.fromkeys(grown) if box.share(cells) <= LARGEST]
            box = fitting(hiding, fits, [photograph.path for photograph in group[:_ASKED]])
            if box not in seen:
                seen.add(box)
                yield number, box

    def _cluster(
        self,
        group: Sequence[MappedPhotograph],
        beside: Sequence[MappedPhotograph],
        mean: NDArray[np.float64],
        place: Place | None,
        space: Space,
    ) -> Cluster:
        fine = F.interpolate(torch.from_numpy(mean)[None, None], space, mode="nearest")[0, 0].float()
        every = sorted([*group, *beside], key=lambda photograph: _distance(photograph.cells, mean))
        changed = set(place.who) if place else set()
        own = [photograph for photograph in beside if photograph.path in changed]
        examples = tuple(map(self._example, every[:EXAMPLES]))
        return Cluster(len(every), fine, examples, place, len(own), len(beside) if place else 0)

    def _example(self, photograph: MappedPhotograph) -> Example:
        prepared = self.maker.classifier.prepared(photograph.path)
        return Example(photograph.path, prepared.pixels, prepared.coordinates)

    def _told(self, one: ClassMaps) -> Callable[[Path, int], None]:
        """Counts what is asked, and tells of it."""

        def told(path: Path, evaluations: int) -> None:
            self.spent += evaluations
            if self.listener is not None:
                self.listener(f"hiding boxes in {one.label}: {path.name}", self.spent, None)

        return told


def _nearest(cells: NDArray[np.float64], means: Sequence[NDArray[np.float64]]) -> int:
    return int(np.argmin([_distance(cells, mean) for mean in means]))


def _distance(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(one - other))
