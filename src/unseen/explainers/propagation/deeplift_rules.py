"""One pass of DeepLIFT and its rules, one for each function that meets a signal; see ``deeplift`` for sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier import Classifier
from unseen.classifier.intercepting import Function, name_of
from unseen.explainers.propagation.propagation import (
    LAYER_NORMS,
    MATRIX_PRODUCTS,
    POINTWISE,
    PRODUCTS,
    SHARED_RULES,
    WEIGHTED,
    Propagation,
    PropagationRule,
    arguments,
    attention_of,
    check_exact,
    check_statistics,
    check_weights,
    norm_of,
    operands_of_product,
    pointwise,
    with_derivative,
)
from unseen.removal.deactivation.attention import multi_head_attention
from unseen.removal.deactivation.pointwise import functions, is_in_place


class Differences(Propagation):
    """One pass of DeepLIFT: of the baseline, which is recorded, or of the photograph, which is compared with it.

    Args:
        classifier: the network.
        tape: what the baseline's pass met, in order; empty while that is recorded.
        recording: whether this is the baseline's pass.
    """

    def __init__(self, classifier: Classifier, tape: list[Tensor], *, recording: bool) -> None:
        super().__init__(RULES, frozenset(), classifier, "deeplift")
        self.recording = recording
        self._tape = tape
        self._next = iter(tape)

    def baseline(self, met: Tensor) -> Tensor:
        """What the baseline's pass met at this point; itself while that is recorded."""
        if self.recording:
            self._tape.append(met.detach().clone())
            return met.detach()
        other = next(self._next, None)
        if other is None or other.shape != met.shape:
            raise self.refusal("an operation", "is met on the photograph's pass and not on the baseline's")
        return other


def _differ(here: Tensor, other: Tensor) -> Tensor:
    """Where a difference is more than rounding; elsewhere the derivative stands for the slope."""
    return (here - other).abs() > 8 * torch.finfo(here.dtype).eps * torch.maximum(here.abs(), other.abs())


def rescale(run: Propagation, func: Function, plain: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """A function of each value alone: its slope from the baseline to the photograph."""
    del func
    assert isinstance(run, Differences)
    other = run.baseline(inputs)
    here = inputs.detach()
    if run.recording:  # nobody asks this pass for slopes
        return run.through(plain(here), (inputs, 1.0))
    value, derivative = with_derivative(plain, here)
    change, far = here - other, _differ(here, other)
    slope = torch.where(far, (value - plain(other)) / torch.where(far, change, 1), derivative)
    return run.through(value, (inputs, slope))


def product(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Products: each of two signals at the mean of the other; a quotient is a product with a reciprocal."""
    left, right = args[0], args[1]
    check_exact(run, func, kwargs)
    if not run.is_signal(right):
        return func(*args, **kwargs)
    if "div" in func.__name__:
        right = run.call(torch.reciprocal, right)
    output = multiplied(run, torch.mul, left, right) if run.is_signal(left) else left * right
    return left.copy_(output) if is_in_place(func) else output


def matrix_product(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``matmul``, ``bmm`` and ``einsum``: each of two signals at the mean of the other."""
    operands, product_of = operands_of_product(func, args, kwargs)
    signals = sum(map(run.is_signal, operands))
    if signals > 2 or (signals > 1 and len(operands) > 2):
        raise run.refusal(name_of(func), "multiplies more than two tensors")
    if signals < 2:
        return func(*args, **kwargs)  # type: ignore[no-any-return]
    return multiplied(run, product_of, *operands)


def multiplied(run: Propagation, product_of: Callable[..., Tensor], left: Tensor, right: Tensor) -> Tensor:
    """A product of two signals."""
    assert isinstance(run, Differences)
    means = [(run.baseline(factor) + factor.detach()) / 2 for factor in (left, right)]
    with torch.no_grad():
        value = product_of(left, right)
    return run.through(value, (product_of(left, means[1]), 1.0), (product_of(means[0], right), 1.0))


def softmax(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``softmax``: its derivative, with the logarithmic mean of the two outputs in place of the output.

    With z = log softmax(x) and L = Δy / Δz, Δy = L · (Δx − Σ L Δx / Σ L), for the outputs always add up to 1.
    """
    assert isinstance(run, Differences)
    inputs, axis = args[0], kwargs.get("dim", args[1] if len(args) > 1 else None)
    if not isinstance(axis, int):
        raise run.refusal(name_of(func), "is called without the axis that it works along")
    with torch.no_grad():
        value = func(*args, **kwargs)
        logs, logs_there = (tensor.log_softmax(axis) for tensor in (inputs, run.baseline(inputs)))
        change, far = logs - logs_there, _differ(logs, logs_there)
        mean = torch.where(far, (logs.exp() - logs_there.exp()) / torch.where(far, change, 1), logs.exp())
        mean = torch.where(change.isfinite(), mean, 0)
    raised = torch.where(change.isfinite(), inputs, 0) * mean
    centre = raised.sum(axis, keepdim=True) / mean.sum(axis, keepdim=True)
    return run.through(value, (raised - mean * centre, 1.0))


def attention(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``scaled_dot_product_attention``, by its steps."""
    call = attention_of(run, func, args, kwargs)
    query, key, value, mask = (call[name] for name in ("query", "key", "value", "attn_mask"))
    scale = query.shape[-1] ** -0.5 if call["scale"] is None else call["scale"]
    scores = run.call(torch.matmul, run.call(torch.mul, query, scale), run.call(Tensor.transpose, key, -2, -1))
    if mask is not None and mask.dtype == torch.bool:
        scores = run.call(Tensor.masked_fill, scores, ~mask, -torch.inf)
    elif mask is not None:
        scores = run.call(torch.add, scores, mask)
    output: Tensor = run.call(torch.matmul, run.call(torch.softmax, scores, -1), value)
    return output


def normalisation(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Layer, group and instance norms, by their steps."""
    norm = norm_of(run, func, args, kwargs)
    grouped = run.call(Tensor.reshape, run.call(Tensor.to, norm.inputs, norm.precision), norm.shape)
    centred = run.call(torch.sub, grouped, run.call(torch.mean, grouped, norm.axes, keepdim=True))
    variance = run.call(torch.mean, run.call(torch.mul, centred, centred), norm.axes, keepdim=True)
    scale = run.call(torch.rsqrt, run.call(torch.add, variance, norm.eps))
    output: Tensor = run.call(Tensor.reshape, run.call(torch.mul, centred, scale), norm.inputs.shape)
    output = output if norm.weight is None else run.call(torch.mul, output, norm.weight)
    output = output if norm.bias is None else run.call(torch.add, output, norm.bias)
    return run.call(Tensor.to, output, norm.inputs.dtype)  # type: ignore[no-any-return]


def unit_length(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``normalize`` by the Euclidean norm, by its steps."""
    call = arguments(func, args, kwargs)
    if call["p"] != 2.0 or not isinstance(call["dim"], int):
        raise run.refusal(name_of(func), "is no Euclidean norm along one axis, the only one with a rule")
    inputs = call["input"]
    squares = run.call(torch.sum, run.call(torch.mul, inputs, inputs), call["dim"], keepdim=True)
    length = run.call(torch.clamp_min, run.call(torch.sqrt, squares), call["eps"])
    output: Tensor = run.call(torch.div, inputs, length)
    return output


def batch_norm(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``batch_norm`` in evaluation, which is affine."""
    check_statistics(run, func, args, kwargs)
    return func(*args, **kwargs)


def maximum_of_window(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Max pools: the change is credited to the input that made it, the new winner or the old one."""
    assert isinstance(run, Differences)
    inputs = args[0]
    other = run.baseline(inputs)
    options = {name: value for name, value in kwargs.items() if name != "return_indices"}
    if kwargs.get("return_indices"):
        raise run.refusal(name_of(func), "gives indices, for which there is no rule")
    here, places = func(inputs.detach(), *args[1:], **options, return_indices=True)
    there, old_places = func(other, *args[1:], **options, return_indices=True)
    at = torch.where(here >= there, places, old_places).flatten(2)

    def winners(tensor: Tensor) -> Tensor:
        return tensor.flatten(2).gather(2, at).reshape(here.shape)

    return credited(run, here, there, winners(inputs), winners(other))


def largest(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``amax`` along given axes, as a max pool."""
    assert isinstance(run, Differences)
    inputs, given = args[0], kwargs.get("dim", args[1] if len(args) > 1 else None)
    axes = [given] if isinstance(given, int) else list(given or ())
    if not axes:
        raise run.refusal(name_of(func), "reduces photographs, positions and channels to one number")
    other = run.baseline(inputs)
    kept = [axis for axis in range(inputs.ndim) if axis not in {axis % inputs.ndim for axis in axes}]
    order = [*kept, *(axis % inputs.ndim for axis in axes)]

    def rows(tensor: Tensor) -> Tensor:
        return tensor.permute(order).flatten(len(kept))

    here, places = rows(inputs.detach()).max(-1)
    there, old_places = rows(other).max(-1)
    at = torch.where(here >= there, places, old_places)[..., None]
    now, before = (rows(tensor).gather(-1, at)[..., 0] for tensor in (inputs, other))
    shape = func(inputs.detach(), *args[1:], **kwargs).shape
    return credited(run, here, there, now, before).reshape(shape)


def credited(run: Propagation, here: Tensor, there: Tensor, now: Tensor, before: Tensor) -> Tensor:
    """A maximum ``here`` that was ``there``, its change credited to one input each, which was ``before``."""
    change = now.detach() - before
    moved = change.abs() > 0
    return run.through(here, (now, torch.where(moved, (here - there) / torch.where(moved, change, 1), 1.0)))


def weighted_layer(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Linear layers and convolutions, which are affine."""
    check_weights(run, func, args, kwargs)
    return func(*args, **kwargs)


RULES: Mapping[Function, PropagationRule] = {
    **SHARED_RULES,
    **dict.fromkeys(functions(WEIGHTED), weighted_layer),
    F.batch_norm: batch_norm,
    **dict.fromkeys(LAYER_NORMS, normalisation),
    **dict.fromkeys(functions(("normalize",)), unit_length),
    **dict.fromkeys(functions(POINTWISE), pointwise(rescale)),
    **dict.fromkeys(functions(("softmax",)), softmax),
    **dict.fromkeys((F.max_pool1d, F.max_pool2d, F.max_pool3d), maximum_of_window),
    **dict.fromkeys((F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d), maximum_of_window),
    **dict.fromkeys(functions(("amax",)), largest),
    **dict.fromkeys(PRODUCTS, product),
    **dict.fromkeys(MATRIX_PRODUCTS, matrix_product),
    F.scaled_dot_product_attention: attention,
    F.multi_head_attention_forward: multi_head_attention,
}
