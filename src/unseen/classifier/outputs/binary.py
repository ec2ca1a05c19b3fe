"""One number that tells two classes apart."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.outputs.base import Key
from unseen.classifier.outputs.logits import Exclusive
from unseen.classifier.outputs.sigmoid import Threshold, log_odds
from unseen.errors import ModelError, ParameterError


@dataclass(frozen=True)
class Binary(Exclusive):
    """One logit z, of which the sigmoid is the probability of the second of two classes.

    It is read as the two logits (−z/2, z/2), whose softmax is the same.

    Args:
        threshold: the probability of the second class from which on it is decided for, in (0, 1).
        key: which entry of what the model returns holds its number.

    Example:
        >>> from unseen.classifier.outputs import Binary
        >>> difference = torch.nn.Linear(3, 1, bias=False)
        >>> difference.weight.data = torch.tensor([[16.0, -16.0, 0.0]])
        >>> redness = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), difference)
        >>> Classifier(redness, preprocessing, ["not red", "red"], outputs=Binary()).logits(photo[None])
        tensor([[-0.5000,  0.5000]])
    """

    threshold: Threshold = 0.5
    key: Key = None

    def scores(self, answer: object, count: int, name: str) -> Float[Tensor, "N 2"]:
        """(−z/2, z/2).

        Raises:
            ModelError: there is not one number per image.
        """
        number = self._numbers(answer, count, name)
        if number.shape[1] != 1:
            raise ModelError(
                f"{name} has {number.shape[1]} outputs, and outputs='binary' means one for two classes; say 'logits' "
                "(classes that exclude each other) or 'sigmoid' (independent findings)"
            )
        return torch.cat([-number / 2, number / 2], 1)

    def logits(self, scores: Float[Tensor, "N 2"]) -> Float[Tensor, "N 1"]:
        """Z."""
        return scores[:, 1:] - scores[:, :1]

    def holds(self, scores: Float[Tensor, "N 2"], target: int) -> Bool[Tensor, " N"]:
        """Where the second class reaches its threshold, or does not."""
        second = scores[:, 1] - scores[:, 0] >= log_odds(self.threshold)
        return second if target == 1 else ~second

    def top(self, scores: Float[Tensor, " T"]) -> int:
        """The class that is decided for."""
        return int(self.holds(scores[None], 1))

    def labels(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The two names; one alone is that of the second class, and the first is called "no " and that.

        Raises:
            ParameterError: there are more than two.
        """
        if names is not None and len(names) not in (1, 2):
            raise ParameterError(
                f"outputs='binary' tells two classes apart, and {len(names)} labels were given; give two, "
                "or say outputs='logits' (classes that exclude each other) or 'sigmoid' (independent findings)"
            )
        return (f"no {names[0]}", names[0]) if names is not None and len(names) == 1 else names
