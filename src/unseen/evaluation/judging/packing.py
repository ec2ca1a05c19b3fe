"""Masks as the few bytes that a database keeps of them."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor

from unseen.system.schema import MalformedError

_LARGEST = 1 << 14
"""Pixels along a mask's side at most."""


def packed(mask: Tensor | None) -> tuple[int | None, int | None, bytes | None]:
    """Height, width and compressed bits of a bool mask (H, W); thrice ``None`` for none."""
    if mask is None:
        return None, None, None
    return mask.shape[0], mask.shape[1], zlib.compress(np.packbits(mask.numpy()).tobytes())


def unpacked(bits: bytes | None, height: int | None, width: int | None) -> Tensor | None:
    """The mask that :func:`packed` packed.

    Raises:
        MalformedError: the sides are impossible, or the bits are not those of a mask of that size.
    """
    if bits is None or height is None or width is None:
        return None
    if not (0 < height <= _LARGEST and 0 < width <= _LARGEST):
        raise MalformedError(f"a mask of {height} × {width} pixels")
    size = -(-height * width // 8)
    packing = zlib.decompressobj()
    content = packing.decompress(bits, size + 1)
    if len(content) != size:
        raise MalformedError(f"a mask of another size than {height} × {width} pixels")
    visible = np.unpackbits(np.frombuffer(content, np.uint8), count=height * width)
    return torch.from_numpy(visible.astype(bool)).reshape(height, width)
