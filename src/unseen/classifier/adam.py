"""Adam, once, for all that descends on a loss and is no network; torch's own takes seconds to import."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8
_LATE, _LITTLE = 10, 0.05


class Adam:
    """The steps of Adam with the published decays of its moments, 0.9 and 0.999, and ε = 1e-8.

    Source: Kingma & Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015, algorithm 1.

    Args:
        like: what descends, of any shape; the moments have its dtype and device.

    Example:
        >>> from unseen.classifier.adam import Adam
        >>> place, adam = torch.tensor([3.0, -2.0]), Adam(torch.zeros(2))
        >>> for _ in range(200):
        ...     place = place - adam(2 * place, rate=0.1)  # the gradient of the squared length
        >>> bool(place.abs().max() < 0.01)
        True
    """

    def __init__(self, like: Float[Tensor, "*shape"]) -> None:
        self.number = 0
        self.mean, self.square = torch.zeros_like(like), torch.zeros_like(like)

    def __call__(
        self, gradient: Float[Tensor, "*some"], rate: float, rows: Tensor | slice = slice(None)
    ) -> Float[Tensor, "*some"]:
        """What is to be taken away from what descends.

        Args:
            gradient: of the loss; of ``rows`` only.
            rate: of the step, in the unit of what descends.
            rows: which rows take the step; the moments of the others stay.
        """
        self.number += 1
        mean = _FIRST * self.mean[rows] + (1 - _FIRST) * gradient
        square = _SECOND * self.square[rows] + (1 - _SECOND) * gradient.square()
        self.mean[rows], self.square[rows] = mean, square
        unbiased = mean / (1 - _FIRST**self.number), square / (1 - _SECOND**self.number)
        return rate * unbiased[0] / (unbiased[1].sqrt() + _TINY)


def settled(losses: Float[Tensor, "T ..."]) -> Bool[Tensor, "*N"]:
    """Whether the last tenth of two steps or more brought no more than a twentieth of the whole fall.

    Args:
        losses: of every step, in order; one step has not settled.

    Example:
        >>> from unseen.classifier.adam import settled
        >>> settled(torch.tensor([4.0, 2.0, 1.0, 1.0])), settled(torch.tensor([4.0, 3.0, 2.0, 1.0]))
        (tensor(True), tensor(False))
    """
    if len(losses) < 2:
        return torch.zeros_like(losses[0], dtype=torch.bool)
    least, before = losses.amin(0), losses[: -max(1, len(losses) // _LATE)].amin(0)
    return before - least <= _LITTLE * (losses[0] - least)
