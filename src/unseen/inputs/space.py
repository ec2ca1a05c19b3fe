"""How an input extends: a signal along one axis, an image along two, a volume along three.

Everywhere an input has the shape ``(C, *space)``, masks ``(N, *space)`` and maps ``space``. What holds for images holds
for signals and volumes: a window, a cell, a block is an interval, a square or a cube.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from math import prod

from unseen.errors import NotApplicableError
from unseen.system.names import with_article

Space = tuple[int, ...]
"""The lengths of the axes: (L,), (H, W) or (D, H, W)."""

ANY = (1, 2, 3)
"""Numbers of axes that an input may have."""

KINDS = {1: "signal", 2: "image", 3: "volume"}
"""What an input of so many axes is called."""

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""What torch calls linear interpolation along so many axes."""

CALLED = {1: "signal", 2: "photograph", 3: "volume"}
"""What a person calls it."""

UNITS = {1: "samples", 2: "pixels", 3: "voxels"}
"""What it is made of."""


def described(space: Sequence[int]) -> str:
    """What an input of this extent is, in words.

    Example:
        >>> from unseen.inputs.space import described
        >>> described((256,)), described((24, 32, 32))
        ('signal of 256 samples', 'volume of 24 × 32 × 32 voxels')
    """
    return f"{KINDS[len(space)]} of {extent(space)}"


def extent(space: Sequence[int]) -> str:
    """How many samples, pixels or voxels there are along each axis, in words."""
    return f"{' × '.join(map(str, space))} {UNITS[len(space)]}"


def across(size: Sequence[int]) -> str:
    """How large an image of (height, width) is, in words.

    Example:
        >>> from unseen.inputs.space import across
        >>> across((40, 60))
        '60 × 40 pixels (width × height)'
    """
    return f"{size[1]} × {size[0]} pixels (width × height)"


def worded(text: str, axes: int, names: Iterable[str] = ()) -> str:
    """What is written of photographs and their pixels, of inputs with so many axes.

    Args:
        text: of photographs.
        axes: of the inputs.
        names: in the text that stay as they are, such as the specs of methods.

    Example:
        >>> from unseen.inputs.space import worded
        >>> worded("4 photographs, 12 % of the pixels", 1)
        '4 signals, 12 % of the samples'
    """
    kept = sorted(filter(None, names), key=len, reverse=True)
    if kept:
        parts = re.split(f"({'|'.join(map(re.escape, kept))})", text)
        return "".join(part if number % 2 else worded(part, axes) for number, part in enumerate(parts))
    kind, unit = CALLED[axes], UNITS[axes][:-1]
    for photograph, pixel, input_, its in (
        (CALLED[2], UNITS[2][:-1], kind, unit),
        (CALLED[2].capitalize(), UNITS[2][:-1].capitalize(), kind.capitalize(), unit.capitalize()),
    ):
        text = text.replace(photograph, input_).replace(pixel, its)
    return text


def check_axes(who: str, axes: Sequence[int], space: Sequence[int], remedy: str) -> None:
    """Refuse an input that extends along another number of axes than its explainer has a rule for.

    Args:
        who: has none, for the message: ``"method 'grad-cam'"``.
        axes: for which it has.
        space: of the input.
        remedy: what to do instead.

    Raises:
        NotApplicableError: it extends along another number of axes.
    """
    if len(space) not in axes:
        kinds = " and ".join(f"{KINDS[number]}s" for number in axes)
        raise NotApplicableError(
            f"{who} is for {kinds} so far, and the input is {with_article(described(space))}; {remedy}"
        )


def side_of(share: float, space: Sequence[int]) -> int:
    """The side of a window, a block or a box in whole samples, pixels or voxels, at least 1.

    Lengths are told as shares of the shorter side of an image. Along another number of axes the side is the one with
    which a window covers the same share of the whole, so that as many of them have room: ``share²`` of the length of a
    signal, and the power 2/3 of the share of the shortest side of a volume.

    Args:
        share: of the shorter side of an image.
        space: of the input.

    Example:
        >>> from unseen.inputs.space import side_of
        >>> side_of(0.2, (100, 200)), side_of(0.2, (100,)), side_of(0.2, (100, 100, 100))
        (20, 4, 34)
    """
    return max(1, round(length_of(share, space)))


def length_of(share: float, space: Sequence[int]) -> float:
    """The same, not rounded: for what need not be whole, such as the width of a Gaussian."""
    return float(share ** (2 / len(space)) * min(space))


def cells_of(side: int, space: Sequence[int]) -> int:
    """How many cells lie along each axis where an image has ``side`` along each side: about as many in all.

    Example:
        >>> from unseen.inputs.space import cells_of
        >>> cells_of(7, (100, 100)), cells_of(7, (100,)), cells_of(7, (100, 100, 100))
        (7, 49, 4)
    """
    return max(1, round(float(side ** (2 / len(space)))))


def size_of(space: Sequence[int]) -> int:
    """Samples, pixels or voxels in all."""
    return prod(space)
