"""Hide the same box in every photograph of a class: how many decisions change, and would they anywhere else?

The box comes from maps of other photographs than those in which it is hidden, so that what is measured was not chosen
by what it is measured on. Two nulls must both be refused. *Place*: boxes of the same size elsewhere change as many
decisions; the box has a rank among them (Phipson & Smyth, *Permutation p-values should never be zero*, 2010). *Class*:
the same box changes as many decisions in photographs of other classes; Fisher's exact test. The larger of the two
p-values is that of both (Berger, *Multiparameter hypothesis testing and acceptance sampling*, Technometrics 24, 1982).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.decision import decide
from unseen.classifier.targets import Target
from unseen.errors import UnseenError
from unseen.evaluation.classes.boxes import Box, elsewhere
from unseen.evaluation.statistics import holm
from unseen.explanation.evidence import interval
from unseen.inputs.space import Space
from unseen.removal import Removal

LEVEL = 0.05
"""A place is named where both nulls are refused at this level, over all places of its class."""

OTHERS = 50
"""Photographs of other classes that are asked at most."""


@dataclass(frozen=True)
class Place:
    """A box, and what hiding it changes.

    Attributes:
        box: in samples, pixels or voxels of the model's input.
        cluster: the kind of maps that pointed at it, counted from 0.
        who: photographs of the class that are decided otherwise with the box hidden.
        judged: of so many, none of which had a say in where the box lies.
        elsewhere: for each box of the same size elsewhere, how many of them are.
        others_changed: photographs of other classes that are decided otherwise with the box hidden.
        others: of so many; 0 where there are none.
        p_place: that a box elsewhere changes as many.
        p_class: that the box changes as many in other classes; ``None`` without others.
        p: that one of the two is so, adjusted by Holm for the places of the class.
    """

    box: Box
    cluster: int
    who: tuple[Path, ...]
    judged: int
    elsewhere: tuple[int, ...] = ()
    others_changed: int = 0
    others: int = 0
    p_place: float = 1.0
    p_class: float | None = None
    p: float = 1.0

    @property
    def changed(self) -> int:
        """How many decisions change."""
        return len(self.who)

    @property
    def share(self) -> float:
        """Of the decisions that change."""
        return self.changed / self.judged

    @property
    def interval(self) -> tuple[float, float]:
        """Of the share, 95 %, by Clopper and Pearson."""
        return interval(self.changed, self.judged)

    @property
    def named(self) -> bool:
        """Whether the class hangs on this place."""
        return self.p <= LEVEL

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        about = {name: getattr(self, name) for name in ("cluster", "changed", "judged", "others_changed", "others")}
        tests = {name: getattr(self, name) for name in ("p_place", "p_class", "p", "named")}
        return {
            "box": self.box.to_dict(), **about, "interval": list(self.interval),
            "who": [str(path) for path in self.who], "elsewhere": list(self.elsewhere), **tests,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Hiding:
    """Asks whether decisions change when boxes are hidden.

    Attributes:
        classifier: who decides.
        removal: how the boxes are hidden.
        target: what the decision is about; by default each photograph's top class.
        told: called for every photograph, with the evaluations that it took.
        failed: receives the photographs that cannot be asked, and why.
    """

    classifier: Classifier
    removal: Removal
    target: Target | None
    told: Callable[[Path, int], None]
    failed: dict[str, str]

    def changed(self, path: Path, boxes: Sequence[Box]) -> Bool[np.ndarray, " B"]:
        """For each box, whether the photograph is decided otherwise without it.

        Raises:
            UnseenError: the photograph cannot be read any more, or the removal has no rule for the model.
        """
        decision = decide(path, self.classifier, self.target)
        space = tuple(map(int, decision.image.shape[1:]))
        masks: Tensor = torch.stack([~box.mask(space) for box in boxes])
        masked = self.removal.bind(decision.classifier, decision.image)
        holds = decision.classifier.outputs.holds(masked(masks), decision.target)
        self.told(path, masked.evaluations + decision.evaluations)
        return ~np.asarray(holds, dtype=bool)

    def rows(self, paths: Sequence[Path], boxes: Sequence[Box]) -> dict[Path, Bool[np.ndarray, " B"]]:
        """The same for photographs; those that fail are noted and left out."""
        found = {}
        for path in paths:
            try:
                found[path] = self.changed(path, boxes)
            except UnseenError as error:
                self.failed[str(path)] = str(error)
        return found

    def counts(self, paths: Sequence[Path], boxes: Sequence[Box]) -> tuple[NDArray[np.int64], int]:
        """For each box, how many photographs are decided otherwise without it, and of how many."""
        rows = self.rows(paths, boxes)
        return np.array([*rows.values()], dtype=np.int64).reshape(len(rows), len(boxes)).sum(0), len(rows)


def fitting(hiding: Hiding, boxes: Sequence[Box], paths: Sequence[Path]) -> Box:
    """Of boxes, small ones first, the first that changes the most decisions; to be judged on other photographs.

    Maps are often brightest in the middle of what decides, and what is left of it at the border may decide as well.
    """
    counts, _ = hiding.counts(paths, boxes)
    return boxes[int(counts.argmax())]


def judged(
    hiding: Hiding,
    boxes: Sequence[tuple[int, Box]],
    paths: Sequence[Path],
    others: Sequence[Path],
    space: Space,
    count: int,
    stream: np.random.Generator,
) -> list[Place]:
    """What hiding each box changes, and the tests.

    Args:
        hiding: who is asked.
        boxes: with the kind of maps that pointed at each; at least one.
        paths: photographs of the class that had no say in the boxes.
        others: photographs of other classes.
        space: lengths of the input's axes.
        count: boxes of the same size elsewhere.
        stream: of random numbers.
    """
    hidden = [box for _, box in boxes]
    own = hiding.rows(paths, hidden)
    if not own:
        return []
    some = [others[place] for place in stream.permutation(len(others))[:OTHERS].tolist()]
    beside, asked = hiding.counts(some, hidden)
    places = []
    for number, (cluster, box) in enumerate(boxes):
        who = tuple(path for path, changed in own.items() if changed[number])
        place = Place(box, cluster, who, len(own), (), int(beside[number]), asked)
        there = elsewhere(box, space, count, stream) if who else []
        if there:
            found, _ = hiding.counts(paths, there)
            rank = (1 + int((found >= len(who)).sum())) / (1 + len(found))
            place = replace(place, elsewhere=tuple(found.tolist()), p_place=rank)
        places.append(replace(place, p_class=_fisher(place) if asked else None))
    both = [max(place.p_place, place.p_class if place.p_class is not None else 0.0) for place in places]
    return [replace(place, p=p) for place, p in zip(places, holm(both), strict=True)]


def _fisher(place: Place) -> float:
    """That the class and the others change alike, against that the class changes more."""
    from scipy.stats import fisher_exact

    table = [
        [place.changed, place.judged - place.changed],
        [place.others_changed, place.others - place.others_changed],
    ]
    return float(fisher_exact(table, alternative="greater").pvalue)
