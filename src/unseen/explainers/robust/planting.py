"""On which backgrounds does a part do what it says? The *unmodified* network judges; no removal takes part.

Source: Chanchal, Kelly & Chockler, *Activation-Deactivation*, 2025, Definitions 1 and 2.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.errors import NotApplicableError
from unseen.explainers.robust.contexts import Context, Contexts, kind_of
from unseen.inputs.space import CALLED
from unseen.removal import MaskedClassifier
from unseen.removal.memory import digest

_PATIENCE = 20
"""Contexts that are tried for each that is wanted, before a class is said to be that of all of them."""


def plant(
    image: Float[Tensor, "C *space"], part: Bool[Tensor, "*space"], context: Float[Tensor, "C *_"]
) -> Float[Tensor, "C *space"]:
    """The part's pixels on the context."""
    return torch.where(part, image, _spread(image, context))


@dataclass(frozen=True, eq=False)
class Planting:
    """A photograph, a decision, and the contexts on which its parts are planted.

    Args:
        masked: the photograph; its evaluations, memory and progress are shared, its removal is not used.
        target: index of the target whose decision is asked about.
        contexts: each of shape ``(C, *space)`` or (C, 1, …).
    """

    masked: MaskedClassifier
    target: int
    contexts: Sequence[Context]
    _known: dict[tuple[bytes, int], bool] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.contexts)

    def holds(self, pairs: Sequence[tuple[Tensor, int]]) -> Bool[Tensor, " N"]:
        """Whether the decision holds with each set, bool ``space``, planted on the context of a number.

        No set is planted twice on the same context.

        Raises:
            ModelError: see :meth:`MaskedClassifier.in_batches`.
        """
        keys = [(digest(part), number) for part, number in pairs]
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        asked = [*new.values()]

        def evaluate(first: int, last: int) -> Tensor:
            pictures = [plant(self.masked.image, part, self.contexts[number]) for part, number in asked[first:last]]
            return _holds(self.masked, torch.stack(pictures), self.target)

        held = itertools.chain.from_iterable(some.tolist() for some in self.masked.in_batches(len(asked), evaluate))
        self._known.update(zip(new, held, strict=True))
        return torch.tensor([self._known[key] for key in keys], dtype=torch.bool)

    def holds_everywhere(self, parts: Sequence[Tensor]) -> Bool[Tensor, "P C"]:
        """The same for each part on each context, in shared batches."""
        pairs = [(part, number) for part in parts for number in range(len(self))]
        return self.holds(pairs).reshape(len(parts), len(self))


def foreign(masked: MaskedClassifier, target: int, contexts: Contexts, photo: str, count: int) -> list[Context]:
    """At most ``count`` contexts of a photograph, in their order, of which the network does not decide for the target.

    Args:
        masked: the photograph.
        target: index of the target.
        contexts: where they come from.
        photo: see :meth:`Contexts.of`.
        count: how many are wanted.

    Raises:
        NotApplicableError: there is none; every one that was tried is of the class itself.
        PhotoError: no file can be one.
    """
    channels, decides = len(masked.image), masked.classifier.outputs
    source, found = contexts.of(photo, target, decides, channels), list[Context]()
    for _ in range(_PATIENCE):
        drawn = list(islice(source, count - len(found)))
        if not drawn or len(found) == count:
            break

        def evaluate(first: int, last: int, drawn: Sequence[Context] = drawn) -> Tensor:
            pictures = [_spread(masked.image, one) for one in drawn[first:last]]
            return _holds(masked, torch.stack(pictures), target)

        own = torch.cat([*masked.in_batches(len(drawn), evaluate)]).tolist()
        found += [one for one, is_own in zip(drawn, own, strict=True) if not is_own]
    if not found:
        label, kind = masked.classifier.label(target), kind_of(contexts, len(masked.shape))
        raise NotApplicableError(
            f"every background that was tried ({kind}) is {label} by itself, so that no part can make it so; "
            f"give a folder of {CALLED[len(masked.shape)]}s of other classes (contexts=FOLDER)"
        )
    return found


def _spread(image: Float[Tensor, "C *space"], context: Float[Tensor, "C *_"]) -> Float[Tensor, "C *space"]:
    """The context as large as the photograph; one colour everywhere."""
    if context.ndim != image.ndim:
        context = context.reshape(len(image), *[1] * (image.ndim - 1))
    return context.expand_as(image)


def _holds(masked: MaskedClassifier, pictures: Float[Tensor, "N C *space"], target: int) -> Bool[Tensor, " N"]:
    return masked.classifier.outputs.holds(masked.classifier.logits(pictures), target)
