"""What the maps of one class have in common, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from unseen.classifier.outputs.readings import percent
from unseen.evaluation.classes.places import Place
from unseen.inputs.coordinates import Coordinates
from unseen.inputs.space import CALLED, extent


@dataclass(frozen=True, eq=False)
class Example:
    """A photograph of a kind of maps.

    Attributes:
        path: its file.
        image: as the model saw it, float32 in [0, 1], shape ``(C, *space)``.
        known: of a signal or a volume, where its samples lie, if that is known.
    """

    path: Path
    image: Tensor
    known: Coordinates | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Cluster:
    """Photographs of one class whose maps are alike.

    Attributes:
        photographs: how many of the class.
        mean: of the maps from which the kind was found, on the input's grid, shape ``space``.
        examples: the photographs nearest to the mean.
        place: what hiding its densest box changes; ``None`` where it has none that could be judged.
        own_changed: of the judged photographs of this kind, how many are decided otherwise without the box.
        own_judged: of so many.
    """

    photographs: int
    mean: Float[Tensor, "*space"]
    examples: tuple[Example, ...]
    place: Place | None = None
    own_changed: int = 0
    own_judged: int = 0

    def __repr__(self) -> str:
        return f"<Cluster: {self.photographs} {CALLED[self.mean.ndim]}s; {told_of(self)}>"


@dataclass(frozen=True, eq=False, repr=False)
class ClassSummary:
    """One class.

    Attributes:
        target: its index.
        label: its name.
        photographs: of which the model decides for it.
        mean: the mean map on the input's grid, shape ``space``; each map is scaled so that its absolute values have
            mean 1, so that no photograph counts for more than another.
        part_share: for each pixel the share of the parts that hold it, shape ``space``.
        parts: in how many photographs a part that suffices was found.
        clusters: kinds of maps, the largest first.
        eigenvalues: whose largest gap says how many kinds there are; none where the photographs are too few.
        preprocessing: of the model, as a record has it.
    """

    target: int
    label: str
    photographs: int
    mean: Float[Tensor, "*space"]
    part_share: Float[Tensor, "*space"]
    parts: int
    clusters: tuple[Cluster, ...]
    eigenvalues: tuple[float, ...] = ()
    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<ClassSummary: {' '.join(self.words)}>"

    @property
    def named(self) -> tuple[Cluster, ...]:
        """The kinds whose place the class hangs on, that which changes most first."""
        found = [one for one in self.clusters if one.place is not None and one.place.named]
        return tuple(sorted(found, key=lambda one: -(one.place.share if one.place else 0)))

    @property
    def words(self) -> tuple[str, ...]:
        """What came of it, in plain sentences."""
        kinds = f"{len(self.clusters)} kind{'s' * (len(self.clusters) != 1)} of maps"
        told = [f"{self.label}: {self.photographs} {CALLED[self.mean.ndim]}s, {kinds}."]
        told += [f"{self.label}: {told_of(one)}" for one in self.named]
        if not self.named:
            told.append(
                f"{self.label}: no place is named; no box that its maps point at decides more than boxes of its size "
                "elsewhere, and more than in other classes."
            )
        return tuple(told)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the maps, ready for JSON."""
        return {
            "target": self.target,
            "label": self.label,
            "photographs": self.photographs,
            "parts": self.parts,
            "words": list(self.words),
            "eigenvalues": list(self.eigenvalues),
            "clusters": [
                {
                    "photographs": one.photographs,
                    "examples": [str(example.path) for example in one.examples],
                    "place": one.place.to_dict() if one.place else None,
                    "own_changed": one.own_changed,
                    "own_judged": one.own_judged,
                }
                for one in self.clusters
            ],
        }


def told_of(kind: Cluster) -> str:
    """What hiding the box of a kind of maps changes, in plain sentences."""
    place = kind.place
    if place is None:
        return "Its maps point at no one place that could be judged."
    box, (low, high), axes = place.box, place.interval, len(place.box.start)
    said = [
        f"Hiding {box.spec}, of {extent(box.lengths[::-1] if axes == 2 else box.lengths)}, changes {place.changed} of "
        f"{place.judged} decisions ({percent(place.share)}; 95 % interval {percent(low)} to {percent(high)}) in "
        f"{CALLED[axes]}s that had no say in where it lies"
    ]
    if place.elsewhere:
        mean = sum(place.elsewhere) / len(place.elsewhere)
        said.append(
            f"{len(place.elsewhere)} boxes of its size elsewhere change {mean:.1f} on average and at most "
            f"{max(place.elsewhere)}"
        )
    if place.others:
        said.append(f"the same box changes {place.others_changed} of {place.others} in other classes")
    return f"{'; '.join(said)} (p = {place.p:.2g})."
