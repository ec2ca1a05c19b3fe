"""The maps of many photographs, by the class that the model decides for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier import Classifier
from unseen.classifier.decision import decide
from unseen.classifier.outputs.catalogue import OUTPUTS
from unseen.classifier.targets import Target
from unseen.errors import OutputError, UnseenError
from unseen.evaluation.classes.store import MapStore, StoredMap
from unseen.evaluation.content import content_of
from unseen.evaluation.judging.subject import subjects_of
from unseen.explainers.catalogue import METHODS
from unseen.explainers.method import Method
from unseen.inputs.space import CALLED, Space, cells_of
from unseen.pipeline.explain import Request, check_applicable, explain_decision
from unseen.removal import Removal
from unseen.system.progress import ProgressListener

SIDE = 16
"""Cells a side of the coarse grid on which maps of images are compared; of others there are about as many in all."""


_POOLS: Mapping[int, Callable[..., Tensor]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}


@dataclass(frozen=True, eq=False)
class MappedPhotograph:
    """One photograph of a class.

    Attributes:
        path: its file.
        cells: its map on the coarse grid, one axis each, its absolute values of mean 1 on the full grid.
    """

    path: Path
    cells: NDArray[np.float64]


@dataclass(eq=False)
class ClassMaps:
    """The photographs of which a model decides for one class, and the sums of their maps.

    Attributes:
        target: index of the class.
        label: its name.
        photographs: in the order in which they were given.
        parts: in how many of them a part that suffices was found.
    """

    target: int
    label: str
    space: Space
    photographs: list[MappedPhotograph] = field(default_factory=list)
    parts: int = 0

    def __post_init__(self) -> None:
        self._maps, self._parts = torch.zeros(self.space, dtype=torch.float64), torch.zeros(self.space)

    def add(self, path: Path, found: StoredMap) -> None:
        """One more photograph."""
        scaled = unit_mean(found.saliency)
        self.photographs.append(MappedPhotograph(path, pooled(scaled)))
        self._maps += scaled
        if found.part is not None:
            self.parts += 1
            self._parts += found.part

    @property
    def mean(self) -> Float[Tensor, "*space"]:
        """The mean of the maps, each scaled so that its absolute values have mean 1."""
        return (self._maps / len(self.photographs)).float()

    @property
    def part_share(self) -> Float[Tensor, "*space"]:
        """Of the parts that were found, how many hold each pixel; zeros where there are none."""
        return self._parts / max(1, self.parts)


@dataclass(eq=False)
class MapMaker:
    """Explains photographs one after the other, and keeps the maps.

    Args:
        classifier: whose decisions are explained.
        method: how maps are made.
        removal: how parts are hidden meanwhile.
        target: what is explained; by default each photograph's top class.
        seed: of all that is random.
        store: keeps the maps.
    """

    classifier: Classifier
    method: Method
    removal: Removal
    target: Target | None
    seed: int
    store: MapStore
    evaluations: int = field(default=0, init=False)
    failed: dict[str, str] = field(default_factory=dict, init=False)
    notes: dict[str, None] = field(default_factory=dict, init=False)

    def by_class(self, photos: Sequence[Path], listener: ProgressListener | None = None) -> dict[int, ClassMaps]:
        """The classes of photographs, those of most photographs first; one that fails is noted in ``failed``.

        Raises:
            OutputError: the store cannot be read or written.
            UnseenError: the method and the removal do not apply to the model.
        """
        check_applicable(self.classifier, self.method, self.removal)
        found: dict[int, ClassMaps] = {}
        subjects, repeated = subjects_of(photos)
        if repeated:
            self.notes[f"{len(repeated)} files have the content of another one, and count once"] = None
        otherwise = 0
        for number, subject in enumerate(subjects):
            if listener is not None:
                listener(f"explaining {subject.name}", number, len(subjects))
            try:
                stored = self._stored(subject.path, subject.digest)
            except OutputError:
                raise
            except UnseenError as error:
                self.failed[str(subject.path)] = str(error)
                continue
            if not stored.holds:
                otherwise += 1
                continue
            space = tuple(map(int, stored.saliency.shape))
            found.setdefault(stored.target, ClassMaps(stored.target, stored.label, space)).add(subject.path, stored)
        if otherwise:
            kinds = f"{CALLED[self.classifier.preprocessing.axes]}s"
            self.notes[f"{otherwise} {kinds} are left out: the model does not decide for what was asked"] = None
        return dict(sorted(found.items(), key=lambda item: -len(item[1].photographs)))

    def _stored(self, path: Path, digest: str) -> StoredMap:
        key = blake2b(f"{digest} {self._identity}".encode(errors="surrogateescape"), digest_size=16).hexdigest()
        known = self.store.get(key)
        if known is not None:
            return known
        decision = decide(path, self.classifier, self.target)
        request = Request(seed=self.seed, chance=0)
        explanation = explain_decision(decision, self.method, self.removal, request)
        part = next((one.mask for one in explanation.parts if one.role == "sufficient"), None)
        spent = int(explanation.provenance["evaluations"])
        self.evaluations += spent
        made = StoredMap(
            decision.target, decision.label, decision.holds, spent, explanation.saliency.float().cpu(), part
        )
        self.store.put(key, made)
        return made

    @cached_property
    def _identity(self) -> str:
        """What a map follows from besides the photograph; files that the method and the removal read are read once."""
        model = self.classifier
        labels = None if model.labels is None else list(model.labels)
        specs = (METHODS.spec_of(self.method), content_of(self.method), self.removal.name, content_of(self.removal))
        fed = (model.name, model.fingerprint, model.preprocessing.to_dict(), OUTPUTS.spec_of(model.outputs), labels)
        return json.dumps([*fed, *specs, self.target, self.seed], default=str)


def unit_mean(saliency: Float[Tensor, "*space"]) -> Float[Tensor, "*space"]:
    """The map scaled so that its absolute values have mean 1; zeros stay zeros."""
    mean = saliency.double().abs().mean()
    return saliency.double() / mean if mean > 0 else saliency.double()


def pooled(saliency: Float[Tensor, "*space"]) -> Float[NDArray[np.float64], "*cells"]:
    """The means of a map over the cells of a coarse grid."""
    cells = [min(cells_of(SIDE, saliency.shape), length) for length in saliency.shape]
    coarse = _POOLS[saliency.ndim](saliency[None, None], cells)[0, 0]
    return np.asarray(coarse.numpy(), dtype=np.float64)
