"""Several findings as one target, which holds where all of them do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier.answers import Step
from unseen.classifier.outputs.base import Outputs
from unseen.classifier.outputs.derived import Derived
from unseen.errors import NotApplicableError


@dataclass(frozen=True)
class Together(Derived):
    """Outputs with one more target behind those of others: several of these at once.

    Its score is the smallest of their margins above their thresholds, in log-odds, so that it is above 0 where all of
    them hold; its reading is the smallest of their probabilities.

    Args:
        of: the other outputs, of findings.
        members: the targets that are asked at once.

    Raises:
        NotApplicableError: the others are no findings.
    """

    of: Outputs
    members: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.of.joint:
            raise NotApplicableError(
                f"several targets at once are several findings, and outputs are {type(self.of).__name__}; name one "
                "target, or say outputs='sigmoid' if the labels are independent"
            )

    @property
    def like(self) -> Outputs:
        """See :class:`Together`."""
        return self.of

    @property
    def key(self) -> Step | tuple[Step, ...] | None:  # type: ignore[override]
        """See :class:`Outputs`."""
        return self.of.key

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N T"]:
        """Those of the others, then the smallest margin.

        Raises:
            ModelError: see the others.
        """
        return self._with(self.of.scores(answer, count, name))

    def sums(self, answer: object, name: str) -> bool:
        """See :meth:`Outputs.sums`."""
        return self.of.sums(answer, name)

    def numbers(self, targets: int) -> int:
        """Those of the others."""
        return self.of.numbers(targets - 1)

    def watching(self) -> AbstractContextManager[object]:
        """See :meth:`Outputs.watching`."""
        return self.of.watching()

    def logits(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N K"] | None:
        """See :meth:`Outputs.logits`."""
        return self.of.logits(scores[:, :-1])

    def returned(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N K"] | None:
        """See :meth:`Outputs.returned`."""
        return self.of.returned(scores[:, :-1])

    def readings(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """Those of the others, then the smallest of the members'."""
        readings = self.of.readings(scores[:, :-1])
        return torch.cat([readings, readings[:, list(self.members)].amin(1, keepdim=True)], 1)

    def holds(self, scores: Float[Tensor, "N T"], target: int) -> Bool[Tensor, " N"]:
        """Where all members do; see the others for their own targets."""
        own = scores[:, :-1]
        if target < own.shape[1]:
            return self.of.holds(own, target)
        return torch.stack([self.of.holds(own, member) for member in self.members]).all(0)

    def degree(self, scores: Float[Tensor, "N T"], target: int) -> Float[Tensor, " N"]:
        """The reading."""
        return self.readings(scores)[:, target]

    def margins(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """Those of the others, then the score."""
        return torch.cat([self.of.margins(scores[:, :-1]), scores[:, -1:]], 1)

    def labels(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Those of the others, then the members' with a plus between them."""
        own = self.of.labels(names)
        return None if own is None else (*own, " + ".join(own[member] for member in self.members))

    def unnamed(self, target: int, targets: int) -> str:
        """See :meth:`Outputs.unnamed`."""
        own = max(targets - 1, 0)
        if target < own or not own:
            return self.of.unnamed(target, own)
        return " + ".join(self.of.unnamed(member, own) for member in self.members)

    def listed(self, targets: int) -> Sequence[int]:
        """Those of the others."""
        return self.of.listed(targets - 1)

    def top(self, scores: Float[Tensor, " T"]) -> int:
        """That of the others."""
        return self.of.top(scores[:-1])

    def instead(self, scores: Float[Tensor, " T"], target: int) -> int:
        """The opposite of the member that is furthest from holding; see the others for their own targets."""
        own = scores[:-1]
        if target == len(own):
            margins = self.of.margins(own[None])[0]
            target = min(self.members, key=lambda member: float(margins[member]))
        return self.of.instead(own, target)

    def bound(self, full: Float[Tensor, " T"]) -> Outputs:
        """See :meth:`Outputs.bound`."""
        return Together(self.of.bound(full[:-1]), self.members) if self.relative else self

    def logs(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N t"]:
        """Of the others alone, for what is asked of several follows from them."""
        return self.of.logs(scores[:, :-1])

    def others(self, scores: Float[Tensor, "N T"], column: Int[Tensor, "N 1"]) -> Float[Tensor, "N t"]:
        """See :meth:`Outputs.others`; of one finding alone.

        Raises:
            NotApplicableError: of several.
        """
        if bool((column >= scores.shape[1] - 1).any()):
            raise NotApplicableError("what is known of several findings cannot be taken away alone; name one target")
        return self.of.others(scores[:, :-1], column)

    def mean(self, scores: Float[Tensor, "D N T"]) -> Float[Tensor, "N T"]:
        """Those of the others, then the smallest margin."""
        return self._with(self.of.mean(scores[..., :-1]))

    def _with(self, scores: Float[Tensor, "N t"]) -> Float[Tensor, "N T"]:
        margins = self.of.margins(scores)[:, list(self.members)]
        return torch.cat([scores, margins.amin(1, keepdim=True)], 1)
