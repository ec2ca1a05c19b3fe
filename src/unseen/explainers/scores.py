"""What perturbation methods ask of a masked classifier: a number for each mask, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.rounding import ROUNDING
from unseen.classifier.scores import Score, score_of
from unseen.removal import MaskedClassifier


def still(scores: Float[Tensor, "N ..."]) -> Bool[Tensor, ...]:
    """Whether scores are all the same but for rounding, so that whatever is computed from their differences is noise.

    Args:
        scores: of the same class under different masks, or the least and the greatest of them alone.
    """
    low, high = scores.amin(0), scores.amax(0)
    return high - low <= ROUNDING * torch.maximum(low.abs(), high.abs())


def scored(
    masked: MaskedClassifier,
    masks: Callable[[int, int], Float[Tensor, "N H W"]],
    count: int,
    targets: Sequence[int],
    score: Score,
) -> Iterator[tuple[Float[Tensor, "N H W"], Float[Tensor, "N T"]]]:
    """Masks with the scores of the classes under them, a chunk at a time: memory does not grow with their number.

    Args:
        masked: masks → logits.
        masks: the masks from one number up to another.
        count: how many there are.
        targets: class indices.
        score: the logit, or the probability in float32.
    """
    start = 0
    while start < count:
        some = masks(start, min(count, start + masked.batch))
        yield some, score_of(masked.classifier.outputs, masked(some), score)[:, torch.as_tensor(list(targets))]
        start += len(some)
