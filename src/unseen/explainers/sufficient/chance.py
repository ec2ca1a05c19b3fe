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
    places = _places(own, shapes)
    if len(places) >= count:
        drawn = [places[index] for index in stream.choice(len(places), count, replace=False)]
        found = [_placed(own, shapes[number], corner) for number, corner in drawn]
    else:
        found = [_blob(own, stream) for _ in range(count)]
    return torch.from_numpy(np.stack(found))


def _places(part: Mask, shapes: Sequence[Mask]) -> list[tuple[int, tuple[int, ...]]]:
    """Mirror image and corner of each copy that lies at another place."""
    from scipy.signal import fftconvolve

    size = int(part.sum())
    common = size * size / part.size
    found: list[tuple[int, tuple[int, ...]]] = []
    for number, shape in enumerate(shapes):
        if any(np.array_equal(shape, other) for other in shapes[:number]):
            continue
        overlap = fftconvolve(part.astype(float), np.flip(shape).astype(float), mode="valid").round()
        found += [(number, tuple(map(int, corner))) for corner in np.argwhere(overlap <= common)]
    return found


def _placed(part: Mask, shape: Mask, corner: tuple[int, ...]) -> Mask:
    copy = np.zeros_like(part)
    copy[tuple(slice(first, first + length) for first, length in zip(corner, shape.shape, strict=True))] = shape
    return copy


def _mirrored(part: Mask) -> list[Mask]:
    """The part cut to its bounding box, as it is and mirrored along each of the axes and several of them."""
    inside = np.nonzero(part)
    shape = part[tuple(slice(place.min(), place.max() + 1) for place in inside)]
    ways = itertools.product((1, -1), repeat=part.ndim)
    return [shape[tuple(slice(None, None, step) for step in way)] for way in ways]


def _blob(part: Mask, stream: np.random.Generator) -> Mask:
    """As many pixels as the part has, where noise of its amplitudes and of random phases is highest."""
    amplitude = np.abs(np.fft.rfftn(part - part.mean()))
    noise = np.fft.rfftn(stream.standard_normal(part.shape))
    axes = tuple(range(part.ndim))
    field = np.fft.irfftn(amplitude * np.exp(1j * np.angle(noise)), part.shape, axes=axes).ravel()
    blob = np.zeros(part.size, dtype=bool)
    blob[np.argpartition(-field, int(part.sum()))[: int(part.sum())]] = True
    return blob.reshape(part.shape)
