"""Rules of layer-wise relevance propagation, one for each function that meets a signal; see ``lrp`` for sources."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.intercepting import Function, name_of
from unseen.explainers.propagation.lrp_pass import Relevance
from unseen.explainers.propagation.propagation import (
    LAYER_NORMS,
    MATRIX_PRODUCTS,
    MAXIMA,
    PRODUCTS,
    RECTIFIERS,
    SHARED_RULES,
    WEIGHTED,
    Propagation,
    PropagationRule,
    arguments,
    attention_of,
    check_exact,
    linear,
    norm_of,
    operands_of_product,
    pointwise,
)
from unseen.removal.deactivation.attention import attention_by_steps, multi_head_attention
from unseen.removal.deactivation.pointwise import functions, is_in_place


def weighted_layer(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Linear layers and convolutions."""
    assert isinstance(run, Relevance)
    call = _weighted(*args, **kwargs)
    inputs, weight, bias, rest = call["input"], call["weight"], call["bias"], call["rest"]
    if run.is_signal(weight) or run.is_signal(bias) or not run.is_signal(inputs):
        raise run.refusal(name_of(func), "has weights that depend on the photograph")

    def apply(signal: Tensor, weights: Tensor) -> Tensor:
        return func(signal, weights, None, *rest[0], **rest[1])  # type: ignore[no-any-return]

    with torch.no_grad():
        value = func(inputs, weight, bias, *rest[0], **rest[1])
    return run.weighted(apply, inputs, weight, value, foldable="transpose" not in func.__name__)


def _weighted(input: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any, **options: Any) -> dict[str, Any]:
    return {"input": input, "weight": weight, "bias": bias, "rest": (rest, options)}


def batch_norm(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``batch_norm`` in evaluation: folded into the weighted layer before it, or a layer of its own."""
    assert isinstance(run, Relevance)
    call = arguments(func, args, kwargs)
    inputs = call["input"]
    if call["training"] or call["running_mean"] is None:
        raise run.refusal("batch_norm", "normalises by its batch, for which there is no rule")
    with torch.no_grad():
        value = func(*args, **kwargs)
        scale = (call["running_var"] + call["eps"]).rsqrt()
        scale = scale if call["weight"] is None else scale * call["weight"]
    origin = run.origin(inputs)
    if origin is not None:
        apply, before, weight = origin
        return run.weighted(apply, before, weight * scale.reshape(-1, *[1] * (weight.ndim - 1)), value)
    shape = (1, -1, *[1] * (inputs.ndim - 2))
    return run.weighted(torch.mul, inputs, scale.reshape(shape).to(inputs.dtype), value)


def normalisation(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Layer, group and instance norms: centring passes relevance, the standard deviation is held constant."""
    norm = norm_of(run, func, args, kwargs)
    with torch.no_grad():
        value = func(*args, **kwargs)
    grouped = norm.inputs.to(norm.precision).reshape(norm.shape)
    centred = grouped - grouped.mean(norm.axes, keepdim=True)
    held = (centred.detach().square().mean(norm.axes, keepdim=True) + norm.eps).rsqrt()
    surrogate = (centred * held).reshape(norm.inputs.shape)
    return run.through(value, (surrogate if norm.weight is None else surrogate * norm.weight, 1.0))


def activation(run: Propagation, func: Function, plain: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """A function of each value alone that is 0 at 0: it passes relevance on as it is."""
    assert isinstance(run, Relevance)
    if bool(plain(torch.zeros_like(inputs)).any()):
        raise run.refusal(name_of(func), "is not 0 at 0, so that there is no rule")
    held = inputs.detach()
    value = plain(held)
    if run.shares.variant == "deep-taylor" and bool((plain(held.clamp(max=0)) != 0).any()):
        raise run.refusal(name_of(func), "is no rectifier, which deep Taylor decomposition needs")
    return run.through(value, (inputs, torch.where(held != 0, value / torch.where(held != 0, held, 1), 0)))


def gating(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """What weighs signals: held constant."""
    name = func.__name__
    if name.endswith("_") and not name.endswith("__"):
        raise run.refusal(name_of(func), "makes a gate in place, for which there is no rule")
    with torch.no_grad():
        output = func(*args, **{**kwargs, **({"inplace": False} if kwargs.get("inplace") else {})})
    return run.gate(output) if isinstance(output, Tensor) else type(output)(map(run.gate, output))


def product(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Products: a factor that is no signal is a weight; of two signals each gets half."""
    left, right = args[0], args[1]
    check_exact(run, func, kwargs)
    if not (run.is_signal(left) and run.is_signal(right)):
        if "div" in func.__name__ and run.is_signal(right):
            raise run.refusal(name_of(func), "divides by a signal, for which there is no rule")
        return func(*args, **kwargs)  # type: ignore[no-any-return]
    if "div" in func.__name__:
        raise run.refusal(name_of(func), "divides by a signal, for which there is no rule")
    with torch.no_grad():
        value = left * right
    output = run.through(value, (left * right.detach(), 0.5), (left.detach() * right, 0.5))
    return left.copy_(output) if is_in_place(func) else output


def matrix_product(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``matmul``, ``bmm``, ``einsum``: with a constant a weighted layer, with a gate linear, of two signals halved."""
    assert isinstance(run, Relevance)
    operands, product_of = operands_of_product(func, args, kwargs)
    signals = [run.is_signal(operand) for operand in operands]
    if len(operands) != 2:
        if sum(signals) > 1:
            raise run.refusal(name_of(func), "multiplies more than two tensors")
        return func(*args, **kwargs)  # type: ignore[no-any-return]
    left, right = operands
    if all(signals):
        with torch.no_grad():
            value = product_of(left, right)
        return run.through(value, (product_of(left, right.detach()), 0.5), (product_of(left.detach(), right), 0.5))
    other = right if signals[0] else left
    if run.state(other) is not None:
        return product_of(left, right)
    with torch.no_grad():
        value = product_of(left, right)
    if signals[0]:
        return run.weighted(product_of, left, right, value)
    return run.weighted(lambda signal, weight: product_of(weight, signal), right, left, value)


def attention(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``scaled_dot_product_attention``: its weights are held constant."""
    call = attention_of(run, func, args, kwargs)
    query, key, value, mask = (call[name] for name in ("query", "key", "value", "attn_mask"))
    if not run.is_signal(value):
        raise run.refusal("scaled_dot_product_attention", "weighs values that do not depend on the photograph")
    with torch.no_grad():
        output = func(*args, **kwargs)
        weights = attention_weights(query, key, mask, call["scale"])
    return run.through(output, (weights @ value, 1.0))


def softmax(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``softmax`` of a signal: R_i = x_i (R_i − s_i Σ R), as its derivative says; what is beside that is absorbed."""
    axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
    if not isinstance(axis, int):
        raise run.refusal(name_of(func), "is called without the axis that it works along")
    output: Tensor = func(*args, **kwargs)
    with torch.no_grad():
        scores = torch.where(output > 0, args[0].to(output.dtype), 0)  # a mask hides by −∞
        run.absorb(output, output * (1 - scores + (output * scores).sum(axis, keepdim=True)))
    return output


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None, scale: float | None) -> Tensor:
    """The weights of scaled dot-product attention."""
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1)


def unit_length(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``normalize``: the length is held constant."""
    with torch.no_grad():
        value = func(*args, **kwargs)
        ratio = torch.where(args[0] != 0, value / torch.where(args[0] != 0, args[0], 1), 0)
    return run.through(value, (args[0], ratio))


_ACTIVATIONS = """
relu6 hardtanh clamp clamp_min clamp_max clip leaky_relu prelu gelu silu hardswish mish elu selu celu tanh softsign
hardshrink softshrink tanhshrink abs sin erf
""".split()
_GATES = """
sigmoid hardsigmoid softmax exp sqrt rsqrt reciprocal square pow __pow__ var std norm var_mean softplus
""".split()

RULES: Mapping[Function, PropagationRule] = {
    **SHARED_RULES,
    **dict.fromkeys(functions(WEIGHTED), weighted_layer),
    F.batch_norm: batch_norm,
    **dict.fromkeys(LAYER_NORMS, normalisation),
    **dict.fromkeys(functions(("normalize",)), unit_length),
    **dict.fromkeys(RECTIFIERS, linear),
    **dict.fromkeys(functions(MAXIMA), linear),
    **dict.fromkeys(functions(_ACTIVATIONS), pointwise(activation)),
    **dict.fromkeys(functions(_GATES), gating),
    torch.linalg.vector_norm: gating,
    **dict.fromkeys(PRODUCTS, product),
    **dict.fromkeys(MATRIX_PRODUCTS, matrix_product),
    F.scaled_dot_product_attention: attention,
    F.multi_head_attention_forward: multi_head_attention,
}
ATTENTION_RULES: Mapping[Function, PropagationRule] = {
    **RULES,
    **dict.fromkeys(functions(("softmax",), in_place=False), softmax),
    F.scaled_dot_product_attention: attention_by_steps,
}
"""Those of AttnLRP, in which attention weights are signals, too: what they are made of gets relevance."""
GATED = PRODUCTS | MATRIX_PRODUCTS
