"""What a picture needs to know of an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from unseen.explanation.findings import Curve, Part


@runtime_checkable
class Drawn(Protocol):
    """An explanation as pictures see it; see :class:`unseen.Explanation` for what each of these is."""

    @property
    def image(self) -> Tensor:
        """float32 in [0, 1], shape ``(C, *space)``."""

    @property
    def saliency(self) -> Tensor:
        """float32, shape ``space``."""

    @property
    def label(self) -> str:
        """The target's name."""

    @property
    def probability(self) -> float:
        """Of the target on the full photograph."""

    @property
    def unit(self) -> str | None:
        """Of a value; ``None`` for a probability."""

    @property
    def method(self) -> str:
        """Its spec."""

    @property
    def removal(self) -> str:
        """Its spec."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """In the order in which they were asked for."""

    @property
    def curve(self) -> Curve | None:
        """Insertion and deletion, if they were evaluated."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Plain sentences that the reader must know."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """How it was made."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """What the method recorded of the map itself, in words."""
