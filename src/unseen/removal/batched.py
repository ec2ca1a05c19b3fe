"""Many photographs under many masks: what is asked of them in one go fills the batches of one classifier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from unseen.removal.masked import MaskedClassifier
from unseen.removal.memory import digest


def evaluate_batched(requests: Sequence[tuple[MaskedClassifier, Tensor]]) -> list[Tensor]:
    """Logits of each request's masks, shape (N, K); no mask of a photograph is evaluated twice.

    Requests on one photograph share what they ask in common. Those with the same classifier and removal fill their
    batches together, where the removal's pass takes any photographs (:attr:`Removal.shared`). An evaluation is counted
    on the masked classifier that asked first.

    Args:
        requests: masked classifiers, each with masks of shape ``(N, *space)``; N may be 0.

    Raises:
        ParameterError: masks that a masked classifier refuses.
        ModelError: see :class:`MaskedClassifier`.
    """
    new: dict[Hashable, dict[Hashable, tuple[MaskedClassifier, Tensor]]] = defaultdict(dict)
    keys: list[list[Hashable]] = []
    for masked, masks in requests:
        masked.check_masks(masks)
        pass_of = (id(masked.classifier), masked.removal, masked.shape)
        photo = (*pass_of, digest(masked.image))
        group = pass_of if masked.removal.shared else photo
        keys.append([(photo, digest(mask)) for mask in masks])
        for key, mask in zip(keys[-1], masks, strict=True):
            new[group].setdefault(key, (masked, mask))
    known: dict[Hashable, Tensor] = {}
    for group_of in new.values():
        known.update(zip(group_of, _evaluated(list(group_of.values())), strict=True))
    return [
        torch.stack([known[key] for key in wanted]) if wanted else torch.zeros(0, 0, dtype=torch.float32)
        for wanted in keys
    ]


@torch.no_grad()
def _evaluated(queue: Sequence[tuple[MaskedClassifier, Tensor]]) -> Tensor:
    """Logits (N, K) of each mask, in the batches of the first masked classifier; counted where they belong."""
    first = queue[0][0]

    def evaluate(start: int, stop: int) -> Tensor:
        some = queue[start:stop]
        masks = torch.stack([mask.float() for _, mask in some]).to(first.classifier.device)
        alone = all(masked is some[0][0] for masked, _ in some)  # then its photograph is not copied
        pixels = torch.cat([masked.pixels for masked, _ in (some[:1] if alone else some)])
        pixels = pixels.expand(len(some), *pixels.shape[1:])
        return first.forward(pixels, masks).float().cpu()

    logits = torch.cat(list(first.in_batches(len(queue), evaluate)))
    first.evaluations -= len(queue)
    for masked, _ in queue:
        masked.evaluations += 1
    return logits
