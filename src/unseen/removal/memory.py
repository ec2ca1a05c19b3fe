"""What a model said of the sets of pixels that it was asked about, so that it is asked about none of them twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from unseen.inputs.space import Space, size_of
from unseen.removal.masked import MaskedClassifier, Masks
from unseen.system.context import holding

LIMIT = 256 * 2**20
"""Bytes that are remembered of one photograph, masks and logits; beyond them the oldest are forgotten first."""

_BITS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(1)
"""How many bits of each byte are set."""


class Memory:
    """Logits by the mask under which they were evaluated, packed into a bit a pixel.

    Only masks of 0 and 1 are remembered: searches come back to them. Soft ones are drawn at random or descended on, and
    never come up again.

    Args:
        limit: bytes of masks and logits that are kept at most; what one call asks for is answered whatever the limit.

    Example:
        >>> from unseen.removal.memory import Memory
        >>> memory, asked = Memory(), []
        >>> def evaluate(masks):
        ...     asked.append(len(masks))
        ...     return masks.flatten(1).sum(1, keepdim=True).float()
        >>> sets = torch.eye(4, dtype=torch.bool).reshape(4, 2, 2)
        >>> memory.logits([*sets, *sets], evaluate).shape, memory.logits(sets, evaluate).shape, asked
        (torch.Size([8, 1]), torch.Size([4, 1]), [4])
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._rows: dict[bytes, Tensor] = {}

    def logits(self, masks: Sequence[Tensor], evaluate: Callable[[Tensor], Tensor]) -> Tensor:
        """Logits (N, K) of masks, each of shape ``space``, in order; at least one.

        Args:
            masks: what is visible.
            evaluate: those that are new, stacked → their logits.
        """
        packed = [_packed(mask) for mask in masks]
        keys = [number if key is None else key for number, key in enumerate(packed)]
        answers: dict[bytes | int, Tensor] = {
            key: self._rows[key] for key in packed if key is not None and key in self._rows
        }
        new = {key: mask for key, mask in zip(keys, masks, strict=True) if key not in answers}
        if new:
            answers.update(zip(new, evaluate(torch.stack([*new.values()])), strict=True))
        found = torch.stack([answers[key] for key in keys])
        self._rows.update((key, answers[key]) for key in new if isinstance(key, bytes))
        while self._rows and len(self._rows) * (found[0].nbytes + masks[0].numel() // 8) > self._limit:
            del self._rows[next(iter(self._rows))]
        return found

    def masks(self, shape: Space, *, largest_first: bool = False) -> Iterator[Tensor]:
        """The masks that are remembered, bool ``space``, by how many pixels are visible; unpacked one by one."""
        sizes = {key: int(_BITS[np.frombuffer(key, np.uint8)].sum()) for key in self._rows}
        for key in sorted(sizes, key=sizes.__getitem__, reverse=largest_first):
            flat = np.unpackbits(np.frombuffer(key, np.uint8), count=size_of(shape)).astype(bool)
            yield torch.from_numpy(flat).reshape(shape)


_CURRENT: ContextVar[tuple[MaskedClassifier, Memory] | None] = ContextVar("memory", default=None)


@contextmanager
def remembering(masked: MaskedClassifier) -> Iterator[Memory]:
    """Remember what is asked about a photograph until the end: one explanation, and nothing of those before it.

    Within an explanation of the same masked classifier it is that one's memory. The network must stay as it is.
    """
    current = _CURRENT.get()
    memory = current[1] if current is not None and current[0] is masked else Memory()
    with holding(_CURRENT, (masked, memory)):
        yield memory


def recalled(masked: MaskedClassifier, masks: Masks) -> Float[Tensor, "N K"]:
    """Logits of a photograph under masks; while it is remembered, those of 0 and 1 are evaluated once.

    Args:
        masked: the classifier and its photograph.
        masks: at least one.

    Raises:
        ParameterError: see :class:`MaskedClassifier`.
        ModelError: see there.
    """
    current = _CURRENT.get()
    return current[1].logits([*masks], masked) if current is not None and current[0] is masked else masked(masks)


def digest(tensor: Tensor) -> bytes:
    """Of the values, whatever their type; a mask of zeros and ones is packed first, for speed."""
    packed = _packed(tensor)
    content = _values(tensor).tobytes() if packed is None else packed
    return bytes([packed is not None]) + blake2b(content, digest_size=16).digest()


def _packed(tensor: Tensor) -> bytes | None:
    """Zeros and ones, a bit each; ``None`` of other values."""
    values = _values(tensor)
    if values.dtype != bool and not bool(((values == 0) | (values == 1)).all()):
        return None
    return np.packbits(values.astype(bool)).tobytes()


def _values(tensor: Tensor) -> NDArray[Any]:
    return (tensor if tensor.dtype == torch.bool else tensor.float()).cpu().numpy()
