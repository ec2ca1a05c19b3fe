"""The model that a command asks for, ready for many evaluations."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from unseen.cli.messages import note
from unseen.cli.options import BUNDLED, ModelChoice
from unseen.system.process import tune_allocator
from unseen.system.progress import progress_bar

if TYPE_CHECKING:
    from unseen.classifier import Classifier
    from unseen.classifier.targets import Target


def ready(chosen: ModelChoice, target: Target | None = None) -> Classifier:
    """The chosen model, optimised where that is possible; a target that it does not know is refused.

    What must be known of where it comes from is told.
    """
    from unseen.classifier.zoo.loading import fast

    return fast(loaded(chosen, target), note)


def loaded(chosen: ModelChoice, target: Target | None = None) -> Classifier:
    """The same as it is, not optimised."""
    tune_allocator()
    with progress_bar(f"loading {chosen.model}"):
        classifier = _loaded(chosen)
        if target is not None:
            classifier.asked(target)
        for told in classifier.notes:
            note(told)
    return classifier


def again(chosen: ModelChoice) -> Classifier:
    """The same in another process, for which nobody is told anything."""
    from unseen.classifier.zoo.loading import fast

    return fast(_loaded(chosen))


def _loaded(chosen: ModelChoice) -> Classifier:
    from unseen.classifier.backend import Backend
    from unseen.classifier.zoo import load_classifier

    described = asdict(chosen)
    backend = Backend(described.pop("backend"))
    classifier = load_classifier(described.pop("model"), **described)
    classifier.backend = backend
    if backend.name != BUNDLED.backend:
        classifier.options["backend"] = backend.name
    return classifier
