"""Sets of pixels to compare a part with: as large and as compact, but anywhere.

A part is worth something if others of its size and shape do not do the same. The others are the part itself at other
places, shifted and mirrored; where it does not fit anywhere else, random blobs of the part's spatial spectrum.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

Mask = NDArray[np.bool_]


def alike(part: Bool[Tensor, "*space"], count: int, seed: int = 0) -> Bool[Tensor, "N *space"]:
    """Other sets of exactly as many pixels.

    A shifted or mirrored copy lies at another place if it has no more pixels in common with the part than a random set
    of that size has on average: the part's share of the photograph.

    Args:
        part: the set to compare with.
        count: how many are wanted, at least 0.
        seed: of places and blobs.

    Returns:
        ``count`` sets, or none where the part is empty or everything: no other set is as large.

    Example:
        >>> from unseen.explainers.sufficient.chance import alike
        >>> part = torch.zeros(8, 8, dtype=torch.bool)
        >>> part[:2, :3] = True
        >>> others = alike(part, 5)
        >>> others.shape, others.sum((1, 2)).tolist(), int((others & part).sum())
        (torch.Size([5, 8, 8]), [6, 6, 6, 6, 6], 0)
    """
    own = part.cpu().numpy()
    size = int(own.sum())
    if not 0 < size < own.size or count == 0:
        return torch.zeros(0, *part.shape, dtype=torch.bool)
    stream = np.random.default_rng(seed)
    shapes = _mirrored(own)
    free = [_free(own, shape) for shape in shapes]
    total = sum(int(places.sum()) for places in free)
    if total >= count:
        drawn = stream.choice(total, count, replace=False).tolist()
        found = [_placed(own, *_place(shapes, free, number)) for number in drawn]
    else:
        found = [_blob(own, stream) for _ in range(count)]
    return torch.from_numpy(np.stack(found))


def _free(part: Mask, shape: Mask) -> Mask:
    """The corners at which a mirror image lies at another place: of a volume too many for a list of them."""
    from scipy.signal import fftconvolve

    size = int(part.sum())
    overlap = fftconvolve(part.astype(float), np.flip(shape).astype(float), mode="valid").round()
    free: Mask = overlap <= size * size / part.size
    return free


def _place(shapes: Sequence[Mask], free: Sequence[Mask], number: int) -> tuple[Mask, tuple[int, ...]]:
    """Mirror image and corner of the copy of a number, counted image by image."""
    for shape, places in zip(shapes, free, strict=True):
        count = int(places.sum())
        if number < count:
            corner = np.unravel_index(np.flatnonzero(places)[number], places.shape)
            return shape, tuple(map(int, corner))
        number -= count
    raise IndexError(number)


def _placed(part: Mask, shape: Mask, corner: tuple[int, ...]) -> Mask:
    copy = np.zeros_like(part)
    copy[tuple(slice(first, first + length) for first, length in zip(corner, shape.shape, strict=True))] = shape
    return copy


def _mirrored(part: Mask) -> list[Mask]:
    """The part cut to its bounding box, as it is and mirrored along each of the axes and several of them; once each."""
    inside = np.nonzero(part)
    shape = part[tuple(slice(place.min(), place.max() + 1) for place in inside)]
    found: list[Mask] = []
    for way in itertools.product((1, -1), repeat=part.ndim):
        mirrored = shape[tuple(slice(None, None, step) for step in way)]
        if not any(np.array_equal(mirrored, other) for other in found):
            found.append(mirrored)
    return found


def _blob(part: Mask, stream: np.random.Generator) -> Mask:
    """As many pixels as the part has, where noise of its amplitudes and of random phases is highest."""
    amplitude = np.abs(np.fft.rfftn(part - part.mean()))
    noise = np.fft.rfftn(stream.standard_normal(part.shape))
    axes = tuple(range(part.ndim))
    field = np.fft.irfftn(amplitude * np.exp(1j * np.angle(noise)), part.shape, axes=axes).ravel()
    blob = np.zeros(part.size, dtype=bool)
    blob[np.argpartition(-field, int(part.sum()))[: int(part.sum())]] = True
    return blob.reshape(part.shape)
