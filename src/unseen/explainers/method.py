"""What a method of explanation is: the contract that every explainer keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from unseen.explanation import Findings
from unseen.removal import MaskedClassifier


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass whose fields are the method's parameters; calling it searches one photograph."""

    def __call__(
        self,
        masked: MaskedClassifier,
        target: int,
        *,
        confidence: Sequence[float] = (0.5,),
        seed: int = 0,
        parts: int = 1,
        contrastive: bool = False,
    ) -> Findings:
        """Explain why the model says class ``target`` of the photograph that ``masked`` shows it.

        Args:
            masked: masks (N, H, W) → logits (N, K).
            target: class index.
            confidence: thresholds γ in [0, 1]; a part is wanted for each.
            seed: of everything random.
            parts: how many disjoint parts are wanted per γ, at least 1.
            contrastive: whether hiding a part must also change the class.
        """
