"""Photographs that are explained alike, each by itself: the work that a command spreads over processes or machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from unseen.classifier import Classifier
from unseen.errors import ModelError, UnseenError
from unseen.explanation import Explanation
from unseen.pipeline.explain import explain
from unseen.system.engines.work import Work, warned
from unseen.system.progress import ProgressListener

Told = Callable[[Path], AbstractContextManager[ProgressListener]]
"""Who is told of one photograph's progress."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one photograph.

    Attributes:
        photo: its file.
        explanation: ``None`` if it failed.
        error: why.
    """

    photo: Path
    explanation: Explanation | None = None
    error: UnseenError | None = None


@dataclass(frozen=True, eq=False)
class Explainer:
    """Explains one photograph after the other; a :class:`~unseen.system.engines.work.Worker`.

    Args:
        classifier: the model.
        asked: keyword arguments of :func:`unseen.explain`, the same for every photograph.
        told: who is told of a photograph's progress; nobody by default.
    """

    classifier: Classifier
    asked: Mapping[str, Any]
    told: Told | None = None

    @property
    def same(self) -> Mapping[str, str]:
        """The model."""
        return {"other weights of the model": self.classifier.fingerprint}

    def __call__(self, photo: Path) -> Outcome:
        """The explanation, or why there is none."""
        try:
            with self.told(photo) if self.told else nullcontext() as listener:
                return Outcome(photo, explain(photo, self.classifier, **self.asked, progress=listener))
        except UnseenError as error:
            return Outcome(photo, error=error)


def work_of(
    photos: list[Path],
    here: Explainer,
    again: Callable[[], Classifier],
    note: Callable[[str], None] = warned,
) -> Work[Path, Outcome]:
    """A task a photograph, for any engine; what a robust part takes is done where its photograph is.

    Args:
        photos: files.
        here: explains in this process.
        again: makes the same classifier in another one, on its device.
        note: is told what an engine could not do.
    """
    return Work(photos, here, partial(_elsewhere, again, here.asked), _lost, note=note)


def _elsewhere(again: Callable[[], Classifier], asked: Mapping[str, Any]) -> Explainer:
    return Explainer(again(), asked)


def _lost(photo: Path, reason: str) -> Outcome:
    return Outcome(photo, error=ModelError(reason))
