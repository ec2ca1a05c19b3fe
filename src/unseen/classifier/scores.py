"""What is asked of a class: its logit, or its probability."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float
from torch import Tensor

from unseen.system.options import Meaning, check

Score = Annotated[Literal["logit", "probability"], Meaning("what is asked of a class")]


def score_of(logits: Float[Tensor, "N K"], score: Score) -> Float[Tensor, "N K"]:
    """What is asked of every class: the logits as they are, or their softmax.

    Raises:
        ParameterError: another score.
    """
    check("score", score, Score)
    return logits if score == "logit" else logits.softmax(1)
