"""Products over an axis that holds several positions: patches that merge, and layers that mix all tokens.

A switched-off position counts as zero, as in the window of a convolution. Where groups of positions merge into one
(Swin's patch merging), the merged position is on as the mask travels; where an axis of tokens is mixed whole
(MLP-Mixer), what comes out belongs to no position until it is added to tokens again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unseen.classifier.intercepting import Function, name_of
from unseen.removal.deactivation.grid import Grid, Layout
from unseen.removal.deactivation.interception import Interception, State
from unseen.removal.deactivation.placement import ALWAYS
from unseen.removal.deactivation.places import Positions, Scattered


def linear_over_positions(
    run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any], positions: Positions
) -> Tensor:
    """``linear`` whose last axis holds positions."""
    features: Tensor = args[0]
    others = sorted(positions.held_by(features.ndim) - {-1})
    output: Tensor = func(run.switched_off(features, positions), *args[1:], **kwargs)
    if not others:
        return run.mark(output, State.GLOBAL)
    whole = len(others) == len(positions.grid.size) or (len(others) == 1 and len(positions.grid.size) == 2)
    if not whole or len(features) != positions.grid.count or not isinstance(positions, Scattered):
        raise run.refusal(name_of(func), "merges positions of windows, for which there is no rule")
    return run.mark(output, Positions(_merged(run, func, positions, features, others), tuple(others)))


def _merged(run: Interception, func: Function, positions: Scattered, features: Tensor, axes: list[int]) -> Grid:
    """The grid whose positions are the groups along the last axis."""
    grid, by = positions.grid, positions.by
    assert by is not None
    key = (by, grid.size)
    if key not in run.layouts.merged:
        run.layouts.merged[key] = _groups(positions.index(features.ndim), grid, features, axes)
    groups, size = run.layouts.merged[key]

    def make() -> Grid:
        valid = grid.valid.expand_as(grid.active)
        gathered = (grid.gathered(values, groups, 0.0).float().sum(-1) for values in (grid.active, valid))
        on, there = (counts.reshape(-1, 1, *size) for counts in gathered)
        places = groups.places.transpose(1, 2).reshape(len(features), -1, *size)
        placement = grid.placement and grid.placement.moved(places, on.sign().to(grid.active.dtype), None)
        if run.traveller.travel == "pooled":
            return run.traveller.at_size(size, run.traced(placement, func))
        return run.traveller.spread(on, there, placement)

    return grid.derive(("merged", by), make)


def _groups(places: Tensor, grid: Grid, features: Tensor, axes: list[int]) -> tuple[Layout, tuple[int, ...]]:
    """The distinct places of each group, (N, groups, places), and how many groups there are along each axis."""
    flat = places.reshape(-1, places.shape[-1])
    distinct: Tensor = torch.unique(flat, dim=1)
    groups = distinct.reshape(len(features), -1, distinct.shape[1])
    if len(axes) == len(grid.size):
        return Layout(groups), tuple(places.shape[axis] for axis in axes)
    _, width = grid.size
    first = torch.where(groups[0] == ALWAYS, groups[0].max(), groups[0]).amin(1)
    rows = len(torch.unique(first // width))
    return Layout(groups), (rows, groups.shape[1] // rows)
