"""Models whose numbers contradict what was said of them, or what is assumed where nothing was.

A second softmax, or sigmoid, of probabilities is never far from chance, and nothing looks wrong. Nor does the softmax
of independent findings, which makes them compete.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.answers import are_probabilities, entry_of
from unseen.classifier.classifier import Classifier
from unseen.classifier.outputs.activation import Activations, before
from unseen.classifier.outputs.base import Outputs
from unseen.classifier.outputs.sigmoid import log_odds
from unseen.errors import ModelError, ParameterError
from unseen.system.names import with_article

_LIKELY, _UNLIKELY = log_odds(0.9), log_odds(0.1)
_CENTRED = 1.0
"""The mean logit of classes that exclude each other at most. Training by cross-entropy moves no mean of logits, for the
gradients of all classes sum to 0, so that it stays near the 0 at which it began."""

_DISGUISED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "percentages (not negative, with a sum of 100)": (
        lambda numbers: numbers / 100,
        "wrap it in a module that divides them by 100, and say outputs='probabilities'",
    ),
    "negative log-probabilities, the lowest for the likeliest class": (
        lambda numbers: (-numbers).exp(),
        "wrap it in a module that negates them: log-probabilities are logits",
    ),
}
"""What is not logits, how it becomes probabilities, and what to do about it."""

_SURE = 0.98

_FAR = 1000.0  # times as bright: logits go beyond [0, 1], where probabilities stay


def check_meaning(
    classifier: Classifier, images: Float[Tensor, "N C *space"], scores: Float[Tensor, "N T"]
) -> tuple[str, ...]:
    """See that what is called logits are not probabilities already, and that the images matter.

    Suspicion costs one pass more, in which the network's last function is looked at, or how it answers to pixels far
    too bright.

    Args:
        classifier: the model.
        images: the first that it saw, as a rule a photograph and another one.
        scores: what it said of them.

    Returns:
        What is suspicious but may be so, in plain sentences.

    Raises:
        ModelError: they are probabilities, as they are or in another form, or may be and nobody said; the message says
            how to call them.
    """
    logits = classifier.outputs.logits(scores)
    _check_disguised(classifier, images[:1], logits)
    notes = (*_same(classifier, images, scores), *_several(classifier, logits))
    if logits is None or float(logits.min()) < 0 or float(logits.max()) > 1:
        return notes
    sums = logits.shape[1] > 1 and are_probabilities(logits)
    made = _last_function(classifier, images[:1])
    if made is not None:
        raise _refusal(classifier, made == "softmax", f"its last function is {with_article(made)}")
    if not _stays(classifier, images[:1], sums):
        return notes
    if sums:
        raise _refusal(classifier, exclusive=True, why="they are not negative and sum to 1")
    if classifier.is_assumed:
        raise ModelError(
            f"all numbers of {classifier.name} lie in [0, 1], even of pixels far too bright, and outputs was "
            f"not given; if they are probabilities, say outputs={_meant(logits.shape[1], exclusive=False)}, else "
            "outputs='logits'; from the command line --outputs"
        )
    return (
        *notes,
        f"all numbers of {classifier.name} lie in [0, 1] and are read as logits; if they are probabilities, say "
        f"outputs={_meant(logits.shape[1], exclusive=False)}",
    )


def check_readings(outputs: Outputs, scores: Float[Tensor, "1 T"], target: int) -> None:
    """See that outputs of a user's own say of the whole image what is computed with.

    Args:
        outputs: of this image; see :meth:`Outputs.bound`.
        scores: of it.
        target: that is asked about.

    Raises:
        ParameterError: a probability, or a degree, that is outside [0, 1]; a decision that is neither yes nor no.
    """
    name, reading = type(outputs).__name__, float(outputs.readings(scores)[0, target])
    if outputs.unit is None and not 0 <= reading <= 1:
        raise ParameterError(
            f"outputs {name} read {reading:.4g} of the photograph and have no unit, so that this is a probability; "
            "give the class a unit, which may be the empty text, or let readings lie in [0, 1]"
        )
    degree = float(outputs.degree(scores, target)[0])
    if not 0 <= degree <= 1:
        raise ParameterError(
            f"the degree of outputs {name} is {degree:.4g} of the photograph; define degree(scores, target) as how far "
            "the decision for the target goes, from 0 to 1"
        )
    holds = outputs.holds(scores, target)
    if holds.dtype != torch.bool or holds.shape != (1,):
        raise ParameterError(
            f"holds of outputs {name} returned {holds.dtype} of shape {tuple(holds.shape)} for one image; let it "
            "return one bool for each"
        )


def _check_disguised(
    classifier: Classifier, images: Float[Tensor, "1 C *space"], logits: Float[Tensor, "N K"] | None
) -> None:
    if logits is None or logits.shape[1] < 2 or float(logits.min()) < 0:
        return
    for what, (as_probabilities, remedy) in _DISGUISED.items():
        found = as_probabilities(logits)
        if bool((found > _SURE).any(1).all()) or not are_probabilities(found):
            continue  # of a sure one the rest is too little to tell: a logit of 0 beside a large one looks so, too
        if are_probabilities(as_probabilities(_far(classifier, images))):
            raise ModelError(f"{classifier.name} returns {what}, not logits; {remedy}")


def _same(classifier: Classifier, images: Tensor, scores: Tensor) -> tuple[str, ...]:
    if len(images) < 2 or torch.equal(images[0], images[1]) or not torch.equal(scores[0], scores[1]):
        return ()
    return (
        f"{classifier.name} says exactly the same of the photograph and of another one; check its weights and its "
        "preprocessing",
    )


def _several(classifier: Classifier, logits: Float[Tensor, "N K"] | None) -> tuple[str, ...]:
    """Whether what is assumed to be classes that exclude each other looks like findings, several present or none."""
    if logits is None or not classifier.is_assumed or logits.shape[1] < 2:
        return ()
    likely, mean = (logits[0] >= _LIKELY).nonzero().flatten().tolist(), float(logits[0].mean())
    if abs(mean) <= _CENTRED:
        return ()
    if len(likely) > 1:
        names = ", ".join(classifier.label(index) for index in likely[:3]) + (", …" if len(likely) > 3 else "")
        seen = f"gives several of its classes a high number at once ({names}; the mean of all is {mean:.2g})"
    elif float(logits[0].max()) <= _UNLIKELY and not _are_log_probabilities(logits[:1]):
        seen = f"gives all of its classes a low number (the highest is {float(logits[0].max()):.2g})"
    else:
        return ()
    return (
        f"{classifier.name} {seen}, as networks for independent findings do, and outputs was not given: "
        "they are read as logits of classes of which one is on top; say outputs='sigmoid' if they are findings, else "
        "outputs='logits'",
    )


def _are_log_probabilities(logits: Float[Tensor, "N K"]) -> bool:
    """Whether rows are logarithms of probabilities that sum to 1, which are low by nature."""
    return are_probabilities(logits.exp())


@torch.no_grad()
def _last_function(classifier: Classifier, images: Float[Tensor, "1 C *space"]) -> str | None:
    answer = classifier.call(classifier.normalise(images), Activations())
    numbers = entry_of(answer, classifier.name, classifier.outputs.key)
    found = before(numbers) if isinstance(numbers, Tensor) else None
    return None if found is None else found[0]


def _stays(classifier: Classifier, images: Float[Tensor, "1 C *space"], sums: bool) -> bool:
    far = _far(classifier, images)
    return are_probabilities(far) if sums else bool(((far >= 0) & (far <= 1)).all())


def _far(classifier: Classifier, images: Float[Tensor, "1 C *space"]) -> Float[Tensor, "1 K"]:
    """What it says of pixels far too bright."""
    far = classifier.outputs.logits(classifier.logits(images * _FAR))
    assert far is not None
    return far


def _refusal(classifier: Classifier, exclusive: bool, why: str) -> ModelError:
    known = classifier.names
    return ModelError(
        f"{classifier.name} returns probabilities, not logits ({why}); say what they are: "
        f"outputs={_meant(len(known) if known else 2, exclusive)}, from the command line --outputs"
    )


def _meant(numbers: int, exclusive: bool) -> str:
    if exclusive:
        return "'probabilities'"
    both = "'probabilities:independent' (findings) or 'probabilities:binary' (one number for two classes)"
    return both if numbers <= 2 else "'probabilities:independent'"
