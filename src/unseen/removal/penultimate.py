"""A classifier's own features: what its head receives, of photographs and of photographs under masks.

The head is the linear layer whose output is the logits, or whatever else scores are made of; its input, one vector a
photograph, is what the literature calls penultimate features. It is found while the network runs, by watching the
functions that it calls, so that it need not be a module of any name, and so that it is the same for a removal that
paints and for one that follows the pass through the network: there it is what the head receives under the mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from unseen.classifier import Classifier
from unseen.classifier.black_box import refuse_black_box
from unseen.errors import NotApplicableError
from unseen.removal import MaskedClassifier

ANSWERS_INSTEAD = "judge by what only asks for answers, such as the metric 'deletion'"


def photograph_features(
    classifier: Classifier, pixels: Float[Tensor, "N C *space"], remedy: str = ANSWERS_INSTEAD
) -> Float[Tensor, "N F"]:
    """What the head receives of photographs with nothing hidden, float32 on the CPU; one pass, no batching.

    Args:
        classifier: whose head it is.
        pixels: of the photographs, in [0, 1].
        remedy: what to do where there are no such features, for the message.

    Raises:
        NotApplicableError: the logits are not the output of a linear layer.
    """
    return _head_inputs(classifier, lambda: classifier.forward(pixels), "the network", remedy)


def masked_features(
    masked: MaskedClassifier,
    masks: Float[Tensor, "N *space"] | Bool[Tensor, "N *space"],
    remedy: str = ANSWERS_INSTEAD,
) -> Float[Tensor, "N C"]:
    """What the head receives of a photograph under each mask, float32 on the CPU; counted as evaluations.

    Args:
        masked: the classifier and its photograph.
        masks: 1 where it is visible.
        remedy: as of :func:`photograph_features`.

    Raises:
        ParameterError: masks that are refused by :meth:`MaskedClassifier.check_masks`.
        NotApplicableError: the logits are not the output of a linear layer, as where a removal averages scores.
    """
    masked.check_masks(masks)

    def evaluate(first: int, last: int) -> Tensor:
        some = masks[first:last].to(masked.classifier.device, torch.float32)
        pixels = masked.pixels.expand(len(some), *masked.pixels.shape[1:])
        who = f"removal {masked.removal.name!r}"
        return _head_inputs(masked.classifier, lambda: masked.forward(pixels, some), who, remedy)

    return torch.cat(list(masked.in_batches(len(masks), evaluate)))


class _Watch(TorchFunctionMode):
    """Keeps input and output of the last linear layer that runs inside."""

    def __init__(self) -> None:
        super().__init__()
        self.last: tuple[Tensor, Tensor] | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        output = func(*args, **given)
        if func is F.linear:
            self.last = (args[0] if args else given["input"], output)
        return output


@torch.no_grad()
def _head_inputs(classifier: Classifier, passed: Callable[[], Tensor], who: str, remedy: str) -> Tensor:
    with _Watch() as watch:
        numbers = classifier.outputs.returned(passed())
    if watch.last is not None and numbers is not None:
        entered, left = watch.last
        if entered.ndim == 2 and left.shape == numbers.shape and torch.equal(left.to(numbers), numbers):
            found: Tensor = entered.float().cpu()
            return found
    refuse_black_box(classifier.model, classifier.name, "a comparison of features", remedy)
    raise NotApplicableError(
        f"{classifier.name} has no penultimate features under {who}: the logits are not the output of a linear layer "
        "that takes one vector a photograph (does it average several passes, or end in a convolution?); "
        f"{remedy}"
    )
