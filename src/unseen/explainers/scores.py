"""What perturbation methods ask of a masked classifier: a number for each mask, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from jaxtyping import Float
from torch import Tensor

from unseen.classifier.scores import Score, Scores
from unseen.removal import MaskedClassifier
from unseen.removal.memory import recalled


def scored(
    masked: MaskedClassifier,
    masks: Callable[[int, int], Float[Tensor, "N *space"]],
    count: int,
    targets: Sequence[int],
    score: Score,
) -> Iterator[tuple[Float[Tensor, "N *space"], Scores]]:
    """Masks with the scores of the classes under them, a chunk at a time: memory does not grow with their number.

    Args:
        masked: masks → logits.
        masks: the masks from one number up to another.
        count: how many there are.
        targets: class indices.
        score: the logit, or the probability.
    """
    start = 0
    while start < count:
        some = masks(start, min(count, start + masked.batch))
        yield some, Scores.of(masked.classifier, recalled(masked, some), targets, score)
        start += len(some)
