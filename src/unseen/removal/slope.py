"""Whether the gradient that a network gives is the slope of what it computes."""

from __future__ import annotations

from collections.abc import Hashable
from weakref import WeakKeyDictionary

from unseen.classifier import Classifier
from unseen.classifier.differentiation import logit_gradient, slope_found
from unseen.classifier.fingerprint import identity
from unseen.removal.masked import MaskedClassifier

_RIGHT: WeakKeyDictionary[Classifier, Hashable] = WeakKeyDictionary()
"""Networks whose gradient was once seen to be the slope, with the identity of their weights."""


def note_false_slope(masked: MaskedClassifier, target: int) -> None:
    """Note it where a step along a logit's gradient changes the logit by less than half, or more than twice, of that.

    So it is where the network rounds, detaches or has a backward pass of its own (straight-through estimators), and its
    gradient says little of its decision. Three passes, not counted, until a network is once seen to be right; none in
    half precision, where a difference that small is rounding.

    Args:
        masked: the classifier and its photograph, which gets the note.
        target: class index.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    classifier = masked.classifier
    if classifier.dtype.itemsize < 4 or _RIGHT.get(classifier.origin) == identity(classifier.model):
        return
    ratio = masked.cached(("slope", target), lambda: _ratio(masked, target))
    if ratio is None:
        return
    if is_slope(ratio):
        _RIGHT[classifier.origin] = identity(classifier.model)
    else:
        masked.note(
            f"along its gradient the logit rises {ratio:.2g} times as steeply as that says: the gradient of "
            f"{classifier.name} is not that of what it computes (detach, rounding, or a backward pass of its own?); "
            "compare with 'occlusion'"
        )


def is_slope(ratio: float) -> bool:
    """Whether a gradient by which a logit rises so steeply may be that of what is computed, in a network of kinks."""
    return 0.5 <= ratio <= 2


def _ratio(masked: MaskedClassifier, target: int) -> float | None:
    """See :func:`~unseen.classifier.differentiation.slope_found`; ``None`` where the gradient is 0."""
    classifier = masked.classifier
    gradient, value = logit_gradient(classifier, masked.image, target)
    if not bool(gradient.any()) or not bool(gradient.isfinite().all()):
        return None
    return slope_found(classifier, masked.image, target, gradient, value)
