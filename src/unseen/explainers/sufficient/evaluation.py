"""What the model says of visible sets, for one class; no set is evaluated twice.

A *visible set* is a bool mask ``space``: its pixels are shown to the model, all others are hidden by the removal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.rounding import ROUNDING
from unseen.classifier.scores import Scores
from unseen.removal import MaskedClassifier

_COMPANY = 8

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

    def reach(self, floor: float) -> Bool[Tensor, " N"]:
        """Where the target is on top with a probability of at least ``floor``, short of it by no more than rounding.

        The floor was itself evaluated in some batch, and the set is in several: see :data:`ROUNDING`.
        """
        return self.top & (self.probability >= floor * (1 - ROUNDING))


Evaluate = Callable[[Iterable[Tensor]], Verdicts]
"""Visible sets, each bool ``space`` → a verdict on each; usually an :class:`Evaluator`."""


class Evaluator:
    """A masked classifier reduced to verdicts on one class, with a memory.

    Sets are taken one by one, so that a caller can describe thousands of them without holding them; those that are
    new go to the model in chunks that are a multiple of its batch.

    Args:
        masked: the classifier and its photograph.
        target: class index.
    """

    def __init__(self, masked: MaskedClassifier, target: int) -> None:
        self.masked = masked
        self.target = target
        self._memory: dict[bytes, tuple[float, bool]] = {}
        self._ends: list[Scores] = []
        self._always_holds = True

    def __call__(self, visible: Iterable[Bool[Tensor, "*space"]]) -> Verdicts:
        """The verdict on each set, in order."""
        keys: list[bytes] = []
        for chunk in chunks(self._unseen(visible, keys)):
            names, masks = zip(*chunk, strict=True)
            found = self.fresh(torch.stack(masks))
            values = zip(found.probability.tolist(), found.top.tolist(), strict=True)
            self._memory.update(zip(names, values, strict=True))
        known = [self._memory[key] for key in keys]
        return Verdicts(
            torch.tensor([probability for probability, _ in known], dtype=torch.float32),
            torch.tensor([top for _, top in known], dtype=torch.bool),
        )

    @cached_property
    def full(self) -> Verdicts:
        """The verdict on the whole photograph, N = 1."""
        return self([torch.ones(self.masked.shape, dtype=torch.bool)])

    def fresh(self, masks: Bool[Tensor, "N *space"]) -> Verdicts:
        """Verdicts straight from the model, in the batches that it forms, neither looked up nor remembered."""
        scores, outputs = self.masked(masks), self.masked.classifier.outputs
        told = Scores.of(self.masked.classifier, scores, [self.target], "probability")
        self._ends = [Scores.joined([*self._ends, told]).ends]
        holds = outputs.holds(scores, self.target)
        self._always_holds &= bool(holds.all())
        return Verdicts(outputs.degree(scores, self.target), holds)

    @property
    def still(self) -> bool:
        """Whether all sets so far, one at least, kept the decision with the same reading, but for rounding."""
        return bool(self._ends) and self._always_holds and bool(Scores.joined(self._ends).still)

    def _unseen(self, visible: Iterable[Tensor], keys: list[bytes]) -> Iterator[tuple[bytes, Tensor]]:
        queued: set[bytes] = set()
        for mask in visible:
            key = blake2b(np.packbits(mask.numpy()).tobytes(), digest_size=16).digest()
            keys.append(key)
            if key not in self._memory and key not in queued:
                queued.add(key)
                yield key, mask


@dataclass(frozen=True, eq=False)
class SetVerdicts:
    """Whether each visible set is what was asked for, and how clearly.

    Attributes:
        passes: shape (N,).
        confidence: the reading of the target with only the set visible, shape (N,).
    """

    passes: Bool[Tensor, " N"]
    confidence: Float[Tensor, " N"]


Test = Callable[[Iterable[Tensor]], SetVerdicts]
"""Visible sets, each bool ``space`` → a trial of each; usually a :class:`SufficiencyCriterion`."""


@dataclass(frozen=True)
class SufficiencyCriterion:
    """What is asked of a visible set.

    Args:
        evaluator: verdicts on one class.
        floor: visible alone, the set keeps the target on top with at least this probability.
        contrastive: hiding the set from the photograph takes the target off the top.
    """

    evaluator: Evaluator
    floor: float
    contrastive: bool = False

    def __call__(self, visible: Iterable[Bool[Tensor, "*space"]]) -> SetVerdicts:
        """A trial of each set; the hidden side is evaluated only where the visible side passes."""
        trials = [SetVerdicts(torch.zeros(0, dtype=torch.bool), torch.zeros(0, dtype=torch.float32))]
        for chunk in chunks(visible):
            shown = self.evaluator(chunk)
            passes = shown.reach(self.floor)
            if self.contrastive:
                candidates = passes.nonzero().flatten()
                passes[candidates] = ~self.evaluator(~chunk[index] for index in candidates.tolist()).top
            trials.append(SetVerdicts(passes, shown.probability))
        return SetVerdicts(torch.cat([t.passes for t in trials]), torch.cat([t.confidence for t in trials]))

    def verify(self, visible: Bool[Tensor, "*space"]) -> SetVerdicts:
        """One trial from fresh evaluations: passes only if it does alone *and* in a batch; confidence alone.

        Its company in the batch is its complement and shifted copies of it. A model that takes one set at a time
        (``batch`` 1) has no batch to try: there the set is evaluated alone only.
        """
        fresh = self.evaluator.fresh
        shifts = (visible.roll(visible.shape[-1] * i // _COMPANY, dims=-1) for i in range(2, _COMPANY))
        company = torch.stack([visible, ~visible, *shifts])[: self.evaluator.masked.batch]
        shown = fresh(visible[None])
        passing = bool(shown.reach(self.floor))
        if self.contrastive:
            passing &= not bool(fresh(~visible[None]).top)
        if len(company) > 1:
            together = fresh(company)
            passing &= bool(together.reach(self.floor)[0]) and not (self.contrastive and bool(together.top[1]))
        return SetVerdicts(torch.tensor([passing]), shown.probability)


def chunks(items: Iterable[T], size: int = 512) -> Iterator[list[T]]:
    """Consecutive lists of ``size`` items, the last one shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
