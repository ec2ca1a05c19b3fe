"""What a model returned: where its numbers lie, and whether they are finite and as many as the labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.errors import ModelError
from unseen.system.arguments import type_of
from unseen.system.spelling import SEVERAL

Step = str | int
"""Into what a model returned: the key of a dictionary, the place in a tuple or list, the name of an attribute."""


def numbers_of(
    answer: object, count: int, name: str, key: Step | tuple[Step, ...] | None = None
) -> Float[Tensor, "N K"]:
    """The numbers in what a model returned for so many images, at least one for each.

    Args:
        answer: a tensor, an object with ``logits``, as the networks of transformers return, or what ``key`` leads into.
        count: of images.
        name: of the model, for messages.
        key: where in the answer they are, one step or several.

    Raises:
        ModelError: it holds no tensor of shape (N, K).
    """
    numbers = entry_of(answer, name, key)
    if not isinstance(numbers, Tensor):
        raise ModelError(f"{name} returned {type_of(numbers)}, not a tensor of logits; {_remedy(numbers)}")
    if numbers.ndim != 2 or len(numbers) != count or not numbers.shape[1]:
        how = ""
        if len(numbers.shape) and len(numbers) == count:
            how = ", such as by [:, None]" if numbers.ndim == 1 else ", such as by flatten(1)"
        raise ModelError(
            f"{name} returned shape {tuple(numbers.shape)} for {count} images; a classifier returns logits of shape "
            f"({count}, K): let it return a row for each image{how}"
        )
    return numbers


def entry_of(answer: object, name: str, key: Step | tuple[Step, ...] | None = None) -> object:
    """What the key leads to in what a model returned; without one its ``logits`` if it has any, or itself.

    Raises:
        ModelError: there is no such entry.

    Example:
        >>> from unseen.classifier.answers import entry_of
        >>> entry_of({"head": ("logits", "boxes")}, "network", ("head", 0))
        'logits'
    """
    if key is None:
        return getattr(answer, "logits", answer)
    for step in key if isinstance(key, tuple) else (key,):
        answer = _entry(answer, name, step)
    return answer


def _entry(answer: object, name: str, step: Step) -> object:
    entries = _entries(answer)
    if str(step) in entries:
        return entries[str(step)]
    if isinstance(step, str) and hasattr(answer, step):
        return getattr(answer, step)
    if str(step).isdecimal() and int(step) < len(entries):  # of a dictionary, by place
        return list(entries.values())[int(step)]
    has = f"; it has {', '.join(entries)}" if entries else "; leave the key out"
    raise ModelError(f"{name} returned {type_of(answer)} without an entry {step!r}{has}")


def _entries(answer: object) -> Mapping[str, object]:
    """Of a dictionary by key, of a tuple or list by place, as a spec writes them."""
    if isinstance(answer, Mapping):
        return {str(key): one for key, one in answer.items()}
    return {str(place): one for place, one in enumerate(answer)} if isinstance(answer, (tuple, list)) else {}


def _remedy(answer: object) -> str:
    wrap = "wrap it in a module that returns logits of shape (N, K)"
    way = _way(answer)
    if way is None:
        return wrap
    return f"say by the option key of its outputs which of its entries they are, as in 'logits:key={way}', or {wrap}"


def _way(answer: object) -> str | None:
    """How the tensor of rows that is called logits is reached, as a spec writes it; else the first, else any."""
    found = list(_ways(answer, ()))
    rows = [way for way, tensor in found if tensor.ndim == 2]
    rows.sort(key=lambda way: not way.endswith("logits"))
    return next(iter([*rows, *(way for way, _ in found)]), None)


def _ways(answer: object, taken: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
    for step, one in _entries(answer).items():
        if isinstance(one, Tensor):
            yield SEVERAL.join((*taken, step)), one
        else:
            yield from _ways(one, (*taken, step))


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
