"""Outputs that read their scores as others do."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier.answers import numbers_of
from unseen.classifier.outputs.base import Outputs


class Derived(Outputs):
    """What is told and decided by scores is what :attr:`like` says of them."""

    @property
    @abstractmethod
    def like(self) -> Outputs:
        """Outputs whose scores mean the same."""

    @property
    def unit(self) -> str | None:  # type: ignore[override]
        """See :attr:`Outputs.unit`."""
        return self.like.unit

    @property
    def linear(self) -> bool:  # type: ignore[override]
        """See :attr:`Outputs.linear`."""
        return self.like.linear

    @property
    def joint(self) -> bool:  # type: ignore[override]
        """See :attr:`Outputs.joint`."""
        return self.like.joint

    @property
    def relative(self) -> bool:  # type: ignore[override]
        """See :attr:`Outputs.relative`."""
        return self.like.relative

    def numbers(self, targets: int) -> int:
        """See :meth:`Outputs.numbers`."""
        return self.like.numbers(targets)

    def magnitudes(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, " T"]:
        """See :meth:`Outputs.magnitudes`."""
        return self.like.magnitudes(scores)

    def returned(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N K"] | None:
        """See :meth:`Outputs.returned`."""
        return self.like.returned(scores)

    def readings(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.readings`."""
        return self.like.readings(scores)

    def holds(self, scores: Float[Tensor, "N T"], target: int) -> Bool[Tensor, " N"]:
        """See :meth:`Outputs.holds`."""
        return self.like.holds(scores, target)

    def margins(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.margins`."""
        return self.like.margins(scores)

    def degree(self, scores: Float[Tensor, "N T"], target: int) -> Float[Tensor, " N"]:
        """See :meth:`Outputs.degree`."""
        return self.like.degree(scores, target)

    def labels(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """See :meth:`Outputs.labels`."""
        return self.like.labels(names)

    def unnamed(self, target: int, targets: int) -> str:
        """See :meth:`Outputs.unnamed`."""
        return self.like.unnamed(target, targets)

    def listed(self, targets: int) -> Sequence[int]:
        """See :meth:`Outputs.listed`."""
        return self.like.listed(targets)

    def top(self, scores: Float[Tensor, " T"]) -> int:
        """See :meth:`Outputs.top`."""
        return self.like.top(scores)

    def instead(self, scores: Float[Tensor, " T"], target: int) -> int:
        """See :meth:`Outputs.instead`."""
        return self.like.instead(scores, target)

    def logs(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.logs`."""
        return self.like.logs(scores)

    def others(self, scores: Float[Tensor, "N T"], column: Int[Tensor, "N 1"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.others`."""
        return self.like.others(scores, column)

    def alternatives(self, targets: int) -> int:
        """See :meth:`Outputs.alternatives`."""
        return self.like.alternatives(targets)

    def mean(self, scores: Float[Tensor, "D N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.mean`."""
        return self.like.mean(scores)


@dataclass(frozen=True)
class Scored(Derived):
    """Of a module that returns scores already, as one does that asks another classifier.

    Args:
        of: the outputs whose scores they are.
    """

    of: Outputs

    @property
    def like(self) -> Outputs:
        """See :class:`Scored`."""
        return self.of

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N T"]:
        """The answer as it is."""
        return numbers_of(answer, count, name)

    def bound(self, full: Float[Tensor, " T"]) -> Outputs:
        """See :meth:`Outputs.bound`."""
        return Scored(self.of.bound(full)) if self.relative else self
