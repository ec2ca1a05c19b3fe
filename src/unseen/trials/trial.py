"""What a model says of a photograph of which a chosen part is hidden, and of the part alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from unseen.errors import UnseenError


@dataclass(frozen=True, eq=False)
class View:
    """What the model says of one set of visible pixels.

    Attributes:
        reading: of the target: its probability in [0, 1], or its value.
        change: reading minus that of the full photograph.
        score: of the target, as attributions explain it; it tells apart what probabilities near 0 or 1 do not.
        holds: whether the model decides for the target.
        top: what the model says of the target, then the likeliest others, five in all: index, label, probability.
        picture: what the model gets, float32 in [0, 1], shape ``(C, *space)``; ``None`` where nothing is painted.
        distance: from photographs, a multiple of that of the full photograph; ``None`` where it was not measured.

    Example:
        >>> import unseen
        >>> trials = unseen.hide(photo, classifier, part="box:8,8,8,8", removals="black")
        >>> view = trials.trials[0].shown
        >>> view.holds, view.top[0]["label"], round(view.reading, 2), round(view.change, 2)
        (True, 'red', 0.7, 0.0)
    """

    reading: float
    change: float
    score: float
    holds: bool
    top: tuple[Mapping[str, Any], ...]
    picture: Tensor | None = None
    distance: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything but the picture, ready for JSON."""
        names = ("reading", "change", "score", "holds", "distance")
        return {**{name: getattr(self, name) for name in names}, "top": [dict(guess) for guess in self.top]}


@dataclass(frozen=True, eq=False)
class RemovalTrial:
    """A chosen part under one removal.

    Attributes:
        removal: its spec, as it was asked for.
        hidden: the photograph without the part; ``None`` if the trial failed.
        shown: the part alone; ``None`` if the trial failed.
        evaluations: masked photographs evaluated.
        seconds: wall-clock time.
        notes: plain sentences that the reader must know.
        error: why it failed, or ``None``.

    Example:
        >>> import unseen
        >>> trial = unseen.hide(photo, classifier, part="box:8,8,8,8", removals="black").trials[0]
        >>> trial.removal, trial.evaluations, trial.error
        ('black', 2, None)
    """

    removal: str
    hidden: View | None = None
    shown: View | None = None
    evaluations: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: UnseenError | None = None

    def to_dict(self) -> dict[str, Any]:
        """What came of it, ready for JSON."""
        return {
            "removal": self.removal,
            "hidden": self.hidden.to_dict() if self.hidden else None,
            "shown": self.shown.to_dict() if self.shown else None,
            "evaluations": self.evaluations,
            "seconds": round(self.seconds, 3),
            "notes": list(self.notes),
            "error": str(self.error) if self.error else None,
        }
