"""What the model says of visible sets, for one class.

A *visible set* is a bool mask ``space``: its pixels are shown to the model, all others are hidden by the removal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.scores import Extent, Scores
from unseen.explanation.findings import Said
from unseen.removal import MaskedClassifier
from unseen.removal.checks import sets_held
from unseen.removal.memory import Memory, digest

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Verdicts:
    """One verdict per visible set.

    Attributes:
        probability: how far the decision goes, as a rule the target's probability, shape (N,).
        top: whether the decision for the target holds, shape (N,).
    """

    probability: Float[Tensor, " N"]
    top: Bool[Tensor, " N"]


Evaluate = Callable[[Iterable[Tensor]], Verdicts]
"""Visible sets, each bool ``space`` → a verdict on each; usually an :class:`Evaluator`."""


class Evaluator:
    """A masked classifier reduced to verdicts on one class; no set is evaluated twice.

    Sets are taken one by one, so that a caller can describe thousands of them without holding them; they go to the
    memory, and the new ones of them to the model, in chunks of whole batches that keep within
    :func:`unseen.removal.checks.sets_held`.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        memory: of the explanation that it serves; by default one of its own.
    """

    def __init__(self, masked: MaskedClassifier, target: int, memory: Memory | None = None) -> None:
        self.masked = masked
        self.target = target
        self.memory = Memory() if memory is None else memory
        self._together: dict[tuple[int, bytes], Tensor] = {}
        self._extent = Extent()
        self._always_holds: bool | None = None

    def __call__(self, visible: Iterable[Bool[Tensor, "*space"]]) -> Verdicts:
        """The verdict on each set, in order."""
        none = torch.zeros(0, dtype=torch.float32)
        found = [
            Verdicts(none, none.bool()),
            *(self._read(self.memory.logits(some, self.masked)) for some in self.chunks(visible)),
        ]
        return Verdicts(torch.cat([one.probability for one in found]), torch.cat([one.top for one in found]))

    def chunks(self, items: Iterable[T]) -> Iterator[list[T]]:
        """Consecutive lists of as many items, one for each set, as memory is meant for."""
        rest, size = iter(items), sets_held(self.masked.shape, self.masked.batch)
        while chunk := list(islice(rest, size)):
            yield chunk

    @property
    def label(self) -> str:
        """The target's name."""
        return self.masked.classifier.label(self.target)

    def said(self, visible: Bool[Tensor, "*space"]) -> Said:
        """What the model decides instead of the target when the set is visible."""
        outputs = self.masked.classifier.outputs
        scores = self.memory.logits([visible], self.masked)
        top = outputs.instead(scores[0], self.target)
        return Said(self.masked.classifier.label(top), float(outputs.readings(scores)[0, top]))

    @cached_property
    def full(self) -> Verdicts:
        """The verdict on the whole photograph, N = 1."""
        return self([torch.ones(self.masked.shape, dtype=torch.bool)])

    @cached_property
    def nothing(self) -> Verdicts:
        """The verdict where everything is hidden, N = 1."""
        return self([torch.zeros(self.masked.shape, dtype=torch.bool)])

    def fresh(self, masks: Bool[Tensor, "N *space"]) -> Verdicts:
        """Verdicts on sets that are evaluated together, in the batches that the model forms of them alone.

        What is remembered of each set is not looked up: only the same sets together are not evaluated again.
        """
        key = len(masks), digest(masks)
        if key not in self._together:
            self._together[key] = self.masked(masks)
        return self._read(self._together[key])

    @property
    def still(self) -> bool:
        """Whether all sets so far, one at least, kept the decision with the same reading, but for rounding."""
        return bool(self._always_holds) and bool(self._extent.still)

    def _read(self, scores: Float[Tensor, "N K"]) -> Verdicts:
        outputs = self.masked.classifier.outputs
        self._extent.add(Scores.of(self.masked.classifier, scores, [self.target], "probability"))
        holds = outputs.holds(scores, self.target)
        self._always_holds = self._always_holds is not False and bool(holds.all())
        return Verdicts(outputs.degree(scores, self.target), holds)
