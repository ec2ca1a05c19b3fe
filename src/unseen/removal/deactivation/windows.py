"""Rules of the operations whose windows see several positions: convolution, pooling, padding, resizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.intercepting import Function
from unseen.removal.deactivation.grid import Grid, Window
from unseen.removal.deactivation.interception import Interception, MaskRule, State
from unseen.removal.deactivation.placement import ALWAYS
from unseen.removal.deactivation.places import Positions, Scattered
from unseen.removal.deactivation.rearranging import padding_call, padding_tokens

Pair = int | tuple[int, ...] | list[int]


def convolution(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``conv2d``: switched-off positions are zero (or filled) where the window mixes them with others."""
    call = _conv2d(*args, **kwargs)
    features, positions = feature_map(run, func, call["input"])
    window = call["window"]
    if window.pointwise:
        features, positions = run.uniform(features, positions)
        return run.mark(func(features, *args[1:], **kwargs), positions)
    features = run.filled(features, positions, _rings(run, window))
    output = func(features, *args[1:], **kwargs)
    return run.mark(output, Positions(_through_window(run, func, positions, window, output)))


def transposed_convolution(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``conv_transpose2d``: every switched-on position spreads over the kernel."""
    call = _conv_transpose2d(*args, **kwargs)
    features, positions = feature_map(run, func, call["input"])
    kernel = torch.ones(1, 1, *call["kernel"], device=features.device, dtype=torch.float32)

    def spread(mask: Tensor) -> Tensor:
        return F.conv_transpose2d(mask, kernel, **call["geometry"])

    output = func(run.switched_off(features, positions), *args[1:], **kwargs)
    return run.mark(output, Positions(_through_operation(run, func, positions, spread, output)))


def max_pooling(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``max_pool2d``: switched-off positions lose against any other, so that negative features survive."""
    call = _max_pool2d(*args, **kwargs)
    if call["return_indices"]:
        raise run.refusal("max_pool2d", "returns indices, which have no rule")
    features, positions = feature_map(run, func, call["input"])
    output = _maximum(func, args, kwargs, features, positions)
    grid = _through_window(run, func, positions, call["window"], output)
    return pooled(run, output, features, grid)


def adaptive_max_pooling(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``adaptive_max_pool2d``, as :func:`max_pooling`."""
    call = _adaptive(*args, **kwargs)
    features, positions = feature_map(run, func, call["input"])
    if call["return_indices"]:
        raise run.refusal("adaptive_max_pool2d", "returns indices, which have no rule")
    output = _maximum(func, args, kwargs, features, positions)
    size = size_of(output)
    grid = _through_operation(run, func, positions, lambda mask: F.adaptive_avg_pool2d(mask, size), output)
    return pooled(run, output, features, grid)


def average_pooling(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``avg_pool2d``: the mean over switched-on positions; a pool that counts padding counts them as zeros, too."""
    call = _avg_pool2d(*args, **kwargs)
    features, positions = feature_map(run, func, call["input"])
    counts_zeros = call["counts_padding"] or call["divisor"] is not None

    def pool(values: Tensor) -> Tensor:
        return func(values, *args[1:], **kwargs)  # type: ignore[no-any-return]

    output = _averaged(run, pool, features, positions, divide=not counts_zeros)
    grid = _through_window(run, func, positions, call["window"], output)
    return pooled(run, output, features, grid)


def adaptive_average_pooling(
    run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor:
    """``adaptive_avg_pool2d``: the mean over each cell's switched-on positions (Chanchal et al. take all)."""
    call = _adaptive(*args, **kwargs)
    features, positions = feature_map(run, func, call["input"])
    output = _averaged(run, lambda values: func(values, call["size"]), features, positions, divide=True)
    size = size_of(output)
    if size == size_of(features):
        return run.mark(output, positions)
    grid = _through_operation(run, func, positions, lambda mask: F.adaptive_avg_pool2d(mask, size), output)
    return pooled(run, output, features, grid)


def padding(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``pad``: a constant border is padding, not photograph; a reflected or repeated one is on where its source is."""
    call = padding_call(*args, **kwargs)
    before = run.positions(call["input"])
    if before is not None and not _is_map(call["input"], before):
        output: Tensor = padding_tokens(run, func, args, kwargs)
        return output
    features, positions = feature_map(run, func, call["input"])
    spatial, mode = tuple(call["pad"][:4]), call["mode"]
    features, positions = run.uniform(features, positions)
    output = func(features, *args[1:], **kwargs)
    if not any(spatial):
        return run.mark(output, positions)
    grid = positions.grid

    def make() -> Grid:
        def grown(places: Tensor) -> Tensor:
            return bordered(places, spatial, mode)

        active = F.pad(grid.active, spatial, mode)
        border = 1 - F.pad(grid.valid, spatial) if mode == "constant" else None
        if mode != "constant" and grid.padding is not None:
            border = F.pad(grid.padding, spatial, mode)
        return Grid(active, border, grid.placement and grid.placement.padded(spatial, grown, active, border))

    return run.mark(output, Positions(grid.derive(("pad", spatial, mode), make)))


def resizing(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``interpolate``: nearest, linear and by area; other modes weigh positions negatively."""
    call = _interpolate(*args, **kwargs)
    features, positions = feature_map(run, func, call["input"])
    if call["mode"] not in ("nearest", "nearest-exact", "bilinear", "area"):
        raise run.refusal(f"interpolate(mode={call['mode']!r})", "has no rule")

    def resize(values: Tensor) -> Tensor:
        return func(values, *args[1:], **kwargs)  # type: ignore[no-any-return]

    output = resize(run.switched_off(features, positions))
    return run.mark(output, Positions(_through_operation(run, func, positions, resize, output)))


# ---- shared pieces ----------------------------------------------------------------------------------------------


def feature_map(run: Interception, func: Function, value: Tensor) -> tuple[Tensor, Positions]:
    """The input and its positions; refuses inputs that are not (N, C, h, w) with positions in the last two axes."""
    positions = run.positions(value)
    if isinstance(positions, Scattered) and value.ndim == 4:
        positions = _map_of(run, func, value, positions)
    if positions is None or positions.axes != (-2, -1) or value.ndim != 4:
        raise run.refusal(func.__name__, "meets positions that are not the last two axes of (N, C, h, w)")
    run.require_gradients(value)
    return value, positions


def _is_map(value: Tensor, positions: Positions) -> bool:
    """Whether the positions are the last two axes of (N, C, h, w), wherever they came from."""
    return value.ndim == 4 and (positions.axes == (-2, -1) or positions.held_by(4) == {-2, -1})


def _map_of(run: Interception, func: Function, value: Tensor, positions: Scattered) -> Positions:
    """Positions that were moved into the channels (space to depth) as a map whose channels differ."""

    def make() -> Grid:
        shape, before = (len(value), -1, *value.shape[2:]), positions.grid
        active = positions.mask(before.active, 4, 0.0).expand(shape)
        outside = (positions.mask(before.valid.expand_as(before.active), 4, 0.0) == 0).expand(shape)
        if not bool((outside == outside[:, :1]).all()):
            raise run.refusal(func.__name__, "meets a border that differs between channels")
        border = outside[:, :1].to(active.dtype) if bool(outside.any()) else None
        place = before.placement
        return Grid(active, border, place and place.moved(positions.index(4).expand(shape), active, border))

    return Positions(positions.grid.derive(("map", positions.by), make))


def bordered(places: Tensor, spatial: tuple[int, ...], mode: str) -> Tensor:
    """Places (R, 1, h, w) with the border that ``pad`` puts around a map."""
    if mode == "constant":
        return F.pad(places, spatial, value=ALWAYS)
    return F.pad(places.double(), spatial, mode).long()


def size_of(tensor: Tensor) -> tuple[int, int]:
    """(h, w) of (N, C, h, w)."""
    return int(tensor.shape[-2]), int(tensor.shape[-1])


def _through_window(run: Interception, func: Function, positions: Positions, window: Window, output: Tensor) -> Grid:
    run.traced(positions.grid.placement, func)
    return run.traveller.through_window(positions.grid, window, size_of(output))


def _through_operation(
    run: Interception, func: Function, positions: Positions, spread: Callable[[Tensor], Tensor], output: Tensor
) -> Grid:
    run.traced(positions.grid.placement, func)
    return run.traveller.through_operation(positions.grid, spread, size_of(output))


def pooled(run: Interception, output: Tensor, features: Tensor, grid: Grid) -> Tensor:
    """Mark a pooled map; one that was pooled to a single position has none left (squeeze-and-excitation, the head)."""
    if size_of(output) == (1, 1) != size_of(features):
        return run.mark(output, State.GLOBAL)
    return run.mark(output, Positions(grid))


def lowered(features: Tensor, keep: Tensor) -> Tensor:
    """Features that lose every comparison where they are switched off; finite, and faster than ``masked_fill``."""
    return features + (keep - 1) * (torch.finfo(features.dtype).max / 2)


def raised(maximum: Tensor) -> Tensor:
    """0 where a maximum of :func:`lowered` features found nothing but switched-off ones, and −∞ of a padding."""
    return torch.where(maximum > torch.finfo(maximum.dtype).min / 4, maximum, 0)


def accurate(mask: Tensor, features: Tensor) -> Tensor:
    """A mask to be averaged: at least float32, whatever the network's precision."""
    return mask.to(torch.promote_types(features.dtype, torch.float32))


def divide_by_share(average: Tensor, share: Tensor) -> Tensor:
    """Turn an average over all positions into one over the share that is on; exact where the share is 0 or 1."""
    partial = (share > 0) & (share < 1)
    return average / torch.where(partial, share, torch.ones_like(share)).to(average.dtype)


def _averaged(run: Interception, pool: Function, features: Tensor, positions: Positions, *, divide: bool) -> Tensor:
    output: Tensor = pool(run.switched_off(features, positions))
    if positions.grid.full or not divide or run.semantics.pooling == "all":
        return output
    return divide_by_share(output, pool(accurate(positions.grid.keep, features)))


def _maximum(
    func: Function, args: tuple[Any, ...], kwargs: dict[str, Any], features: Tensor, positions: Positions
) -> Tensor:
    """A maximum that cannot choose a switched-off position; 0 where there is no other."""
    if positions.grid.full:
        return func(*args, **kwargs)  # type: ignore[no-any-return]
    return raised(func(lowered(features, positions.grid.keep), *args[1:], **kwargs))


def _rings(run: Interception, window: Window) -> int:
    """How many rings of switched-off positions the window of a switched-on output can reach."""
    reach = max((k - 1) * d for k, d in zip(window.kernel, window.dilation, strict=True))
    if run.traveller.travel == "dilating":
        return reach if run.semantics.fill == "neighbour" else 0
    if run.semantics.fill == "neighbour":
        return reach // 2 + max(window.stride) - 1
    return max(window.stride) - 1 if window.single else 0


def _pair(value: Pair) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])


def _conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair | str = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> dict[str, Any]:
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    border = padding if isinstance(padding, str) else _pair(padding)
    return {"input": input, "window": Window(kernel, _pair(stride), border, _pair(dilation))}


def _conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> dict[str, Any]:
    geometry = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    return {"input": input, "kernel": (int(weight.shape[2]), int(weight.shape[3])), "geometry": geometry}


def _max_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> dict[str, Any]:
    kernel = _pair(kernel_size)
    window = Window(kernel, _pair(stride) if stride else kernel, _pair(padding), _pair(dilation))
    return {"input": input, "window": window, "return_indices": return_indices}


def _avg_pool2d(
    input: Tensor,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> dict[str, Any]:
    kernel = _pair(kernel_size)
    window = Window(kernel, _pair(stride) if stride else kernel, _pair(padding))
    counts = count_include_pad and any(_pair(padding))
    return {"input": input, "window": window, "counts_padding": counts, "divisor": divisor_override}


def _adaptive(input: Tensor, output_size: Any, return_indices: bool = False) -> dict[str, Any]:
    return {"input": input, "size": output_size, "return_indices": return_indices}


def _interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> dict[str, Any]:
    return {"input": input, "mode": mode}


WINDOW_RULES: Mapping[Function, MaskRule] = {
    torch.conv2d: convolution,
    torch.conv_transpose2d: transposed_convolution,
    F.max_pool2d: max_pooling,
    torch.max_pool2d: max_pooling,
    F.adaptive_max_pool2d: adaptive_max_pooling,
    F.avg_pool2d: average_pooling,
    F.adaptive_avg_pool2d: adaptive_average_pooling,
    F.pad: padding,
    F.interpolate: resizing,
}
