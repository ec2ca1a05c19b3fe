"""Random visible parts of an exact share: scattered cells, or one window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from unseen.errors import ParameterError
from unseen.system.options import Count, Meaning, Share, check

PartForm = Annotated[
    Literal["cells", "window"], Meaning("whether scattered cells of a grid stay visible, or one window")
]
Fractions = Annotated[tuple[float, ...], Share("what stays visible of the photograph, each a share of it", ends="(]")]
Cells = Annotated[int, Count("how many cells lie along each side of the grid")]


def random_parts(
    shape: tuple[int, int],
    fractions: Sequence[float],
    generator: torch.Generator,
    *,
    form: PartForm = "cells",
    cells: int = 7,
) -> Bool[Tensor, "F H W"]:
    """One part for each share of the photograph, True where it is visible; smaller parts lie inside larger ones.

    Args:
        shape: (H, W) of the photograph.
        fractions: shares that are visible, in (0, 1].
        generator: draws the parts.
        form: ``cells`` of a grid, as many as come nearest to the share and at least one; or one ``window`` of the
            photograph's proportions, anywhere inside.
        cells: on each side of the grid.

    Raises:
        ParameterError: a value outside its range, or more cells than pixels.
    """
    for name, value, kind in (
        ("fractions", tuple(fractions), Fractions),
        ("form", form, PartForm),
        ("cells", cells, Cells),
    ):
        check(name, value, kind)
    height, width = shape
    if form == "window":
        down, across = torch.rand(2, generator=generator, dtype=torch.float32).tolist()
        masks = torch.zeros(len(fractions), height, width, dtype=torch.bool)
        for mask, fraction in zip(masks, fractions, strict=True):
            rows, columns = (max(1, round(side * fraction**0.5)) for side in shape)
            top, left = round(down * (height - rows)), round(across * (width - columns))
            mask[top : top + rows, left : left + columns] = True
        return masks
    if cells > min(shape):
        raise ParameterError(f"cells {cells} a side are more than the {min(shape)} pixels of the photograph")
    place = torch.empty(cells**2, dtype=torch.long)
    place[torch.randperm(cells**2, generator=generator)] = torch.arange(cells**2)
    rows, columns = (torch.arange(side) * cells // side for side in shape)
    turn = place.reshape(cells, cells)[rows[:, None], columns]
    shown = torch.tensor([max(1, round(fraction * cells**2)) for fraction in fractions])
    return turn < shown[:, None, None]
