"""Rules of the operations whose windows see several positions: convolution, pooling, padding, resizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.intercepting import Function
from unseen.inputs.space import Space
from unseen.removal.deactivation.grid import ADAPTIVE, Grid, Window
from unseen.removal.deactivation.interception import Interception, MaskRule, State
from unseen.removal.deactivation.placement import ALWAYS
from unseen.removal.deactivation.places import Positions, Scattered
from unseen.removal.deactivation.rearranging import padding_call, padding_tokens

Numbers = int | tuple[int, ...] | list[int]
"""One number for all axes, or one for each."""


def convolution(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``conv2d`` and kin: switched-off positions are zero (or filled) where the window mixes them with others."""
    call = _convolution(*args, **kwargs)
    window = call["window"]
    features, positions = feature_map(run, func, call["input"], len(window.kernel))
    if window.pointwise:
        features, positions = run.uniform(features, positions)
        return run.mark(func(features, *args[1:], **kwargs), positions)
    features = run.filled(features, positions, _rings(run, window))
    output = func(features, *args[1:], **kwargs)
    return run.mark(output, Positions(_through_window(run, func, positions, window, output)))


def transposed_convolution(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``conv_transpose2d`` and kin: every switched-on position spreads over the kernel."""
    call = _transposed(*args, **kwargs)
    axes = len(call["kernel"])
    features, positions = feature_map(run, func, call["input"], axes)
    kernel = torch.ones(1, 1, *call["kernel"], device=features.device, dtype=torch.float32)

    def spread(mask: Tensor) -> Tensor:
        return _TRANSPOSED[axes](mask, kernel, **call["geometry"])

    output = func(run.switched_off(features, positions), *args[1:], **kwargs)
    return run.mark(output, Positions(_through_operation(run, func, positions, spread, output)))


def max_pooling(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``max_pool2d`` and kin: switched-off positions lose against any other, so that negative features survive."""
    axes = _axes_of(func)
    call = _max_pool(axes, *args, **kwargs)
    if call["return_indices"]:
        raise run.refusal(func.__name__, "returns indices, which have no rule")
    features, positions = feature_map(run, func, call["input"], axes)
    output = _maximum(func, args, kwargs, features, positions)
    grid = _through_window(run, func, positions, call["window"], output)
    return pooled(run, output, features, grid)


def adaptive_max_pooling(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``adaptive_max_pool2d`` and kin, as :func:`max_pooling`."""
    axes = _axes_of(func)
    call = _adaptive(*args, **kwargs)
    features, positions = feature_map(run, func, call["input"], axes)
    if call["return_indices"]:
        raise run.refusal(func.__name__, "returns indices, which have no rule")
    output = _maximum(func, args, kwargs, features, positions)
    size = size_of(output)
    grid = _through_operation(run, func, positions, lambda mask: ADAPTIVE[axes](mask, size), output)
    return pooled(run, output, features, grid)


def average_pooling(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``avg_pool2d`` and kin: the mean over switched-on positions; where padding is counted, so are they, as zeros."""
    axes = _axes_of(func)
    call = _avg_pool(axes, *args, **kwargs)
    features, positions = feature_map(run, func, call["input"], axes)
    counts_zeros = call["counts_padding"] or call["divisor"] is not None

    def pool(values: Tensor) -> Tensor:
        return func(values, *args[1:], **kwargs)  # type: ignore[no-any-return]

    output = _averaged(run, pool, features, positions, divide=not counts_zeros)
    grid = _through_window(run, func, positions, call["window"], output)
    return pooled(run, output, features, grid)


def adaptive_average_pooling(
    run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Tensor:
    """``adaptive_avg_pool2d`` and kin: the mean over each cell's switched-on positions (Chanchal et al. take all)."""
    axes = _axes_of(func)
    call = _adaptive(*args, **kwargs)
    features, positions = feature_map(run, func, call["input"], axes)
    output = _averaged(run, lambda values: func(values, call["size"]), features, positions, divide=True)
    size = size_of(output)
    if size == size_of(features):
        return run.mark(output, positions)
    grid = _through_operation(run, func, positions, lambda mask: ADAPTIVE[axes](mask, size), output)
    return pooled(run, output, features, grid)


def padding(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``pad``: a constant border is padding, not photograph; a reflected or repeated one is on where its source is."""
    call = padding_call(*args, **kwargs)
    before = run.positions(call["input"])
    if before is not None and not _is_map(call["input"], before):
        output: Tensor = padding_tokens(run, func, args, kwargs)
        return output
    axes = call["input"].ndim - 2
    features, positions = feature_map(run, func, call["input"], axes)
    spatial, mode = tuple(call["pad"][: 2 * axes]), call["mode"]
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
    features, positions = feature_map(run, func, call["input"], call["input"].ndim - 2)
    if call["mode"] not in ("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "area"):
        raise run.refusal(f"interpolate(mode={call['mode']!r})", "has no rule")

    def resize(values: Tensor) -> Tensor:
        return func(values, *args[1:], **kwargs)  # type: ignore[no-any-return]

    output = resize(run.switched_off(features, positions))
    return run.mark(output, Positions(_through_operation(run, func, positions, resize, output)))


# ---- shared pieces ----------------------------------------------------------------------------------------------


def feature_map(run: Interception, func: Function, value: Tensor, axes: int) -> tuple[Tensor, Positions]:
    """The input and its positions; refuses what is not ``(N, C, *size)`` with positions in the last so many axes."""
    positions = run.positions(value)
    if isinstance(positions, Scattered) and value.ndim == axes + 2 == len(positions.grid.size) + 2:
        positions = _map_of(run, func, value, positions)
    if positions is None or len(positions.grid.size) != axes or not _lies_last(value, positions):
        raise run.refusal(func.__name__, f"meets positions that are not the last {axes} axes of {_FORMS[axes]}")
    run.require_gradients(value)
    return value, positions


_FORMS = {1: "(N, C, l)", 2: "(N, C, h, w)", 3: "(N, C, d, h, w)"}


def _lies_last(value: Tensor, positions: Positions) -> bool:
    return positions.axes == positions.grid.axes and value.ndim == len(positions.axes) + 2


def _is_map(value: Tensor, positions: Positions) -> bool:
    """Whether the positions are the last axes of ``(N, C, *size)``, wherever they came from."""
    whole = value.ndim == len(positions.grid.size) + 2
    return _lies_last(value, positions) or (whole and positions.held_by(value.ndim) == set(positions.grid.axes))


def _map_of(run: Interception, func: Function, value: Tensor, positions: Scattered) -> Positions:
    """Positions that were moved into the channels (space to depth) as a map whose channels differ."""

    def make() -> Grid:
        shape, before = (len(value), -1, *value.shape[2:]), positions.grid
        active = positions.mask(before.active, value.ndim, 0.0).expand(shape)
        outside = (positions.mask(before.valid.expand_as(before.active), value.ndim, 0.0) == 0).expand(shape)
        if not bool((outside == outside[:, :1]).all()):
            raise run.refusal(func.__name__, "meets a border that differs between channels")
        border = outside[:, :1].to(active.dtype) if bool(outside.any()) else None
        place = before.placement
        return Grid(active, border, place and place.moved(positions.index(value.ndim).expand(shape), active, border))

    return Positions(positions.grid.derive(("map", positions.by), make))


def bordered(places: Tensor, spatial: tuple[int, ...], mode: str) -> Tensor:
    """Places ``(R, 1, *size)`` with the border that ``pad`` puts around a map."""
    if mode == "constant":
        return F.pad(places, spatial, value=ALWAYS)
    return F.pad(places.double(), spatial, mode).long()


def size_of(tensor: Tensor) -> Space:
    """The size of ``(N, C, *size)``."""
    return tuple(tensor.shape[2:])


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
    if max(size_of(output)) == 1 < max(size_of(features)):
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


def _many(value: Numbers, axes: int) -> tuple[int, ...]:
    """One number for each axis."""
    if isinstance(value, int):
        return (value,) * axes
    return (value[0],) * axes if len(value) == 1 else tuple(value)


def _axes_of(func: Function) -> int:
    """Along how many axes a function slides: the digit in its name."""
    return next(int(letter) for letter in func.__name__ if letter.isdigit())


def _convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers | str = 0,
    dilation: Numbers = 1,
    groups: int = 1,
) -> dict[str, Any]:
    kernel = tuple(weight.shape[2:])
    axes = len(kernel)
    border = padding if isinstance(padding, str) else _many(padding, axes)
    return {"input": input, "window": Window(kernel, _many(stride, axes), border, _many(dilation, axes))}


def _transposed(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = 1,
    padding: Numbers = 0,
    output_padding: Numbers = 0,
    groups: int = 1,
    dilation: Numbers = 1,
) -> dict[str, Any]:
    geometry = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    return {"input": input, "kernel": tuple(weight.shape[2:]), "geometry": geometry}


def _max_pool(
    axes: int,
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    dilation: Numbers = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> dict[str, Any]:
    kernel = _many(kernel_size, axes)
    window = Window(kernel, _many(stride, axes) if stride else kernel, _many(padding, axes), _many(dilation, axes))
    return {"input": input, "window": window, "return_indices": return_indices}


def _avg_pool(
    axes: int,
    input: Tensor,
    kernel_size: Numbers,
    stride: Numbers | None = None,
    padding: Numbers = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> dict[str, Any]:
    kernel, border = _many(kernel_size, axes), _many(padding, axes)
    window = Window(kernel, _many(stride, axes) if stride else kernel, border, (1,) * axes)
    counts = count_include_pad and any(border)
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


_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}

WINDOW_RULES: Mapping[Function, MaskRule] = {
    **dict.fromkeys((torch.conv1d, torch.conv2d, torch.conv3d), convolution),
    **dict.fromkeys((torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d), transposed_convolution),
    **dict.fromkeys((F.max_pool1d, F.max_pool2d, F.max_pool3d), max_pooling),
    **dict.fromkeys((torch.max_pool1d, torch.max_pool2d, torch.max_pool3d), max_pooling),
    **dict.fromkeys((F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d), adaptive_max_pooling),
    **dict.fromkeys((F.avg_pool1d, F.avg_pool2d, F.avg_pool3d), average_pooling),
    **dict.fromkeys((F.adaptive_avg_pool2d, F.adaptive_avg_pool3d), adaptive_average_pooling),
    F.pad: padding,
    F.interpolate: resizing,
}
"""Of ``adaptive_avg_pool1d``, which also pools tokens, see the layouts."""
