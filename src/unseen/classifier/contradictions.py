"""Models whose numbers contradict what was said of them, or what is assumed where nothing was.

A second softmax, or sigmoid, of probabilities is never far from chance, and nothing looks wrong. Nor does the softmax
of independent findings, which makes them compete.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.answers import are_probabilities, entry_of
from unseen.classifier.classifier import Classifier
from unseen.classifier.outputs.activation import Activations, before
from unseen.classifier.outputs.sigmoid import log_odds
from unseen.errors import ModelError

_LIKELY = log_odds(0.9)
_CENTRED = 1.0
"""The mean logit of classes that exclude each other at most. Training by cross-entropy moves no mean of logits, for the
gradients of all classes sum to 0, so that it stays near the 0 at which it began."""

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
        ModelError: they are probabilities; the message says how to call them.
    """
    logits = classifier.outputs.logits(scores)
    notes = (*_same(classifier, images, scores), *_several(classifier, logits))
    if logits is None or float(logits.min()) < 0 or float(logits.max()) > 1:
        return notes
    sums = logits.shape[1] > 1 and are_probabilities(logits)
    made = _last_function(classifier, images[:1])
    if made is not None:
        raise _refusal(classifier, made == "softmax", f"its last function is a {made}")
    if not _stays(classifier, images[:1], sums):
        return notes
    if sums:
        raise _refusal(classifier, exclusive=True, why="they are not negative and sum to 1")
    return (
        *notes,
        f"all numbers of {classifier.name} lie in [0, 1] and are read as logits; if they are probabilities, say "
        f"outputs={_meant(logits.shape[1], exclusive=False)}",
    )


def _same(classifier: Classifier, images: Tensor, scores: Tensor) -> tuple[str, ...]:
    if len(images) < 2 or torch.equal(images[0], images[1]) or not torch.equal(scores[0], scores[1]):
        return ()
    return (
        f"{classifier.name} says exactly the same of the photograph and of another one; check its weights and its "
        "preprocessing",
    )


def _several(classifier: Classifier, logits: Float[Tensor, "N K"] | None) -> tuple[str, ...]:
    """Whether what is assumed to be classes that exclude each other looks like findings, several of them present."""
    if logits is None or not classifier.is_assumed:
        return ()
    likely, mean = (logits[0] >= _LIKELY).nonzero().flatten().tolist(), float(logits[0].mean())
    if len(likely) < 2 or abs(mean) <= _CENTRED:
        return ()
    names = ", ".join(classifier.label(index) for index in likely[:3]) + (", …" if len(likely) > 3 else "")
    return (
        f"{classifier.name} gives several of its classes a high number at once ({names}; the mean of all is "
        f"{mean:.2g}), as networks for independent findings do, and nobody said what its numbers mean: they are read "
        "as logits of classes of which one is on top; say outputs='sigmoid' if they are findings, else "
        "outputs='logits'",
    )


@torch.no_grad()
def _last_function(classifier: Classifier, images: Float[Tensor, "1 C *space"]) -> str | None:
    answer = classifier.call(classifier.normalise(images), Activations())
    numbers = entry_of(answer, classifier.name, classifier.outputs.key)
    found = before(numbers) if isinstance(numbers, Tensor) else None
    return None if found is None else found[0]


def _stays(classifier: Classifier, images: Float[Tensor, "1 C *space"], sums: bool) -> bool:
    far = classifier.outputs.logits(classifier.logits(images * _FAR))
    assert far is not None
    return are_probabilities(far) if sums else bool(((far >= 0) & (far <= 1)).all())


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
