"""Findings that are independent of each other: each is present or absent, whatever the others are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log
from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid

from unseen.classifier.outputs.base import Key, Outputs
from unseen.errors import ModelError, ParameterError
from unseen.system.options import Share

Threshold = Annotated[float, Share("the probability from which on the answer is yes", ends="()")]
Thresholds = Annotated[
    float | tuple[float, ...],
    Share("the probability from which on a finding is present, for all findings or for each", ends="()"),
]


def log_odds(probability: float) -> float:
    """log(p / (1 − p))."""
    return log(probability) - log(1 - probability)


@dataclass(frozen=True)
class Sigmoid(Outputs):
    """One logit z per finding, of which the sigmoid is the probability that it is present.

    Of K findings there are 2 K targets: that each is present, with the score z, then that each is absent, with −z.

    Args:
        threshold: the probability from which on a finding is present, one for all or one per finding, in (0, 1).
        key: which entry of what the model returns holds its numbers.

    Example:
        >>> findings = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        >>> several = Classifier(findings, preprocessing, ["red", "green", "blue"], outputs="sigmoid:threshold=0.56")
        >>> several.labels
        ('red', 'green', 'blue', 'no red', 'no green', 'no blue')
        >>> several.outputs.holds(several.logits(photo[None]), 0), several.outputs.holds(several.logits(photo[None]), 1)
        (tensor([True]), tensor([False]))
    """

    threshold: Thresholds = 0.5
    key: Key = None

    @property
    def joint(self) -> bool:  # type: ignore[override]
        """They can."""
        return True

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N T"]:
        """Z of every finding, then −z of every finding.

        Raises:
            ModelError: they are not (N, K), or there are not as many thresholds.
        """
        logits = self._numbers(answer, count, name)
        if isinstance(self.threshold, tuple) and len(self.threshold) not in (1, logits.shape[1]):
            raise ModelError(
                f"{name} has {logits.shape[1]} findings but {len(self.threshold)} thresholds were given; give one for "
                "all, or one per finding"
            )
        return torch.cat([logits, -logits], 1)

    def logits(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N K"]:
        """The scores of presence."""
        return scores[:, : scores.shape[1] // 2]

    def numbers(self, targets: int) -> int:
        """One for a finding's presence and its absence."""
        return targets // 2

    def readings(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """The probability that each is present, then that each is absent."""
        return scores.sigmoid()

    def holds(self, scores: Float[Tensor, "N T"], target: int) -> Bool[Tensor, " N"]:
        """Where the finding is present, or absent, by its own threshold."""
        margin = self.margins(scores)[:, target]
        return margin >= 0 if target < scores.shape[1] // 2 else margin > 0

    def margins(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """How far each score is above its threshold, in log-odds."""
        given = self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)
        edges = scores.new_tensor([log_odds(one) for one in given]).expand(scores.shape[1] // 2)
        return scores - torch.cat([edges, -edges])

    def labels(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The findings' names, then each with "no " before it."""
        if names is not None and isinstance(self.threshold, tuple) and len(self.threshold) not in (1, len(names)):
            raise ParameterError(
                f"there are {len(names)} labels but {len(self.threshold)} thresholds; give one for all, or one per "
                "label"
            )
        return None if names is None else (*names, *(f"no {name}" for name in names))

    def unnamed(self, target: int, targets: int) -> str:
        """See :meth:`Outputs.unnamed`."""
        findings = targets // 2 or target + 1
        return f"finding {target}" if target < findings else f"no finding {target - findings}"

    def listed(self, targets: int) -> Sequence[int]:
        """The findings; what is absent is told by their probabilities."""
        return range(targets // 2)

    def top(self, scores: Float[Tensor, " T"]) -> int:
        """The most certain finding that is present; where none is, the absence of the one that comes nearest."""
        present, absent = self.margins(scores[None])[0].chunk(2)
        best = int(present.argmax())
        return best if float(present[best]) >= 0 else best + len(absent)

    def instead(self, scores: Float[Tensor, " T"], target: int) -> int:
        """The opposite of the finding: its absence, or its presence."""
        return (target + len(scores) // 2) % len(scores)

    def logs(self, scores: Float[Tensor, "N T"]) -> Float[Tensor, "N T"]:
        """See :meth:`Outputs.logs`."""
        return logsigmoid(scores)

    def others(self, scores: Float[Tensor, "N T"], column: Int[Tensor, "N 1"]) -> Float[Tensor, "N T"]:
        """Of the other findings."""
        opposite = (column + scores.shape[1] // 2) % scores.shape[1]
        logs = logsigmoid(scores.to(torch.promote_types(scores.dtype, torch.float32)))
        return logs.scatter(1, torch.cat([column, opposite], 1), -inf)

    def alternatives(self, targets: int) -> int:
        """Two: present or absent."""
        del targets
        return 2

    def mean(self, scores: Float[Tensor, "D N T"]) -> Float[Tensor, "N T"]:
        """Log-odds of the mean of the passes' probabilities."""
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        return logsigmoid(scores).logsumexp(0) - logsigmoid(-scores).logsumexp(0)
