"""Rules of the operations that act on every position by itself, and of those that join branches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.intercepting import Function, name_of
from unseen.removal.deactivation.interception import Interception, MaskRule, operands_of
from unseen.removal.deactivation.merging import linear_over_positions
from unseen.removal.deactivation.places import Positions, Scattered

ELEMENTWISE = (
    "abs absolute addcdiv addcmul alpha_dropout bernoulli bfloat16 bool ceil celu clamp clamp_max clamp_min clip "
    "clone contiguous cos cpu cuda detach double dropout dropout1d dropout2d dropout3d elu eq erf exp expm1 "
    "feature_alpha_dropout feature_dropout float floor fmax fmin ge gelu gt half hardshrink hardsigmoid hardswish "
    "hardtanh hardtanh_ isfinite isnan le leaky_relu lerp log log10 log1p log2 log_sigmoid logical_not logsigmoid lt "
    "masked_fill maximum minimum mish nan_to_num ne neg negative ones_like pow prelu rand_like reciprocal relu relu6 "
    "requires_grad_ round rrelu rsqrt selu sigmoid sign silu sin softplus softshrink softsign sqrt square tanh "
    "tanhshrink tensor_like threshold to type type_as where zeros_like __abs__ __eq__ __ge__ __gt__ __invert__ __le__ "
    "__lt__ __ne__ __neg__ __pow__ __rpow__"
).split()
SUMS = ["add", "sub", "subtract", "rsub", "__add__", "__radd__", "__iadd__", "__sub__", "__rsub__", "__isub__"]
PRODUCTS = (
    "mul multiply div divide true_divide __mul__ __rmul__ __imul__ __truediv__ __rtruediv__ __itruediv__ __div__ "
    "__rdiv__ __idiv__"
).split()


def elementwise(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of each position alone; operands with positions must have the same ones."""
    first, *others = _operands(run, args, kwargs)
    if any(other != first for other in others):
        raise run.refusal(name_of(func), "joins branches with different positions, for which there is no rule")
    output = func(*args, **kwargs)
    if isinstance(output, str):  # Tensor.type()
        return output
    if not isinstance(output, Tensor):
        raise run.refusal(name_of(func), "takes positions in a way for which there is no rule")
    return run.mark(output, first)


def addition(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A sum of branches: each is switched off by its own positions; the sum is on where either is (join ``or``)."""
    first, *others = _operands(run, args, kwargs)
    if not others or others[0] == first:
        return run.mark(func(*args, **kwargs), first)
    left, right = args[0], args[1]
    first, second = _alike(run, func, left, right)
    if run.semantics.join == "and":
        return run.mark(func(*args, **kwargs), Positions(first.grid.intersection(second.grid), first.axes))
    joined = first.grid.union(second.grid)
    if not second.grid.covers(joined):
        right = run.switched_off(right, second)
    if not first.grid.covers(joined):
        if is_in_place(func):
            left = left.mul_(first.mask(first.grid.keep, left.ndim).to(left.dtype))
        else:
            left = run.switched_off(left, first)
    return run.mark(func(left, right, *args[2:], **kwargs), Positions(joined, first.axes))


def multiplication(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A product of branches is on where all of them are: what is switched off is zero."""
    first, *others = _operands(run, args, kwargs)
    if not others or others[0] == first:
        return run.mark(func(*args, **kwargs), first)
    first, second = _alike(run, func, args[0], args[1])
    grid = first.grid.intersection(second.grid)
    return run.mark(func(*args, **kwargs), Positions(grid, first.axes))


def expanding(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``expand`` and ``expand_as``: the first tensor keeps what it has; the other only lends its shape."""
    state = run.state(args[0])
    if isinstance(state, Scattered):
        return run.mark(func(*args, **kwargs).clone(), state)
    output = func(*args, **kwargs)
    return run.mark(output.clone() if isinstance(state, Positions) else output, state)


def batch_normalisation(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``batch_norm`` with running statistics; those of the batch would mix positions and photographs."""
    if _batch_norm(*args, **kwargs):
        raise run.refusal("batch_norm", "uses the statistics of the batch (track_running_stats=False)")
    return elementwise(run, func, args, kwargs)


def linear(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``linear`` over channels in the last axis, over merged positions, or over all of them."""
    features, positions = args[0], run.positions(args[0])
    if positions is not None and -1 in positions.held_by(features.ndim):
        return linear_over_positions(run, func, args, kwargs, positions)
    return over_axes(run, func, args, kwargs, (-1,))


def over_channels(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``log_softmax`` and ``glu`` along one axis that holds no positions."""
    axis = kwargs.get("dim", args[1] if len(args) > 1 else -1 if func.__name__ == "glu" else None)
    if not isinstance(axis, int):
        raise run.refusal(name_of(func), "is called without the axis that it works along")
    return over_axes(run, func, args, kwargs, (axis if axis < 0 else axis - args[0].ndim,))


def over_second_axis(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``local_response_norm`` and ``channel_shuffle`` mix the channels of (N, C, h, w)."""
    return over_axes(run, func, args, kwargs, (1 - args[0].ndim,))


def over_axes(
    run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any], axes: tuple[int, ...]
) -> Any:
    """An operation along ``axes`` (counted from the end), which must hold no positions."""
    features, positions = args[0], run.positions(args[0])
    if positions is None or set(axes) & positions.held_by(features.ndim):
        raise run.refusal(name_of(func), "works along an axis of positions, for which there is no rule")
    features, positions = run.uniform(features, positions)
    return run.mark(func(features, *args[1:], **kwargs), positions)


def is_in_place(func: Function) -> bool:
    """Whether the function changes its first argument."""
    name = func.__name__
    return (name.endswith("_") and not name.endswith("__")) or name in (
        "__iadd__",
        "__isub__",
        "__imul__",
        "__itruediv__",
        "__idiv__",
    )


def _operands(run: Interception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Positions]:
    states = map(run.state, operands_of(args, kwargs))
    return [state for state in states if isinstance(state, Positions)]


def _alike(run: Interception, func: Function, left: Any, right: Any) -> tuple[Positions, Positions]:
    first, second = run.positions(left), run.positions(right)
    scattered = isinstance(first, Scattered) or isinstance(second, Scattered)
    if first is None or second is None or scattered or first.axes != second.axes or first.grid.size != second.grid.size:
        raise run.refusal(name_of(func), "joins branches whose positions are laid out differently")
    return first, second


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> bool:
    return training


def functions(names: Iterable[str], *, in_place: bool = True) -> Iterable[Function]:
    """Every public torch function of these names."""
    for name in names:
        for home in (torch, torch.Tensor, F, torch._C._nn):
            for form in (name, f"{name}_") if in_place else (name,):
                found = getattr(home, form, None)
                if callable(found):
                    yield found


POINTWISE_RULES: Mapping[Function, MaskRule] = {
    **dict.fromkeys(functions(ELEMENTWISE), elementwise),
    **dict.fromkeys(functions(SUMS), addition),
    **dict.fromkeys(functions(PRODUCTS), multiplication),
    **dict.fromkeys(functions(("log_softmax", "glu")), over_channels),
    **dict.fromkeys(functions(("expand", "expand_as")), expanding),
    **dict.fromkeys(functions(("linear",)), linear),
    F.batch_norm: batch_normalisation,
    **dict.fromkeys(functions(("local_response_norm", "channel_shuffle")), over_second_axis),
}
