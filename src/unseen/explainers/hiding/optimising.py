"""Masks that are found by descending: what the methods share that optimise a mask instead of sampling many.

The score of a class is measured on a scale of the photograph's own: 0 as with everything hidden, 1 as on the full
photograph. So the weights of an objective mean the same for every network, score and removal. Where the full photograph
has the lower score, it speaks against the class, and what is found is what does: its map is negative.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.adam import Adam, settled
from unseen.classifier.differentiation import differentiated
from unseen.classifier.scores import Score, Scores, target_score
from unseen.errors import NotApplicableError
from unseen.removal import MaskedClassifier
from unseen.removal.memory import recalled
from unseen.removal.slope import note_false_slope
from unseen.system.options import Count, Positive

Rounds = Annotated[int, Count("how many steps of Adam are taken")]
Rate = Annotated[float, Positive("the rate of learning")]

ENDS = 2
"""Evaluations: one for each end of the scale."""


@dataclass(frozen=True, eq=False)
class Optimised:
    """Numbers in [0, 1] that were found by descending.

    Attributes:
        numbers: shape ``(M, *grid)``, float32, on the CPU.
        levels: the score under the masks in the last round, shape (M,): 0 as with everything hidden, 1 as on the full
            photograph.
        settled: whether the objective fell little in the last tenth of the rounds.
    """

    numbers: Tensor
    levels: Tensor
    settled: bool


class Objective(NamedTuple):
    """What some masks descend on: what the level of their score is worth, and a penalty of the masks themselves.

    ``masks`` have shape ``(m, *space)``, 1 = visible, and ``penalty`` shape (m,); both are differentiable.
    """

    masks: Tensor
    penalty: Tensor
    loss: Callable[[Float[Tensor, " m"]], Float[Tensor, " m"]]


def check_soft(masked: MaskedClassifier, name: str, instead: str) -> None:
    """Refuse a removal that takes masks of 0 and 1 only, which have no gradient.

    Args:
        masked: whose removal it is.
        name: of the method that optimises masks.
        instead: another way, for the message.

    Raises:
        NotApplicableError: it is such a removal.
    """
    if not masked.removal.soft:
        raise NotApplicableError(
            f"{name} optimises soft masks, and removal {masked.removal.name!r} takes only 0 and 1; "
            f"choose a removal that blends, such as 'grey', or {instead}"
        )


def scale_of(masked: MaskedClassifier, target: int, score: Score, name: str) -> tuple[float, float] | None:
    """The score with everything hidden, and what the full photograph adds to it.

    Returns:
        What is added is negative where the photograph speaks against the class; ``None`` where the two are the same but
        for rounding, so that nothing can be asked of a mask.

    Raises:
        NotApplicableError: the removal takes masks of 0 and 1 only, which have no gradient.
    """
    check_soft(masked, name, "a method that samples, such as 'sobol'")
    note_false_slope(masked, target)
    ends = torch.stack([torch.zeros(masked.shape), torch.ones(masked.shape)])
    found = Scores.of(masked.classifier, recalled(masked, ends), [target], score)
    hidden, whole = found.values[:, 0].tolist()
    return None if bool(found.still) else (hidden, whole - hidden)


def descend(
    masked: MaskedClassifier,
    target: int,
    numbers: Tensor,
    objective: Callable[[Tensor, slice, int], Objective],
    *,
    scale: tuple[float, float],
    score: Score,
    rounds: int,
    rate: float,
) -> Optimised:
    """Adam on numbers that make masks; each step is followed by a clip to [0, 1].

    Args:
        masked: the classifier and its photograph.
        target: class index.
        numbers: to begin with, in [0, 1], shape (M, …), of M masks that are optimised side by side.
        objective: (numbers of some masks, which these are of all, round) → what these descend on.
        scale: see :func:`scale_of`.
        score: ``logit`` or ``probability``.
        rounds: steps.
        rate: of learning.
    """
    classifier = masked.classifier
    hidden, added = scale
    numbers, adam = numbers.clone(), Adam(numbers)
    levels = torch.zeros(len(numbers), dtype=torch.float64)
    history = []

    def evaluate(numbers: Tensor, step: int, first: int, last: int) -> tuple[Tensor, Tensor, Tensor]:
        some = numbers[first:last].to(classifier.device).requires_grad_()
        with classifier.frozen(), torch.enable_grad():
            masks, penalty, loss = objective(some, slice(first, last), step)
            logits = masked.forward(masked.pixels.expand(len(masks), *masked.pixels.shape[1:]), masks)
            asked = target_score(classifier.outputs, logits, target, score)
            level = (asked - hidden) / added
            losses = penalty.cpu() + loss(level)
            (slope,) = differentiated(classifier, losses.sum(), [some])
        return level.detach(), losses.detach(), slope.cpu()

    for step in range(rounds):
        parts = list(masked.in_batches(len(numbers), partial(evaluate, numbers, step)))
        levels, losses, slope = (torch.cat(piece) for piece in zip(*parts, strict=True))
        history.append(float(losses.mean()))
        numbers = (numbers - adam(slope, rate)).clamp(0, 1)
    return Optimised(numbers, levels, bool(settled(torch.tensor(history))))


UNSETTLED = "the mask has not settled: its objective was still falling in the last of {rounds} rounds; give more rounds"
