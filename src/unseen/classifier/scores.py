"""What is asked of a class: its logit, or its probability."""

from __future__ import annotations

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from unseen.errors import ParameterError

Score = Literal["logit", "probability"]


SCORES: tuple[Score, ...] = ("logit", "probability")


def check_score(score: str) -> None:
    """Refuse a score that there is not.

    Raises:
        ParameterError: neither ``logit`` nor ``probability``.
    """
    if score not in SCORES:
        raise ParameterError(f"score {score!r} must be {' or '.join(map(repr, SCORES))}")


def score_of(logits: Float[Tensor, "N K"], score: Score) -> Float[Tensor, "N K"]:
    """What is asked of every class: the logits as they are, or their softmax."""
    return logits if score == "logit" else logits.softmax(1)
