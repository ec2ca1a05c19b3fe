"""Masks as the few bytes that a database keeps of them."""

from __future__ import annotations

import re
import zlib
from math import prod

import numpy as np
import torch
from torch import Tensor

from unseen.inputs.space import ANY, Space
from unseen.system.database import inflated
from unseen.system.schema import MalformedError

_LARGEST = 1 << 30
"""Samples, pixels or voxels of a mask at most."""


def packed(mask: Tensor | None) -> tuple[str | None, bytes | None]:
    """Lengths of the axes, as :func:`space_text` writes them, and compressed bits of a bool mask; ``None`` for none.

    Example:
        >>> import torch
        >>> from unseen.evaluation.judging.packing import packed, unpacked
        >>> unpacked(*packed(torch.tensor([[True, False, True]])))
        tensor([[ True, False,  True]])
    """
    if mask is None:
        return None, None
    return space_text(tuple(mask.shape)), zlib.compress(np.packbits(mask.numpy()).tobytes())


def unpacked(space: str | None, bits: bytes | None) -> Tensor | None:
    """The mask that :func:`packed` packed.

    Raises:
        MalformedError: the lengths are impossible, or the bits are not those of a mask of that size.
    """
    if bits is None or space is None:
        return None
    shape = space_of(space)
    content = inflated(bits, -(-prod(shape) // 8))
    if content is None:
        raise MalformedError(f"a mask of another size than {space}")
    visible = np.unpackbits(np.frombuffer(content, np.uint8), count=prod(shape))
    return torch.from_numpy(visible.astype(bool)).reshape(shape)


def space_text(space: Space) -> str:
    """Lengths of axes as text: ``12x16x20``."""
    return "x".join(map(str, space))


def space_of(text: str) -> Space:
    """The lengths that :func:`space_text` wrote.

    Raises:
        MalformedError: it is none, or they are impossible.
    """
    if not re.fullmatch(r"[1-9]\d{0,9}(x[1-9]\d{0,9})*", text):
        raise MalformedError(f"a map of size {text!r:.40}")
    space = tuple(map(int, text.split("x")))
    if len(space) not in ANY or prod(space) > _LARGEST:
        raise MalformedError(f"a map of size {text!r:.40}")
    return space
