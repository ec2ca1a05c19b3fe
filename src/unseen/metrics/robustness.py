"""ρ-robustness: in how many other contexts does a part still make the network name its class?

Source: Chanchal, Kelly & Chockler, *Activation-Deactivation*, Definition 2 and sections 5.1 and 5.2. The part's pixels
are painted onto each context, and the *unmodified* network judges: how the part was found does not matter here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.explainers.robust.contexts import Context
from unseen.explainers.robust.planting import plant


def robustness(
    classifier: Classifier,
    image: Float[Tensor, "C *space"],
    parts: Bool[Tensor, "P *space"],
    contexts: Iterable[Context],
    target: int,
    *,
    necessary: bool = False,
    batch_size: int = 16,
) -> tuple[Int[Tensor, " P"], int]:
    """On how many contexts each part does what it says: it makes the network name ``target``.

    Of a necessary part the context is planted in its place, and the network is to name ``target`` no more.

    Args:
        classifier: the unmodified network.
        image: the photograph that the parts are taken from, in [0, 1].
        parts: their pixels.
        contexts: see :class:`Contexts`; finite.
        target: class index.
        necessary: whether the parts are necessary ones.
        batch_size: pictures a pass; passes are filled across parts and contexts.

    Returns:
        Hits per part, and the number of contexts; ρ is their ratio.
    """
    hits = torch.zeros(len(parts), dtype=torch.long)
    used = 0

    def pictures() -> Iterator[tuple[int, Tensor]]:
        nonlocal used
        for context in contexts:
            used += 1
            for index, part in enumerate(parts):
                yield index, plant(image, ~part if necessary else part, context)

    waiting = pictures()
    while batch := list(islice(waiting, batch_size)):
        indices, planted = zip(*batch, strict=True)
        named = classifier.outputs.holds(classifier.logits(torch.stack(planted)), target)
        hits.index_add_(0, torch.tensor(indices), (~named if necessary else named).long())
    return hits, used
