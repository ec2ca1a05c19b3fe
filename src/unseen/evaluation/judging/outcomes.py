"""What came of a photograph under a method and a removal: values, parts, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from unseen.evaluation.judging.packing import packed, unpacked
from unseen.evaluation.judging.subject import Subject
from unseen.evaluation.judging.thumbnail import Thumbnail

EVALUATIONS = "evaluations"
SECONDS = "seconds"
"""The row that every photograph × method × removal has; without value it tells why nothing came of it."""


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        photo: the file's name, for people; two photographs may share it.
        method: spec.
        removal: spec.
        metric: spec.
        confidence: the γ that was asked for; ``None`` for what belongs to the whole explanation.
        value: ``None`` where there is none.
        n: contexts that it averages, else 1.
        detail: why there is no value, else empty; of :data:`EVALUATIONS` the notes on the explanation, a line each.
        target: index of the class that is explained; −1 where nothing could be.
        digest: sha256 of the photograph's file, which says what photograph it is.
    """

    photo: str
    method: str
    removal: str
    metric: str
    confidence: float | None
    value: float | None
    n: int = 1
    detail: str = ""
    target: int = -1
    digest: str = ""

    @property
    def subject(self) -> str:
        """Tells the photograph from all others: its digest, or, of a row that has none, its name."""
        return self.digest or self.photo


@dataclass(frozen=True)
class Measurement:
    """A value, or the reason why there is none; of a share also the hits among ``n`` contexts, of ``asked``."""

    value: float | None
    n: int = 1
    hits: int = 0
    asked: int = 1
    reason: str = ""


@dataclass(eq=False)
class JudgedPart:
    """The part for one γ, a bool mask of shape ``space``, or the reason why there is none."""

    confidence: float
    mask: Tensor | None
    verified: bool = False
    reason: str = ""
    measurements: dict[str, Measurement] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """Between processes a mask travels as the few bytes that the file keeps of it."""
        return {**vars(self), "mask": packed(self.mask)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({**state, "mask": unpacked(*state["mask"])})


@dataclass(eq=False)
class Outcome:
    """What came of one photograph, method and removal; ``reason`` tells why nothing came of it.

    ``measurements`` are those of the map, by metric; those of parts lie with the parts. ``notes`` are the sentences
    that the reader of the explanation, or of what metrics say of it, must know. ``thumbnail`` is that of a map that was
    made now; one that a ledger has already stays there. ``engine`` is what the explanation's passes ran on.
    """

    subject: Subject
    method: str
    removal: str
    reason: str = ""
    target: int = -1
    label: str = ""
    probability: float = 0.0
    evaluations: int = 0
    seconds: float = 0.0
    parts: list[JudgedPart] = field(default_factory=list)
    measurements: dict[str, Measurement] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    thumbnail: Thumbnail | None = None
    engine: str = ""

    def note(self, *sentences: str) -> None:
        """Add to the notes what is not among them."""
        self.notes = tuple(dict.fromkeys([*self.notes, *sentences]))
