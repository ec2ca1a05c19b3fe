"""Rules of the operations that move positions and of those that end them: shapes, slices, joins, reductions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from unseen.classifier.intercepting import Function, name_of
from unseen.removal.deactivation.grid import Grid
from unseen.removal.deactivation.interception import Interception, MaskRule, State
from unseen.removal.deactivation.placement import last_axes
from unseen.removal.deactivation.places import Positions, Scattered
from unseen.removal.deactivation.pointwise import elementwise, functions
from unseen.removal.deactivation.rearranging import rearranging
from unseen.removal.deactivation.windows import (
    accurate,
    adaptive_average_pooling,
    divide_by_share,
    lowered,
    raised,
)

_MOST_KEPT = 4096  # answers about shapes

# ---- shapes -----------------------------------------------------------------------------------------------------


def reshaping(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``view``, ``reshape``, ``flatten`` …: positions stay together, or are flattened away into the head."""
    features, positions = _uniform(run, args[0])
    if isinstance(positions, Scattered):
        return rearranging(run, func, args, kwargs)
    output = func(features, *args[1:], **kwargs)
    if output.shape == features.shape:
        return run.mark(output, positions)
    if output.ndim == 2 and len(output) == positions.grid.count:
        if max(positions.grid.size) == 1:
            return run.mark(func(run.switched_off(features, positions), *args[1:], **kwargs), State.GLOBAL)
        return run.mark(output, _flattened(features, positions))
    before, after = tuple(features.shape), tuple(output.shape)
    axes = _axes_after_reshape(before, after, positions.axes, positions.grid.size, positions.grid.count)
    if axes is None:
        return rearranging(run, func, args, kwargs)
    return run.mark(output, Positions(positions.grid, axes))


def permuting(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``permute``, ``transpose``: the positions' axes follow."""
    features, positions = _uniform(run, args[0])
    if isinstance(positions, Scattered):
        return rearranging(run, func, args, kwargs)
    output = func(features, *args[1:], **kwargs)
    order = _order(func, features.ndim, _hashable(args[1:]), _hashable(tuple(kwargs.items())))
    places = {axis: place - features.ndim for place, axis in enumerate(order)}
    axes = tuple(places[axis + features.ndim] for axis in positions.axes)
    if places[0] != -features.ndim or list(axes) != sorted(axes):
        return rearranging(run, func, args, kwargs)
    return run.mark(output, Positions(positions.grid, axes))


def indexing(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``tensor[…]``; slices of a map outside the batch take a part of the map."""
    features, positions = run_input(run, args)
    entries = list(args[1]) if isinstance(args[1], tuple) else [args[1]]
    sliced = all(isinstance(entry, (slice, int)) or entry is Ellipsis for entry in entries)
    if isinstance(positions, Scattered) or not sliced:
        return rearranging(run, func, args, kwargs)
    if Ellipsis in entries:
        gap = entries.index(Ellipsis)
        entries[gap : gap + 1] = [slice(None)] * (features.ndim - len(entries) + 1)
    entries += [slice(None)] * (features.ndim - len(entries))
    spatial = [entries[axis] for axis in positions.axes]
    cut = any(entry != slice(None) for entry in spatial)
    is_map = positions.axes == positions.grid.axes and features.ndim == len(positions.axes) + 2
    if entries[0] != slice(None) or (cut and not is_map):
        return rearranging(run, func, args, kwargs)
    if any(isinstance(entry, int) for entry in spatial):
        return rearranging(run, func, args, kwargs)
    if positions.grid.per_channel:
        channels = entries[1] if isinstance(entries[1], slice) else slice(entries[1], entries[1] + 1 or None)
        positions = Positions(positions.grid.narrowed(channels))
    axes = tuple(axis + sum(isinstance(entry, int) for entry in entries[axis:]) for axis in positions.axes)
    grid = positions.grid
    if cut:
        grid = _sliced(grid, spatial)
    return run.mark(func(features, args[1]), Positions(grid, axes))


# ---- branches ---------------------------------------------------------------------------------------------------


def concatenation(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``cat`` along the channels: each branch keeps its own positions until channels mix."""
    pieces: Sequence[Tensor] = args[0]
    states = [run.positions(piece) for piece in pieces]
    ndim, known = max(piece.ndim for piece in pieces), [state for state in states if state is not None]
    axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else 0))
    axis = axis if axis < 0 else axis - ndim

    def zeroed() -> list[Tensor]:
        return [p if s is None else run.switched_off(p, s) for p, s in zip(pieces, states, strict=True)]

    if ndim == 2 and axis == -1:
        return run.mark(func(zeroed(), *args[1:], **kwargs), State.GLOBAL)
    scattered = any(isinstance(state, Scattered) or state.axes != known[0].axes for state in known)
    if scattered or axis in known[0].axes or axis == -ndim:
        return rearranging(run, func, args, kwargs)
    everywhere = _everywhere(known[0].grid)
    grids = [state.grid if state is not None else everywhere for state in states]
    if run.semantics.join == "and":
        grid = grids[0]
        for other in grids[1:]:
            grid = grid.intersection(other)
    else:
        channels = [piece.shape[axis] if piece.ndim == ndim else 0 for piece in pieces]
        grid = Grid.concatenated(list(zip(grids, channels, strict=True)))
    if grid.per_channel and (ndim, axis) != (len(grid.size) + 2, -len(grid.size) - 1):
        pieces, grid = zeroed(), grid.collapsed()
    return run.mark(func(pieces, *args[1:], **kwargs), Positions(grid, known[0].axes))


def stacking(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``stack``: a new axis for every branch, then ``cat`` along it."""
    axis, pieces = kwargs.get("dim", args[1] if len(args) > 1 else 0), []
    states = [state for piece in args[0] if (state := run.positions(piece)) is not None]
    if any(isinstance(state, Scattered) or not state.grid.alike(states[0].grid) for state in states):
        return rearranging(run, func, args, kwargs)
    for piece in args[0]:
        if run.positions(piece) is None:
            pieces.append(run.mark(piece.unsqueeze(axis), run.state(piece)))
        else:
            pieces.append(reshaping(run, torch.unsqueeze, (piece, axis), {}))
    return concatenation(run, torch.cat, (pieces, axis), {})


def splitting(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``chunk`` and ``split`` along the channels."""
    features, positions = run_input(run, args)
    axis = kwargs.get("dim", args[2] if len(args) > 2 else 0)
    axis = axis if axis < 0 else axis - features.ndim
    if isinstance(positions, Scattered) or axis in positions.axes or axis == -features.ndim:
        return rearranging(run, func, args, kwargs)
    outputs, start = func(*args, **kwargs), 0
    for output in outputs:
        stop = start + output.shape[axis]
        run.mark(output, Positions(positions.grid.narrowed(slice(start, stop)), positions.axes))
        start = stop
    return outputs


# ---- reductions -------------------------------------------------------------------------------------------------


def averaging(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``mean`` over all positions (the head, squeeze-and-excitation) or over none of them."""
    features, positions = run_input(run, args)
    if not _reduces_positions(run, func, args, kwargs, features, positions):
        return _over_channels(run, func, args, kwargs, positions)
    output = func(run.switched_off(features, positions), *args[1:], **kwargs)
    if run.semantics.pooling == "active" and not positions.grid.full:
        share = accurate(positions.mask(positions.grid.keep, features.ndim), features)
        output = divide_by_share(output, func(share, *args[1:], **kwargs))
    return run.mark(output, State.GLOBAL)


def averaging_tokens(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``adaptive_avg_pool1d`` of a signal, or of (N, C, tokens) to one value."""
    held = run.positions(args[0])
    if held is not None and not isinstance(held, Scattered) and len(held.grid.size) == 1:
        return adaptive_average_pooling(run, func, args, kwargs)
    size = kwargs.get("output_size", args[1] if len(args) > 1 else None)
    if size not in (1, (1,), [1]):
        raise run.refusal(name_of(func), "pools tokens in a row, for which there is no rule")
    features, positions = run_input(run, args)
    if positions.held_by(features.ndim) != {-1}:
        raise run.refusal(name_of(func), "meets positions that are not the last axis")
    output = func(run.switched_off(features, positions), 1)
    if run.semantics.pooling == "active" and not positions.grid.full:
        share = accurate(positions.mask(positions.grid.keep, features.ndim), features)
        output = divide_by_share(output, func(share, 1))
    return run.mark(output, State.GLOBAL)


def summing(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``sum`` over all positions: what is switched off adds nothing."""
    features, positions = run_input(run, args)
    if not _reduces_positions(run, func, args, kwargs, features, positions):
        return _over_channels(run, func, args, kwargs, positions)
    return run.mark(func(run.switched_off(features, positions), *args[1:], **kwargs), State.GLOBAL)


def norm(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``norm`` along given axes; over positions, what is switched off adds nothing."""
    features, *order = args
    if len(order) == 2:
        kwargs = {**kwargs, "dim": order.pop()}
    if len(order) > 1 or kwargs.get("dim") is None:
        raise run.refusal(name_of(func), "reduces photographs, positions and channels to one number")
    return summing(run, func, (features, *order), kwargs)


def maximising(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``amax`` (and ``max`` along channels): what is switched off loses; nothing on gives 0."""
    if len(args) > 1 and isinstance(args[1], Tensor):
        return elementwise(run, func, args, kwargs)
    features, positions = run_input(run, args)
    if not _reduces_positions(run, func, args, kwargs, features, positions):
        return _over_channels(run, func, args, kwargs, positions)
    if func.__name__ != "amax":
        raise run.refusal(name_of(func), "takes a maximum over positions with indices; use amax")
    keep = positions.mask(positions.grid.keep, features.ndim)
    return run.mark(raised(func(lowered(features, keep), *args[1:], **kwargs)), State.GLOBAL)


# ---- shared pieces ----------------------------------------------------------------------------------------------


def run_input(run: Interception, args: tuple[Any, ...]) -> tuple[Tensor, Positions]:
    """The first argument, which has positions."""
    positions = run.positions(args[0])
    if positions is None:
        raise run.refusal("an operation", "takes its positions from another argument than the first")
    return args[0], positions


def _uniform(run: Interception, features: Tensor) -> tuple[Tensor, Positions]:
    return run.uniform(*run_input(run, (features,)))


def _flattened(features: Tensor, positions: Positions) -> Positions:
    """The positions of (N, C·h·w): as a grid of one axis, for the head's first layer to switch off."""

    def flat(mask: Tensor) -> Tensor:
        mask = positions.mask(mask, features.ndim)
        return mask.expand(len(mask), *features.shape[1:]).reshape(len(mask), 1, -1)

    border = positions.grid.padding
    return Positions(Grid(flat(positions.grid.active), None if border is None else flat(border)), (-1,))


def _sliced(grid: Grid, entries: Sequence[slice]) -> Grid:
    """A part of a grid, by a slice along each axis."""

    def make() -> Grid:
        active = grid.active[last_axes(entries)]
        border = None if grid.padding is None else grid.padding[last_axes(entries)]
        return Grid(active, border, grid.placement and grid.placement.sliced(entries, active, border))

    where = tuple((entry.start, entry.stop, entry.step) for entry in entries)
    return grid.derive(("slice", where), make)


def _everywhere(grid: Grid) -> Grid:
    """The positions of a grid, all on: for what does not depend on the photograph."""
    return Grid.all_on(grid.active, grid.count, grid.size, grid.placement)


def _hashable(value: Any) -> Any:
    return tuple(map(_hashable, value)) if isinstance(value, (list, tuple)) else value


@lru_cache(_MOST_KEPT)
def _axes_after_reshape(
    before: tuple[int, ...], after: tuple[int, ...], held: tuple[int, ...], size: tuple[int, ...], count: int
) -> tuple[int, ...] | None:
    """The positions' axes in ``after`` if each axis of positions, or all as one, is still whole; else ``None``."""
    adjacent = held[-1] - held[0] == len(held) - 1
    if len(after) < 3 or after[0] != count or not adjacent:
        return None
    tail = prod(before[axis] for axis in range(held[-1] + 1, 0))
    for axes, extents in ((tuple(range(-len(size), 0)), size), ((-1,), (prod(size),))):
        behind = 1
        for last in range(-1, -len(after), -1):
            if behind == tail:
                found = tuple(axis + last + 1 for axis in axes)
                if found[0] > -len(after) and tuple(after[axis] for axis in found) == extents:
                    return found
            behind *= after[last]
    return None


@lru_cache(_MOST_KEPT)
def _order(func: Function, ndim: int, args: tuple[Any, ...], kwargs: tuple[tuple[str, Any], ...]) -> tuple[int, ...]:
    """Where a function that permutes the axes of a tensor takes each of them from."""
    sizes = func(torch.empty(tuple(range(2, 2 + ndim)), device="meta"), *args, **dict(kwargs)).shape
    return tuple(size - 2 for size in sizes)


def _reduced_axes(
    run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any], ndim: int
) -> tuple[int, ...]:
    given = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
    if given is None:
        raise run.refusal(name_of(func), "reduces photographs, positions and channels to one number")
    axes = tuple(given) if isinstance(given, (tuple, list)) else (given, *(a for a in args[2:] if type(a) is int))
    return tuple(axis if axis < 0 else axis - ndim for axis in axes)


def _reduces_positions(
    run: Interception,
    func: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    features: Tensor,
    positions: Positions,
) -> bool:
    axes = set(_reduced_axes(run, func, args, kwargs, features.ndim))
    if -features.ndim in axes:
        raise run.refusal(name_of(func), "mixes the photographs of a batch")
    held = positions.held_by(features.ndim)
    met = axes & held
    if met and met != held:
        raise run.refusal(name_of(func), "reduces only one of height and width, or only some of a volume's axes")
    return bool(met)


def _over_channels(
    run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any], positions: Positions
) -> Any:
    """A reduction over channels: positions stay."""
    features, positions = _uniform(run, args[0])
    output = func(features, *args[1:], **kwargs)
    if isinstance(positions, Scattered):
        return _over_scattered_channels(run, func, args, kwargs, positions, output)
    tensors = [output] if isinstance(output, Tensor) else list(output)
    lost = features.ndim - tensors[0].ndim
    reduced = _reduced_axes(run, func, args, kwargs, features.ndim)
    axes = tuple(axis + (sum(r > axis for r in reduced) if lost else 0) for axis in positions.axes)
    for tensor in tensors:
        run.mark(tensor, Positions(positions.grid, axes))
    return output


def _over_scattered_channels(
    run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any], positions: Scattered, output: Any
) -> Any:
    tensors = [output] if isinstance(output, Tensor) else list(output)
    before, after = args[0].ndim, tensors[0].ndim
    reduced = _reduced_axes(run, func, args, kwargs, before)

    def move() -> list[Tensor]:
        places = positions.index(before)
        places = places.squeeze(tuple(reduced)) if after < before else places
        return [places.expand(tensors[0].shape)]

    key = ("reduced", positions.layout, reduced, tuple(tensors[0].shape))
    (found,) = run.layouts.moved(key, move, positions.grid)
    for tensor in tensors:
        run.mark(tensor, State.GLOBAL if found is None else found)
    return output


def _moving(names: str) -> Iterable[Function]:
    return functions(names.split(), in_place=False)


LAYOUT_RULES: Mapping[Function, MaskRule] = {
    **dict.fromkeys(_moving("view view_as reshape reshape_as flatten unflatten squeeze unsqueeze"), reshaping),
    **dict.fromkeys(_moving("permute transpose movedim moveaxis swapaxes swapdims"), permuting),
    **dict.fromkeys(functions(("cat", "concat", "concatenate")), concatenation),
    torch.stack: stacking,
    **dict.fromkeys(functions(("chunk", "split", "tensor_split")), splitting),
    **dict.fromkeys(functions(("mean",)), averaging),
    torch.adaptive_avg_pool1d: averaging_tokens,
    **dict.fromkeys(functions(("sum",)), summing),
    **dict.fromkeys((torch.norm, torch.Tensor.norm, torch.linalg.vector_norm), norm),
    **dict.fromkeys(functions(("amax", "max")), maximising),
    **dict.fromkeys((vars(torch._C.TensorBase)[name].__get__ for name in ("mT", "T")), permuting),
    **dict.fromkeys(
        _moving("flip fliplr flipud index_select narrow repeat repeat_interleave roll rot90 select tile unbind"),
        rearranging,
    ),
    torch.Tensor.__getitem__: indexing,
}
