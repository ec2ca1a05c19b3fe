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

from unseen.classifier.scores import Extent, Scores
from unseen.explanation.findings import Said
from unseen.removal import MaskedClassifier

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
        self._extent = Extent()
        self._always_holds: bool | None = None

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

    @property
    def label(self) -> str:
        """The target's name."""
        return self.masked.classifier.label(self.target)

    def said(self, visible: Bool[Tensor, "*space"]) -> Said:
        """What the model decides instead of the target when the set is visible, evaluated alone; one evaluation."""
        outputs = self.masked.classifier.outputs
        scores = self.masked(visible[None])
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
        """Verdicts straight from the model, in the batches that it forms, neither looked up nor remembered."""
        scores, outputs = self.masked(masks), self.masked.classifier.outputs
        self._extent.add(Scores.of(self.masked.classifier, scores, [self.target], "probability"))
        holds = outputs.holds(scores, self.target)
        self._always_holds = self._always_holds is not False and bool(holds.all())
        return Verdicts(outputs.degree(scores, self.target), holds)

    @property
    def still(self) -> bool:
        """Whether all sets so far, one at least, kept the decision with the same reading, but for rounding."""
        return bool(self._always_holds) and bool(self._extent.still)

    def _unseen(self, visible: Iterable[Tensor], keys: list[bytes]) -> Iterator[tuple[bytes, Tensor]]:
        queued: set[bytes] = set()
        for mask in visible:
            key = blake2b(np.packbits(mask.numpy()).tobytes(), digest_size=16).digest()
            keys.append(key)
            if key not in self._memory and key not in queued:
                queued.add(key)
                yield key, mask


def chunks(items: Iterable[T], size: int = 512) -> Iterator[list[T]]:
    """Consecutive lists of ``size`` items, the last one shorter."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
