"""Models whose last layer made probabilities of what they had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.answers import check_finite, entry_of
from unseen.classifier.outputs.activation import Activation, Activations, before
from unseen.classifier.outputs.base import Key, Outputs
from unseen.classifier.outputs.binary import Binary
from unseen.classifier.outputs.derived import Derived
from unseen.classifier.outputs.logits import Logits
from unseen.classifier.outputs.sigmoid import Sigmoid, Thresholds
from unseen.errors import ModelError, ParameterError
from unseen.system.options import Meaning

Kind = Annotated[
    Literal["exclusive", "independent", "binary"],
    Meaning(
        "whether one class of several is true (rows sum to 1), each finding by itself, or one number tells the second "
        "of two classes from the first"
    ),
]

_ENDS: Mapping[Kind, Activation] = {"exclusive": "softmax", "independent": "sigmoid", "binary": "sigmoid"}
_BELOW_ONE = 1 - 2.0**-24  # the largest number below 1 in float32: log-odds of 16.6


@dataclass(frozen=True)
class Probabilities(Derived):
    """Probabilities; their logarithms, or log-odds, are the logits.

    Args:
        kind: ``exclusive`` rows sum to 1; ``independent`` ones are findings; ``binary`` is one number, of the second
            of two classes.
        threshold: of findings, or of the second class; see there.
        key: which entry of what the model returns holds its numbers.

    Example:
        >>> from unseen.classifier.outputs import Probabilities
        >>> softmax = torch.nn.Sequential(network, torch.nn.Softmax(1))
        >>> certain = Classifier(softmax, preprocessing, ["red", "green", "blue"], outputs=Probabilities())
        >>> certain.outputs.readings(certain.logits(photo[None])).argmax(1)
        tensor([0])
    """

    kind: Kind = "exclusive"
    threshold: Thresholds = 0.5
    key: Key = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind != "independent" and isinstance(self.threshold, tuple):
            raise ParameterError("several thresholds are of several findings; say 'probabilities:independent'")
        if self.kind == "exclusive" and self.threshold != 0.5:
            raise ParameterError("of classes that exclude each other the likeliest is decided for, by no threshold")

    @property
    def like(self) -> Outputs:
        """What the logits mean that stand before the probabilities."""
        return _like(self.kind, self.threshold)

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N T"]:
        """What the network has before its softmax or sigmoid, where that is its last function.

        Else the logarithms of probabilities that exclude each other, and the log-odds of others: a probability of 0
        counts as the smallest number that float32 tells from it, and log-odds end at ±16.6, where float32 no longer
        tells a probability from 1.

        Raises:
            ModelError: they are no probabilities of the kind.
        """
        given = self._numbers(answer, count, name)
        probabilities = given.to(torch.promote_types(given.dtype, torch.float32))
        with torch._C.DisableTorchFunction():  # what is looked at is no part of what is followed
            self._check(probabilities.detach(), name)
        made = self._before(given)
        if made is not None:
            return self.like.scores(made, count, name)
        low = torch.finfo(probabilities.dtype).tiny
        if self.kind == "exclusive":
            return self.like.scores(probabilities.clamp(min=low).log(), count, name)
        inside = probabilities.clamp(low, _BELOW_ONE)
        return self.like.scores(inside.log() - (1 - inside).log(), count, name)

    def sums(self, answer: object, name: str) -> bool:
        """Of what stands before the last function; a logarithm is none."""
        given = entry_of(answer, name, self.key)
        return isinstance(given, Tensor) and self._before(given) is not None

    def _before(self, given: Float[Tensor, "N K"]) -> Float[Tensor, "N K"] | None:
        made = before(given)
        return made[1] if made is not None and made[0] == _ENDS[self.kind] else None

    def watching(self) -> Activations:
        """See :mod:`unseen.classifier.outputs.activation`."""
        return Activations()

    def _check(self, probabilities: Float[Tensor, "N K"], name: str) -> None:
        check_finite(probabilities, name)
        low, high = float(probabilities.min()), float(probabilities.max())
        if low < 0 or high > 1 + 1e-2:
            raise ModelError(
                f"{name} returned numbers from {low:.3g} to {high:.3g}, which are no probabilities; say "
                "outputs='logits', 'sigmoid', 'binary' or 'value'"
            )
        sums = probabilities.sum(1)
        worst = int((sums - 1).abs().argmax())
        if self.kind == "exclusive" and abs(float(sums[worst]) - 1) >= 1e-2:
            raise ModelError(
                f"the probabilities of {name} sum to {float(sums[worst]):.3g}, not to 1; if they are of "
                "findings independent of each other, say outputs='probabilities:independent', and of one number for "
                "two classes 'probabilities:binary'"
            )


@cache
def _like(kind: Kind, threshold: Thresholds) -> Outputs:
    if kind == "exclusive":
        return Logits()
    if isinstance(threshold, tuple) or kind == "independent":
        return Sigmoid(threshold)
    return Binary(threshold)
