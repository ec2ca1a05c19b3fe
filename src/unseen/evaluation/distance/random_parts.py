"""Random visible parts of an exact share: scattered cells, or one window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from unseen.errors import ParameterError
from unseen.inputs.space import CALLED, UNITS, Space, cells_of
from unseen.system.options import Count, Meaning, Share, check

PartForm = Annotated[
    Literal["cells", "window"], Meaning("whether scattered cells of a grid stay visible, or one window")
]
Fractions = Annotated[tuple[float, ...], Share("what stays visible of the input, each a share of it", ends="(]")]
Cells = Annotated[
    int,
    Count(
        "how many cells lie along each side of an image's grid; along an axis of a signal or a volume so many "
        "that there are about as many in all"
    ),
]


def random_parts(
    space: Space,
    fractions: Sequence[float],
    generator: torch.Generator,
    *,
    form: PartForm = "cells",
    cells: int = 7,
) -> Bool[Tensor, "F *space"]:
    """One part for each share of the input, True where it is visible; smaller parts lie inside larger ones.

    Args:
        space: lengths of the input's axes.
        fractions: shares that are visible, in (0, 1].
        generator: draws the parts.
        form: ``cells`` of a grid, as many as come nearest to the share and at least one; or one ``window`` of the
            input's proportions, anywhere inside.
        cells: on each side of the grid of an image; see :func:`~unseen.inputs.space.cells_of`.

    Raises:
        ParameterError: a value outside its range, or more cells than pixels.
    """
    for name, value, kind in (
        ("fractions", tuple(fractions), Fractions),
        ("form", form, PartForm),
        ("cells", cells, Cells),
    ):
        check(name, value, kind)
    axes = len(space)
    if form == "window":
        corner = torch.rand(axes, generator=generator, dtype=torch.float32).tolist()
        masks = torch.zeros(len(fractions), *space, dtype=torch.bool)
        for mask, fraction in zip(masks, fractions, strict=True):
            sides = [max(1, round(length * fraction ** (1 / axes))) for length in space]
            starts = [round(at * (length - side)) for at, length, side in zip(corner, space, sides, strict=True)]
            mask[tuple(slice(start, start + side) for start, side in zip(starts, sides, strict=True))] = True
        return masks
    along = cells_of(cells, space)
    if along > min(space):
        raise ParameterError(
            f"cells {cells} make {along} along each axis, more than the {min(space)} {UNITS[axes]} of the "
            f"{CALLED[axes]}; give fewer cells"
        )
    place = torch.empty(along**axes, dtype=torch.long)
    place[torch.randperm(along**axes, generator=generator)] = torch.arange(along**axes)
    turn = place.reshape([along] * axes)[torch.meshgrid(*(cell_of(side, along) for side in space), indexing="ij")]
    shown = torch.tensor([max(1, round(fraction * along**axes)) for fraction in fractions])
    return turn < shown.reshape(-1, *[1] * axes)


def cell_of(side: int, along: int) -> Tensor:
    """In which of so many cells each place along an axis lies."""
    return torch.arange(side) * along // side


def check_hiding(fractions: Sequence[float], total: int) -> None:
    """Refuse a share of so many cells that is meant to hide something and is rounded to all of them.

    Raises:
        ParameterError: one of them is.
    """
    whole = [one for one in fractions if one < 1 and max(1, round(one * total)) == total]
    if whole:
        raise ParameterError(f"fraction {whole[0]} of {total} cells hides none of them; give more cells a side")
