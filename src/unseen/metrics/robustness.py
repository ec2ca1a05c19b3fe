"""ρ-robustness: in how many other contexts does a part still make the network name its class, and how surely?

Source: Chanchal, Kelly & Chockler, *Activation-Deactivation*, Definition 2, sections 5.1 and 5.2, and Appendix F. The
part's pixels are painted onto each context, and the *unmodified* network judges: how the part was found does not matter
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.explainers.robust.contexts import Context
from unseen.explainers.robust.planting import plant


@dataclass(frozen=True, eq=False)
class Planted:
    """What the network says of parts on contexts.

    Attributes:
        hits: on how many contexts each part does what it says, shape (P,).
        confidence: how far the decision for the class goes, as a rule its probability, summed over the contexts,
            float64, shape (P,).
        contexts: how many there were; ``hits`` over it is ρ.
    """

    hits: Int[Tensor, " P"]
    confidence: Float[Tensor, " P"]
    contexts: int


def robustness(
    classifier: Classifier,
    image: Float[Tensor, "C *space"],
    parts: Bool[Tensor, "P *space"],
    contexts: Iterable[Context],
    target: int,
    *,
    necessary: bool = False,
    batch_size: int = 16,
) -> Planted:
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
    """
    hits, confidence = torch.zeros(len(parts), dtype=torch.long), torch.zeros(len(parts), dtype=torch.float64)
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
        scores = classifier.logits(torch.stack(planted))
        named = classifier.outputs.holds(scores, target)
        hits.index_add_(0, torch.tensor(indices), (~named if necessary else named).long())
        confidence.index_add_(0, torch.tensor(indices), classifier.outputs.degree(scores, target).double())
    return Planted(hits, confidence, used)
