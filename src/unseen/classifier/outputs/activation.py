"""What a network has before the softmax or sigmoid at its end: no probability says as much, and none is as exact."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Activation = Literal["softmax", "sigmoid"]

_ACTIVATIONS: Mapping[Callable[..., Any], Activation] = {
    torch.softmax: "softmax",
    torch.Tensor.softmax: "softmax",
    F.softmax: "softmax",
    torch.sigmoid: "sigmoid",
    torch.Tensor.sigmoid: "sigmoid",
    torch.special.expit: "sigmoid",
    F.sigmoid: "sigmoid",
}


class Activations(TorchFunctionMode):
    """Lets a network's softmaxes and sigmoids remember what they were given; see :func:`before`."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        kind = _ACTIVATIONS.get(func)
        given = args[0] if args else (kwargs or {}).get("input")
        if kind is not None and isinstance(output, Tensor) and isinstance(given, Tensor):
            output._unseen_before = kind, given, _versions(output, given)  # type: ignore[attr-defined]
        return output


def before(numbers: Float[Tensor, "N K"]) -> tuple[Activation, Float[Tensor, "N K"]] | None:
    """Which activation made these numbers, and of what; ``None`` where nothing of the kind was seen to.

    Nor does anything where either was changed in place since.

    Example:
        >>> from unseen.classifier.outputs.activation import Activations, before
        >>> logits = torch.tensor([[1.0, 2.0]])
        >>> with Activations():
        ...     probabilities = torch.nn.Softmax(1)(logits)
        >>> before(probabilities)
        ('softmax', tensor([[1., 2.]]))
    """
    kind, given, versions = getattr(numbers, "_unseen_before", (None, numbers, ()))
    return (kind, given) if kind is not None and versions == _versions(numbers, given) else None


def _versions(*tensors: Tensor) -> tuple[int, ...]:
    """How often each was changed in place; tensors of inference mode do not count it."""
    return tuple(0 if tensor.is_inference() else tensor._version for tensor in tensors)
