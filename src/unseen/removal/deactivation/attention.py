"""Rules of attention: a switched-off position is neither key nor value, for any query.

For a plain vision transformer this is the same as dropping its patch tokens after the position embedding (Jain et al.,
*Missingness Bias in Model Debugging*, ICLR 2022). Products that sum over positions take a switched-off one for zero;
products of queries and keys hold a score for each pair of positions, and a softmax over keys leaves those that are
switched off without weight. Attention does not dilate the mask: a token is on where its patch is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier.intercepting import Function, name_of
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.grid import times
from unseen.removal.deactivation.interception import Interception, MaskRule, State, operands_of
from unseen.removal.deactivation.places import Positions, Scores
from unseen.removal.deactivation.pointwise import ELEMENTWISE, PRODUCTS, SUMS, functions
from unseen.removal.deactivation.rearranging import rearranging_pairs
from unseen.removal.deactivation.windows import lowered

# ---- products ---------------------------------------------------------------------------------------------------


def matrix_product(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``matmul`` and ``bmm``."""
    left, right = args[0], args[1]
    if min(left.ndim, right.ndim) < 2 or not isinstance(right, Tensor):
        raise run.refusal(name_of(func), "multiplies positions with a vector, for which there is no rule")
    batch = "ABCDEFGH"[: max(left.ndim, right.ndim) - 2]
    letters = [batch[len(batch) - tensor.ndim + 2 :] + ends for tensor, ends in ((left, "ik"), (right, "kj"))]
    return contracted(run, lambda *pair: func(*pair, **kwargs), (left, right), letters, batch + "ij")


def einstein_sum(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``einsum`` of two tensors."""
    equation, *operands = args
    operands = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    inputs, _, output = equation.replace(" ", "").partition("->")
    letters = inputs.split(",")
    if len(operands) != 2 or "." in equation or not output:
        raise run.refusal(f"einsum {equation!r}", "has no rule; two operands without '...' have one")
    return contracted(run, lambda *pair: func(equation, *pair), operands, letters, output)


def contracted(
    run: Interception,
    product: Callable[..., Tensor],
    operands: Sequence[Tensor],
    letters: Sequence[str],
    output: str,
) -> Tensor:
    """A product of two tensors, summed over every axis whose letter is not in ``output``.

    Positions along such an axis are summed over: those that are off count as zero. All others go on.
    """
    given: list[Tensor] = []
    going: list[Positions] = []
    for tensor, axes in zip(operands, letters, strict=True):
        for side in sides_of(run, tensor):
            held = {axes[axis] for axis in side.held_by(tensor.ndim)}
            if held <= set(output):
                going.append(_carried(run, side, tensor.ndim, axes, output))
            elif not side.grid.full:
                run.require_gradients(tensor)
                tensor = times(tensor, side.mask(side.grid.collapsed().keep, tensor.ndim))
        given.append(tensor)
    result = product(*given)
    distinct = list(dict.fromkeys(going))
    if len(distinct) > 2:
        raise run.refusal("a product", "relates more than two positions, for which there is no rule")
    if len(distinct) == 2:
        return run.mark(result, Scores((distinct[0], distinct[1])))
    return run.mark(result, distinct[0] if distinct else State.GLOBAL)


def _carried(run: Interception, side: Positions, ndim: int, axes: str, output: str) -> Positions:
    """The same positions in the output, where axes may lie elsewhere."""

    def move() -> list[Tensor]:
        index = side.index(ndim)
        kept = [letter for letter in output if letter in axes]
        summed = [axis for axis, letter in enumerate(axes) if letter not in kept]
        moved = index.permute([axes.index(letter) for letter in kept] + summed)
        moved = moved.reshape(moved.shape[: len(kept)])
        return [moved.reshape([moved.shape[kept.index(letter)] if letter in kept else 1 for letter in output])]

    key = ("carried", side.layout, side.grid.size, ndim, axes, output)
    (found,) = run.layouts.moved(key, move, side.grid)
    assert found is not None
    return found


def sides_of(run: Interception, tensor: Tensor) -> tuple[Positions, ...]:
    """The positions that a tensor holds: none, one, or a pair."""
    state = run.state(tensor)
    if isinstance(state, Scores):
        return state.pair
    return (state,) if isinstance(state, Positions) else ()


# ---- softmax ----------------------------------------------------------------------------------------------------


def softmax(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``softmax`` along one axis; positions along it that are off get no weight, unless none is on."""
    tensor, axis = args[0], kwargs.get("dim", args[1] if len(args) > 1 else None)
    if not isinstance(axis, int):
        raise run.refusal(name_of(func), "is called without the axis that it works along")
    axis = axis if axis < 0 else axis - tensor.ndim
    state = run.state(tensor)
    if isinstance(state, Positions):
        tensor, state = run.uniform(tensor, state)
        run.mark(tensor, state)
    along = [side for side in sides_of(run, tensor) if axis in side.held_by(tensor.ndim)]
    if len(along) > 1:
        raise run.refusal(name_of(func), "works along an axis of two positions")
    for side in along:
        tensor = _without_keys(run, tensor, side)
    return run.mark(func(tensor, *args[1:], **kwargs), state)


def _without_keys(run: Interception, scores: Tensor, side: Positions) -> Tensor:
    run.require_gradients(scores)
    grid = side.grid.collapsed()
    return scores if grid.full else lowered(scores, side.mask(grid.keep, scores.ndim).to(scores.dtype))


def scaled_dot_product(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``scaled_dot_product_attention``: switched-off keys are masked; queries keep their positions."""
    call = attention_call(*args, **kwargs)
    query, key, value = (call.pop(name) for name in ("query", "key", "value"))
    if call["is_causal"] or call["dropout_p"]:
        raise run.refusal("scaled_dot_product_attention", "is causal or drops at random, for which there is no rule")
    queries, keys = run.positions(query), run.positions(key)
    if keys is None or keys.grid.full or -2 not in keys.held_by(key.ndim):
        output = func(query, key, _zeroed(run, value), **call)
    else:
        run.require_gradients(key)
        keep = keys.mask(keys.grid.collapsed().keep, key.ndim).transpose(-2, -1)
        output = _masked(func, query, key, _zeroed(run, value), keep.to(query.dtype), call)
    return run.mark(output, State.GLOBAL if queries is None else queries)


def attention_by_steps(run: Steps, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``scaled_dot_product_attention`` by the steps that its documentation gives, so that its weights are a tensor."""
    call = attention_call(*args, **kwargs)
    query, key, mask, scale = (call[name] for name in ("query", "key", "attn_mask", "scale"))
    if call["is_causal"] or call["dropout_p"] or call["enable_gqa"]:
        raise run.refusal(name_of(func), "is causal, grouped or drops at random, for which there is no rule")
    scores = run.call(torch.matmul, query, run.call(Tensor.transpose, key, -2, -1))
    scores = run.call(Tensor.mul, scores, 1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if mask is not None and mask.dtype == torch.bool:
        scores = run.call(Tensor.masked_fill, scores, ~mask, -torch.inf)
    elif mask is not None:
        scores = run.call(Tensor.add, scores, mask)
    return run.call(torch.matmul, run.call(torch.softmax, scores, dim=-1), call["value"])


def _zeroed(run: Interception, value: Tensor) -> Tensor:
    positions = run.positions(value)
    return value if positions is None else run.switched_off(value, positions)


def _masked(func: Function, query: Tensor, key: Tensor, value: Tensor, keep: Tensor, call: dict[str, Any]) -> Tensor:
    """Attention with a mask where a key is off; where none is, as the network calls it, for a mask changes rounding.

    Both are of the whole batch, because a part of it may be rounded otherwise, too.
    """
    mask = (keep - 1) * (torch.finfo(query.dtype).max / 2)
    own = call["attn_mask"]
    if own is not None and own.dtype == torch.bool:
        own = torch.zeros_like(own, dtype=query.dtype).masked_fill(~own, -torch.inf)
    masked: Tensor = func(query, key, value, **{**call, "attn_mask": mask if own is None else mask + own})
    full = keep.flatten(1).amin(1) > 0
    if not bool(full.any()):
        return masked
    return torch.where(full.reshape(-1, *[1] * (masked.ndim - 1)), func(query, key, value, **call), masked)


@runtime_checkable
class Steps(Protocol):
    """What calls torch functions as a network would, each by its rule, and refuses those that it cannot follow."""

    def call(self, func: Function, *args: Any, **kwargs: Any) -> Any:
        """Call a torch function."""

    def refusal(self, what: str, why: str) -> NotApplicableError:
        """The error that names the operation."""


def multi_head_attention(run: Steps, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``multi_head_attention_forward`` of one sequence with itself, by the steps of torch's own code."""
    call = _multi_head(*args, **kwargs)
    query, heads = call["query"], call["num_heads"]
    plain = call["query"] is call["key"] is call["value"] and query.ndim == 3 and call["in_proj_weight"] is not None
    if not plain or any(call[name] is not None for name in ("bias_k", "bias_v", "key_padding_mask", "attn_mask")):
        raise run.refusal("multi_head_attention_forward", "is no plain self-attention, the only one with a rule")
    if call["need_weights"] or (call["training"] and call["dropout_p"]):
        raise run.refusal("multi_head_attention_forward", "returns weights or drops at random; it has no rule then")
    length, batch, width = query.shape
    projected = run.call(F.linear, query, call["in_proj_weight"], call["in_proj_bias"])
    parts = []
    for part in run.call(torch.Tensor.chunk, projected, 3, dim=-1):
        part = run.call(torch.Tensor.contiguous, part)
        part = run.call(torch.Tensor.view, part, length, batch * heads, width // heads)
        part = run.call(torch.Tensor.transpose, part, 0, 1)
        parts.append(run.call(torch.Tensor.view, part, batch, heads, length, width // heads))
    mixed = run.call(F.scaled_dot_product_attention, *parts)
    mixed = run.call(torch.Tensor.contiguous, run.call(torch.Tensor.permute, mixed, 2, 0, 1, 3))
    mixed = run.call(torch.Tensor.view, mixed, length * batch, width)
    mixed = run.call(F.linear, mixed, call["out_proj_weight"], call["out_proj_bias"])
    return run.call(torch.Tensor.view, mixed, length, batch, width), None


# ---- pairs of positions -----------------------------------------------------------------------------------------


def each_pair(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of each score alone, with operands that hold no positions or the same pairs."""
    states = [run.state(tensor) for tensor in operands_of(args, kwargs)]
    pairs = list(dict.fromkeys(state for state in states if not isinstance(state, State)))
    if len(pairs) != 1:
        raise run.refusal(name_of(func), "joins pairs of positions with others, for which there is no rule")
    return run.mark(func(*args, **kwargs), pairs[0])


def across_heads(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``linear`` along an axis without positions, such as that of the heads."""
    state = run.scores(args[0])
    if state is None or any(-1 in side.held_by(args[0].ndim) for side in state.pair):
        raise run.refusal(name_of(func), "mixes pairs of positions, for which there is no rule")
    return run.mark(func(*args, **kwargs), state)


def over_heads(run: Interception, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``conv2d`` with a 1 × 1 kernel, whose channels are heads."""
    scores, weight = args[0], args[1] if len(args) > 1 else kwargs["weight"]
    state = run.scores(scores)
    if state is None or tuple(weight.shape[2:]) != (1, 1) or any(-3 in s.held_by(4) for s in state.pair):
        raise run.refusal("conv2d", "mixes pairs of positions, for which there is no rule")
    return run.mark(func(*args, **kwargs), state)


def attention_call(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> dict[str, Any]:
    """The arguments of ``scaled_dot_product_attention`` by name."""
    named = {"query": query, "key": key, "value": value, "attn_mask": attn_mask, "dropout_p": dropout_p}
    return {**named, "is_causal": is_causal, "scale": scale, "enable_gqa": enable_gqa}


def _multi_head(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    **options: Any,
) -> dict[str, Any]:
    return dict(locals())


MIXING_RULES: Mapping[Function, MaskRule] = {
    **dict.fromkeys(functions(("matmul", "bmm", "__matmul__")), matrix_product),
    torch.einsum: einstein_sum,
    **dict.fromkeys(functions(("softmax",)), softmax),
    F.scaled_dot_product_attention: scaled_dot_product,
    F.multi_head_attention_forward: multi_head_attention,
}

ATTENTION_WRITTEN_OUT: Mapping[Function, MaskRule] = {F.scaled_dot_product_attention: attention_by_steps}
"""In the place of the rule above, where attention weights are looked at."""

SCORE_RULES: Mapping[Function, MaskRule] = {
    **MIXING_RULES,
    **dict.fromkeys(functions((*ELEMENTWISE, *SUMS, *PRODUCTS)), each_pair),
    **dict.fromkeys(functions(("linear",)), across_heads),
    torch.conv2d: over_heads,
    **dict.fromkeys(
        functions(
            "view reshape permute transpose flatten unflatten squeeze unsqueeze expand __getitem__ chunk split unbind "
            "movedim roll".split(),
            in_place=False,
        ),
        rearranging_pairs,
    ),
}
