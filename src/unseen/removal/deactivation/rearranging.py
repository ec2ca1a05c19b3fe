"""The rule of every function that only moves elements, wherever it puts them: positions move in the same way.

The function is called once more on a tensor that holds, instead of features, the place of every element. What comes out
is the layout of its output. This is done once for every function, arguments and shapes.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.intercepting import Function, name_of
from unseen.inputs.space import size_of
from unseen.removal.deactivation.grid import Grid
from unseen.removal.deactivation.interception import Interception, State, operands_of, tensors_in
from unseen.removal.deactivation.placement import ALWAYS
from unseen.removal.deactivation.places import Layouts, Positions, Scores

Switched = Mapping[int, tuple[Tensor, Positions]]
"""Tensors, switched off as far as they have to be, and their positions, by the identity that they had before."""

_WHATEVER_THE_STRIDES: Mapping[Function, Function] = {Tensor.view: Tensor.reshape, Tensor.view_as: Tensor.reshape_as}


def rearranging(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function that moves, repeats or joins elements and changes none."""
    held = [tensor for tensor in operands_of(args, kwargs) if run.positions(tensor) is not None]
    switched: Switched = {
        id(tensor): run.uniform(tensor, positions) for tensor in held if (positions := run.positions(tensor))
    }
    if any(max(p.grid.size) == 1 for _, p in switched.values()):  # the only position: off means zero from here on
        switched = {key: (run.switched_off(t, p), p) for key, (t, p) in switched.items()}
        output = func(*_replaced(args, switched), **_replaced(kwargs, switched))
        return _marked(run, output, [State.GLOBAL] * len(tensors_in(output)))
    output = func(*_replaced(args, switched), **_replaced(kwargs, switched))
    grid, switched = _in_one_grid(run, func, switched)
    found = moved(run, func, args, kwargs, grid, {id(t): switched[id(t)][1] for t in held})
    return _marked(run, output, [State.GLOBAL if positions is None else positions for positions in found])


def rearranging_pairs(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The same for pairs of positions: the layouts of both move."""
    (tensor, *others) = [t for t in operands_of(args, kwargs) if not isinstance(run.state(t), State)]
    scores = run.scores(tensor)
    if others or scores is None:
        raise run.refusal(name_of(func), "joins pairs of positions with others, for which there is no rule")
    output = func(*args, **kwargs)
    sides = [moved(run, func, args, kwargs, side.grid, {id(tensor): side}) for side in scores.pair]
    states = [_paired(one, other) for one, other in zip(*sides, strict=True)]
    return _marked(run, output, states)


def moved(
    run: Interception,
    func: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    grid: Grid,
    held: Mapping[int, Positions],
) -> tuple[Positions | None, ...]:
    """The positions of every output; ``held`` are those of the arguments, by their identity."""

    def outputs() -> list[Tensor]:
        move: Function = _WHATEVER_THE_STRIDES.get(func, func)
        return tensors_in(move(*_places(args, held), **{name: _places(one, held) for name, one in kwargs.items()}))

    key = (func, grid.count, grid.size, *(_signature(value, held, run.layouts) for value in (args, kwargs)))
    return run.layouts.moved(key, outputs, grid)


def _signature(value: Any, held: Mapping[int, Positions], layouts: Layouts) -> Hashable:
    """What two calls have in common that move positions alike; no closure, which would keep the pass alive."""
    if isinstance(value, Tensor):
        if id(value) in held:
            return "held", held[id(value)].layout, tuple(value.shape)
        if value.is_floating_point():
            return "other", tuple(value.shape)
        return "index", layouts.keep(value)
    if isinstance(value, (list, tuple)):
        return type(value).__name__, *(_signature(item, held, layouts) for item in value)
    if isinstance(value, dict):
        return tuple((name, _signature(item, held, layouts)) for name, item in sorted(value.items()))
    if isinstance(value, slice):
        return "slice", value.start, value.stop, value.step
    return value if isinstance(value, Hashable) else repr(value)


def _places(value: Any, held: Mapping[int, Positions]) -> Any:
    """The layouts of the tensors in nested arguments, in full."""
    if isinstance(value, Tensor):
        if id(value) in held:
            return held[id(value)].index(value.ndim).expand(value.shape)
        if value.is_floating_point():
            return torch.full((), ALWAYS, device=value.device).expand(value.shape)
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(_places(item, held) for item in value)
    return value


def _in_one_grid(run: Interception, func: Function, switched: Switched) -> tuple[Grid, Switched]:
    """The grid of all positions, and where each tensor holds them; several grids are put into one batch."""
    grids = list({id(positions.grid): positions.grid for _, positions in switched.values()}.values())
    if len(grids) == 1:
        return grids[0], switched
    if any(grid.size != grids[0].size for grid in grids):
        raise run.refusal(name_of(func), "joins parts of maps of different sizes, for which there is no rule")
    joined = grids[0].derive(("joined", *grids[1:]), lambda: Grid.joined(grids))
    starts, start = {}, 0
    for grid in grids:
        starts[id(grid)], start = start, start + grid.count * size_of(joined.size)

    def moved_to(tensor: Tensor, positions: Positions) -> Positions:
        offset = starts[id(positions.grid)]

        def move() -> list[Tensor]:
            places = positions.index(tensor.ndim)
            return [torch.where(places == ALWAYS, places, places + offset)]

        key = ("joined", joined.count, joined.size, positions.layout, tensor.ndim, offset)
        (found,) = run.layouts.moved(key, move, joined)
        assert found is not None
        return found

    return joined, {key: (tensor, moved_to(tensor, positions)) for key, (tensor, positions) in switched.items()}


def padding_tokens(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``pad`` with a constant where positions do not form an (N, C, h, w) map: the border belongs to no position."""
    call = padding_call(*args, **kwargs)
    tensor, positions = call["input"], run.positions(call["input"])
    if call["mode"] != "constant" or positions is None:
        raise run.refusal("pad", f"repeats positions (mode={call['mode']!r}) outside an (N, C, h, w) map")
    padded = {-1 - i // 2 for i, amount in enumerate(call["pad"]) if amount}
    index = positions.index(tensor.ndim)
    if all(index.shape[axis] == 1 for axis in padded):  # channels
        return run.mark(func(*args, **kwargs), positions)
    output = func(*args, **kwargs)
    tensor, positions = run.uniform(tensor, positions)
    (found,) = moved(
        run, F.pad, (tensor, tuple(call["pad"]), "constant", ALWAYS), {}, positions.grid, {id(tensor): positions}
    )
    return run.mark(output, State.GLOBAL if found is None else found)


def padding_call(input: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> dict[str, Any]:
    """The arguments of ``pad`` by name."""
    return {"input": input, "pad": pad, "mode": mode}


def _paired(one: Positions | None, other: Positions | None) -> Positions | Scores | State:
    if one is not None and other is not None:
        return Scores((one, other))
    return one or other or State.GLOBAL


def _replaced(value: Any, switched: Mapping[int, tuple[Tensor, Positions]]) -> Any:
    if isinstance(value, Tensor):
        return switched[id(value)][0] if id(value) in switched else value
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(item, switched) for item in value)
    if isinstance(value, dict):
        return {name: _replaced(item, switched) for name, item in value.items()}
    return value


def _marked(run: Interception, output: Any, states: Iterable[Positions | Scores | State]) -> Any:
    for tensor, state in zip(tensors_in(output), states, strict=True):
        run.mark(tensor, state)
    return output
