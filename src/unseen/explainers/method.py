"""What a method of explanation is: the contract that every explainer keeps.

Whoever derives from :class:`Method` has the answers that a method most often gives; a class of another family keeps the
contract if it gives them itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from unseen.classifier.scores import Score
from unseen.explanation import Findings
from unseen.explanation.roles import Asked
from unseen.inputs.space import ANY
from unseen.removal import MaskedClassifier

CHANCES = 16
"""Sets of the same size and shape that a part is compared with, by default."""


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass whose fields are the method's parameters; calling it searches one photograph.

    Attributes:
        uses_removal: whether the map depends on the removal; parts and curves always do.
        inside: whether it needs more of the network than its answers: layers that it can follow, or gradients.
        score: what it asks of the class, and so what its map is in units of.
        baseline: the name of the image that it compares the photograph with; ``None`` if there is none.
        axes: along how many axes an input may extend for which it has a rule: 1 a signal, 2 an image, 3 a volume.
    """

    uses_removal: ClassVar[bool] = True
    inside: bool = True
    score: Score = "logit"
    baseline: str | None = None
    axes: tuple[int, ...] = ANY

    @property
    def content(self) -> str:
        """A digest of what the files hold that the method reads; empty where it reads none."""
        return ""

    def __call__(
        self,
        masked: MaskedClassifier,
        target: int,
        *,
        confidence: Sequence[float] = (0.5,),
        seed: int = 0,
        parts: int = 1,
        part: Sequence[Asked] = ("sufficient",),
        chance: int = CHANCES,
    ) -> Findings:
        """Explain why the model says class ``target`` of the photograph that ``masked`` shows it.

        Args:
            masked: masks ``(N, *space)`` → logits (N, K).
            target: class index.
            confidence: thresholds γ in [0, 1]; a part is wanted for each.
            seed: random seed.
            parts: how many disjoint parts are wanted per role and γ, at least 1.
            part: the roles of the wanted parts; see :class:`unseen.Part`.
            chance: how many sets of the same size and shape each part is compared with, at least 0.
        """
