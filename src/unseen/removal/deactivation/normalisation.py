"""Rules of normalisations whose statistics run over positions: those that are on count, the others do not.

A group of values without a switched-off position is normalised by torch's own function, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.intercepting import Function, name_of
from unseen.removal.deactivation.grid import times
from unseen.removal.deactivation.interception import Interception, MaskRule
from unseen.removal.deactivation.places import Positions
from unseen.removal.deactivation.pointwise import over_axes
from unseen.removal.deactivation.windows import accurate


def group_normalisation(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``group_norm`` of (N, C, …)."""
    call = _group_norm(*args, **kwargs)
    features, positions = _uniform(run, func, call["input"])
    count, channels, behind = call["groups"], features.shape[1], features.shape[2:]
    shape = (count, channels // count, *[1] * len(behind))

    def grouped(tensor: Tensor) -> Tensor:
        return tensor.reshape(len(tensor), count, -1, *behind)

    def own(groups: Tensor) -> Tensor:
        output: Tensor = func(groups.reshape(features.shape), *args[1:], **kwargs)
        return grouped(output)

    if positions.grid.full:
        return run.mark(func(features, *args[1:], **kwargs), positions)
    keep = positions.mask(positions.grid.keep, features.ndim)[:, None]
    axes = tuple(range(-1 - len(behind), 0))
    output = _normalised(grouped(features), keep, axes, own, _reshaped(call, shape), call["eps"])
    return run.mark(output.reshape(features.shape), positions)


def instance_normalisation(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``instance_norm`` with the statistics of each photograph and channel."""
    call = _instance_norm(*args, **kwargs)
    if not call["use_input_stats"]:
        raise run.refusal("instance_norm", "uses running statistics, for which there is no rule")
    shape = (-1, *[1] * (call["input"].ndim - 2))
    return _over_positions(run, func, args, kwargs, call, tuple(range(2 - call["input"].ndim, 0)), shape)


def layer_normalisation(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``layer_norm`` over the last axes: channels alone, or with positions among them (as in patch merging)."""
    call = _layer_norm(*args, **kwargs)
    features, positions = _uniform(run, func, call["input"])
    axes = tuple(range(-len(call["shape"]), 0))
    if not set(axes) & positions.held_by(features.ndim):
        return over_axes(run, func, args, kwargs, axes)
    return _over_positions(run, func, args, kwargs, call, axes, call["shape"])


def to_unit_length(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``normalize`` along one axis; over positions, those that are off add nothing to the length."""
    axis = kwargs.get("dim", args[2] if len(args) > 2 else 1)
    features, positions = _uniform(run, func, args[0])
    if not isinstance(axis, int):
        raise run.refusal(name_of(func), "works along several axes, for which there is no rule")
    if (axis if axis < 0 else axis - features.ndim) in positions.held_by(features.ndim):
        features = run.switched_off(features, positions)
    return run.mark(func(features, *args[1:], **kwargs), positions)


def _uniform(run: Interception, func: Function, features: Tensor) -> tuple[Tensor, Positions]:
    positions = run.positions(features)
    if positions is None:
        raise run.refusal(name_of(func), "takes its positions from another argument than the first")
    run.require_gradients(features)
    return run.uniform(features, positions)


def _over_positions(
    run: Interception,
    func: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    call: dict[str, Any],
    axes: tuple[int, ...],
    shape: tuple[int, ...],
) -> Tensor:
    features, positions = _uniform(run, func, call["input"])

    def own(values: Tensor) -> Tensor:
        return func(values, *args[1:], **kwargs)  # type: ignore[no-any-return]

    if positions.grid.full:
        return run.mark(own(features), positions)
    keep = positions.mask(positions.grid.keep, features.ndim)
    return run.mark(_normalised(features, keep, axes, own, _reshaped(call, shape), call["eps"]), positions)


def _reshaped(call: dict[str, Any], shape: tuple[int, ...]) -> list[Tensor | None]:
    return [None if call[name] is None else call[name].reshape(shape) for name in ("weight", "bias")]


def _normalised(
    features: Tensor,
    keep: Tensor,
    axes: tuple[int, ...],
    own: Callable[[Tensor], Tensor],
    affine: Sequence[Tensor | None],
    eps: float,
) -> Tensor:
    """Zero mean and unit variance, along ``axes``, of what is kept; by torch's own function where everything is."""
    kept = accurate(keep, features)
    share = kept.mean(axes, keepdim=True)
    share = torch.where(share > 0, share, 1).to(features.dtype)
    keep = keep.to(features.dtype)
    centred = times(features - (features * keep).mean(axes, keepdim=True) / share, keep)
    scale = (centred.square().mean(axes, keepdim=True) / share + eps).rsqrt()
    weight, bias = affine
    output = centred * (scale if weight is None else scale * weight)
    output = output if bias is None else output + bias
    whole = kept.amin(axes, keepdim=True) > 0
    return torch.where(whole, own(features), output) if bool(whole.any()) else output


def _group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> dict[str, Any]:
    return {"input": input, "groups": num_groups, "weight": weight, "bias": bias, "eps": eps}


def _instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> dict[str, Any]:
    return {"input": input, "weight": weight, "bias": bias, "use_input_stats": use_input_stats, "eps": eps}


def _layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> dict[str, Any]:
    return {"input": input, "shape": normalized_shape, "weight": weight, "bias": bias, "eps": eps}


NORMALISATION_RULES: Mapping[Function, MaskRule] = {
    F.group_norm: group_normalisation,
    F.instance_norm: instance_normalisation,
    F.layer_norm: layer_normalisation,
    F.normalize: to_unit_length,
}
