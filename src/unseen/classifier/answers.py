"""What a model returned: where its numbers lie, and whether they are finite and as many as the labels."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.errors import ModelError


def numbers_of(answer: object, count: int, name: str, key: str | int | None = None) -> Float[Tensor, "N K"]:
    """The numbers in what a model returned for so many images, at least one for each.

    Args:
        answer: a tensor, an object with ``logits``, as the networks of transformers return, or what ``key`` leads into.
        count: of images.
        name: of the model, for messages.
        key: of a dictionary, index of a tuple or list, or name of an attribute.

    Raises:
        ModelError: it holds no tensor of shape (N, K).
    """
    numbers = entry_of(answer, name, key)
    if not isinstance(numbers, Tensor):
        raise ModelError(f"{name} returned {type(numbers).__name__}, not a tensor of logits; {_remedy(numbers)}")
    if numbers.ndim != 2 or len(numbers) != count or not numbers.shape[1]:
        raise ModelError(
            f"{name} returned shape {tuple(numbers.shape)} for {count} images; a classifier returns logits of shape "
            f"({count}, K): wrap it in a module that does, such as by flatten(1)"
        )
    return numbers


def entry_of(answer: object, name: str, key: str | int | None = None) -> object:
    """What the key leads to in what a model returned; without one its ``logits`` if it has any, or itself.

    Raises:
        ModelError: there is no such entry.
    """
    if key is None:
        return getattr(answer, "logits", answer)
    entries = _entries(answer)
    for found in (key, str(key)):
        if found in entries:
            return entries[found]
    if isinstance(key, str) and hasattr(answer, key):
        return getattr(answer, key)
    has = f"; it has {', '.join(map(str, entries))}" if entries else "; leave the key out"
    raise ModelError(f"{name} returned {type(answer).__name__} without an entry {key!r}{has}")


def _entries(answer: object) -> Mapping[object, object]:
    """Of a dictionary by key, of a tuple or list by place."""
    if isinstance(answer, Mapping):
        return answer
    return {str(place): one for place, one in enumerate(answer)} if isinstance(answer, (tuple, list)) else {}


def _remedy(answer: object) -> str:
    wrap = "wrap it in a module that returns logits of shape (N, K)"
    tensors = [key for key, value in _entries(answer).items() if isinstance(value, Tensor)]
    return f"say which of its entries they are, as in outputs='logits:key={tensors[0]}', or {wrap}" if tensors else wrap


def check_labels(outputs: int, labels: int, name: str) -> None:
    """Refuse labels that are not as many as the outputs.

    Raises:
        ModelError: they are more or fewer.
    """
    if outputs != labels:
        raise ModelError(
            f"{name} has {outputs} outputs but {labels} labels were given; "
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
        >>> from unseen.classifier.answers import are_probabilities
        >>> are_probabilities(torch.tensor([[0.2, 0.8]])), are_probabilities(torch.tensor([[-1.0, 2.0]]))
        (True, False)
    """
    rows = logits.detach().double()
    return bool((rows >= 0).all()) and bool(((rows.sum(1) - 1).abs() < 1e-2).all())
