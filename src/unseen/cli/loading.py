"""The model that a command asks for, ready for many evaluations."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from unseen.cli.messages import note
from unseen.cli.options import ModelOptions
from unseen.errors import ModelError, NotOptimisedError
from unseen.system.process import tune_allocator
from unseen.system.progress import progress_bar

if TYPE_CHECKING:
    from unseen.classifier import Classifier
    from unseen.classifier.targets import Target


def ready(model: str, device: str, described: ModelOptions, target: Target | None = None) -> Classifier:
    """The named model on the device, optimised where that is possible; a target that it does not know is refused.

    What must be known of where it comes from is told.
    """
    from unseen.classifier.zoo import load_classifier

    tune_allocator()
    with progress_bar(f"loading {model}"):
        classifier = load_classifier(model, device=device, **asdict(described))
        if target is not None:
            classifier.asked(target)
        for told in classifier.notes:
            note(told)
        if classifier.device.type != "cpu":
            return classifier
        try:
            return classifier.optimised()
        except NotOptimisedError as error:
            note(str(error))
        except ModelError:  # of the model itself, which is told of the first photograph
            pass
        return classifier
