"""What is asked of a target: its score, or what people are told of it."""

from __future__ import annotations

from typing import Annotated, Literal

from jaxtyping import Float
from torch import Tensor

from unseen.classifier.outputs.base import Outputs
from unseen.system.options import Meaning, check

Score = Annotated[Literal["logit", "probability"], Meaning("what is asked of a class")]


def score_of(outputs: Outputs, scores: Float[Tensor, "N T"], score: Score) -> Float[Tensor, "N T"]:
    """What is asked of every target: the scores as they are, or the readings.

    Args:
        outputs: what the scores mean.
        scores: the classifier's.
        score: ``logit`` or ``probability``; a value is both.

    Raises:
        ParameterError: another score.
    """
    check("score", score, Score)
    return scores if score == "logit" else outputs.readings(scores)
