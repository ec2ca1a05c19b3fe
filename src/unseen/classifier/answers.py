"""What a network returned, and whether it is what a classifier returns: one finite logit per class and image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.errors import ModelError


def logits_of(output: object, count: int, name: str) -> Float[Tensor, "N K"]:
    """The logits in what a network returned for so many images.

    Args:
        output: a tensor, or an object with ``logits``, as the networks of transformers return.
        count: of images.
        name: of the network, for messages.

    Raises:
        ModelError: it holds no tensor of shape (N, K) with at least two classes.
    """
    logits = getattr(output, "logits", output)
    if not isinstance(logits, Tensor):
        raise ModelError(
            f"{name} returned {type(output).__name__}, not a tensor of logits; "
            "wrap it in a module that returns logits of shape (N, K)"
        )
    if logits.ndim != 2 or len(logits) != count:
        raise ModelError(
            f"{name} returned shape {tuple(logits.shape)} for {count} images; "
            f"a classifier returns logits of shape ({count}, K)"
        )
    if logits.shape[1] < 2:
        raise ModelError(
            f"{name} has a single output, which is always on top; wrap it so that it returns one logit per "
            "class (for a binary score z: 0 and z)"
        )
    return logits


def check_labels(logits: Float[Tensor, "N K"], labels: Sequence[str] | None, name: str) -> None:
    """Refuse labels that are not as many as the classes.

    Raises:
        ModelError: they are more or fewer.
    """
    if labels is not None and logits.shape[1] != len(labels):
        raise ModelError(
            f"{name} has {logits.shape[1]} outputs but {len(labels)} labels were given; "
            "pass one label per output, in the order of the logits"
        )


def check_finite(logits: Float[Tensor, "N K"], name: str) -> None:
    """Refuse logits that are NaN or infinite.

    Raises:
        ModelError: one of them is.
    """
    if not bool(torch.isfinite(logits).all()):
        raise ModelError(
            f"{name} returned NaN or infinite logits; check its weights and preprocessing "
            "(half precision often overflows: try float32)"
        )


def are_probabilities(logits: Float[Tensor, "N K"]) -> bool:
    """Whether every row is non-negative and sums to 1, up to rounding in half precision: softmax was taken already.

    Example:
        >>> are_probabilities(torch.tensor([[0.2, 0.8]])), are_probabilities(torch.tensor([[-1.0, 2.0]]))
        (True, False)
    """
    rows = logits.detach().double()
    return bool((rows >= 0).all()) and bool(((rows.sum(1) - 1).abs() < 1e-2).all())
