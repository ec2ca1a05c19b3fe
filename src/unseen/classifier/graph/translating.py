"""A recorded program as a graph of ONNX: what each operation of ATen is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unseen.classifier.graph.tape import Program, Ref, Rows, Step
from unseen.classifier.graph.writing import Cropped, Writing
from unseen.errors import NotRecordedError


@dataclass(frozen=True)
class Written:
    """A file of ONNX.

    Attributes:
        content: of it; takes ``x``, the photographs, and the masks by their names.
        masks: which tensor of the program's interface each of them is.
    """

    content: bytes
    masks: dict[str, Cropped]


def written(program: Program, photographs: tuple[int, ...]) -> Written:
    """The part of a program that follows from photographs of this shape, ``(N, C, *space)``.

    Raises:
        NotRecordedError: an operation of it is not known here.
    """
    translation = _Translation(program, photographs)
    output = translation.run()
    return Written(translation.to.model(photographs, output), translation.to.masks)


class _Translation:
    """Walks through a program and writes what each step is."""

    def __init__(self, program: Program, photographs: tuple[int, ...]) -> None:
        self.program, self.to = program, Writing()
        self.names: dict[Ref, str] = {Ref(-1): "x"}
        self.to.shapes["x"] = (None, *photographs[1:])
        self.counts: dict[Ref, int] = {}
        for step in program.steps:
            for ref in step.refs:
                self.counts[ref] = self.counts.get(ref, 0) + 1
        self.counts[program.output] = self.counts.get(program.output, 0) + 1

    def run(self) -> str:
        """The name of the output."""
        for number, step in enumerate(self.program.steps):
            if not step.located:
                continue
            translate = _TRANSLATIONS.get(step.name)
            if translate is None:
                raise NotRecordedError(f"{step.name} has no translation to ONNX")
            made = translate(self, step)
            for place, name in enumerate([made] if isinstance(made, str) else made):
                shape = step.shapes[place]
                self.to.shapes[name] = tuple(None if isinstance(side, Rows) else side for side in shape)
                self.names[Ref(number, place)] = name
                count = self.counts.get(Ref(number, place), 0)
                self.to.uses[name] = max(self.to.uses.get(name, 0), count)
        return self.names[self.program.output]

    def is_mask(self, value: Any) -> bool:
        """Whether an argument follows from masks alone, with one channel."""
        return isinstance(value, Ref) and not self.program.located(value) and self.shape(value)[1:2] == (1,)

    def shape(self, value: Any) -> tuple[int | None, ...]:
        """Of an argument."""
        if isinstance(value, Tensor):
            return tuple(value.shape)
        if value in self.names:
            return self.to.shapes[self.names[value]]
        found = self.program.steps[value.step].shapes[value.place]
        return tuple(None if isinstance(side, Rows) else side for side in found)

    def name(self, value: Any) -> str:
        """Of a tensor or a number, written where it is new."""
        if isinstance(value, Ref):
            if value not in self.names:
                if value.step < 0:
                    raise NotRecordedError("a pass reads its masks as they are")
                self.names[value] = self.to.mask(Cropped(self.program.interface.index(value)), self.shape(value))
            return self.names[value]
        if isinstance(value, Tensor):
            return self.to.constant(value.detach().float().numpy())
        return self.to.constant(value)


Translate = Callable[[_Translation, Step], "str | Sequence[str]"]


def _numbers(value: Sequence[int], axes: int) -> list[int]:
    return list(value) * axes if len(value) == 1 else list(value)


def _convolution(t: _Translation, step: Step) -> str:
    x, weight, bias, stride, padding, dilation, transposed, _, groups = step.args
    if transposed or not isinstance(weight, Tensor):
        raise NotRecordedError("a transposed convolution has no translation to ONNX")
    axes = weight.ndim - 2
    pads = _numbers(padding, axes)
    inputs = [t.name(x), t.name(weight), *([] if bias is None else [t.name(bias)])]
    return t.to.node(
        "Conv",
        *inputs,
        kernel_shape=list(weight.shape[2:]),
        strides=_numbers(stride, axes),
        dilations=_numbers(dilation, axes),
        pads=[*pads, *pads],
        group=groups,
    )


def _binary(kind: str) -> Translate:
    def translate(t: _Translation, step: Step) -> str:
        one, other = step.args[:2]
        if step.kwargs.get("alpha", 1) != 1 or step.kwargs.get("rounding_mode") is not None:
            raise NotRecordedError(f"{step.name} with options has no translation to ONNX")
        if kind == "Mul" and t.is_mask(other) and t.shape(one)[2:] == t.shape(other)[2:] != ():
            return t.to.masked(t.name(one), t.name(other))
        return t.to.node(kind, t.name(one), t.name(other))

    return translate


def _unary(kind: str, **attributes: Any) -> Translate:
    return lambda t, step: t.to.node(kind, t.name(step.args[0]), **attributes)


def _clip(t: _Translation, step: Step) -> str:
    low, high = (*step.args[1:], None, None)[:2]
    low, high = step.kwargs.get("min", low), step.kwargs.get("max", high)
    if step.name == "hardtanh":
        low, high = -1.0 if low is None else low, 1.0 if high is None else high
    largest = float(np.finfo(np.float32).max)
    return t.to.node(
        "Clip",
        t.name(step.args[0]),
        t.to.constant(-largest if low is None else low),
        t.to.constant(largest if high is None else high),
    )


def _silu(t: _Translation, step: Step) -> str:
    x = t.name(step.args[0])
    return t.to.node("Mul", x, t.to.node("Sigmoid", x))


def _gelu(t: _Translation, step: Step) -> str:
    return t.to.node("Gelu", t.name(step.args[0]), approximate=step.kwargs.get("approximate", "none"))


def _same(t: _Translation, step: Step) -> str:
    return t.to.node("Identity", t.name(step.args[0]))


def _reshape(t: _Translation, step: Step) -> str:
    sides = step.shapes[0]
    if any(isinstance(side, Rows) for side in sides[1:]) or not isinstance(sides[0], Rows):
        raise NotRecordedError(f"{step.name} moves the photographs along another axis")
    return t.to.node("Reshape", t.name(step.args[0]), t.to.constant([-1, *sides[1:]], np.int64))


def _restrided(t: _Translation, step: Step) -> str:
    """``as_strided``, with which torch leaves out axes of length 1; anything else it can do is refused."""
    before, after = ([side for side in shape if side != 1] for shape in (t.shape(step.args[0]), step.shapes[0]))
    if len(before) > 2 or len(before) != len(after) or before[1:] != after[1:]:
        raise NotRecordedError("as_strided has no translation to ONNX")
    return _reshape(t, step)


def _max_pool(t: _Translation, step: Step) -> str:
    x, kernel, stride, padding, dilation, ceil = _filled(step.args, 2, (), (0,), (1,), False)
    return _pool(t, "MaxPool", x, kernel, stride, padding, ceil, dilations=_numbers(dilation, len(t.shape(x)) - 2))


def _average_pool(t: _Translation, step: Step) -> str:
    x, kernel, stride, padding, ceil, counts, divisor = _filled(step.args, 2, (), (0,), False, True, None)
    if divisor is not None or (ceil and any(padding)):
        raise NotRecordedError("an average pool with a divisor of its own has no translation to ONNX")
    return _pool(t, "AveragePool", x, kernel, stride, padding, ceil, count_include_pad=int(counts))


def _filled(args: tuple[Any, ...], given: int, *defaults: Any) -> tuple[Any, ...]:
    """Arguments, the last of which may be left out."""
    return (*args, *defaults[len(args) - given :])


def _pool(t: _Translation, kind: str, x: Ref, kernel: Any, stride: Any, padding: Any, ceil: bool, **more: Any) -> str:
    axes = len(t.shape(x)) - 2
    sides, pads = _numbers(kernel, axes), _numbers(padding, axes)
    steps = _numbers(stride, axes) if stride else sides
    named = {"kernel_shape": sides, "strides": steps, "pads": [*pads, *pads], "ceil_mode": int(ceil)}
    return t.to.node(kind, t.name(x), **named, **more)


def _mean(t: _Translation, step: Step) -> str:
    x, axes = step.args[:2]
    keep = step.args[2] if len(step.args) > 2 else False
    count = len(t.shape(x))
    if keep and count > 2 and sorted(axis % count for axis in axes) == list(range(2, count)):
        return t.to.node("GlobalAveragePool", t.name(x))
    return t.to.node("ReduceMean", t.name(x), t.to.constant(axes, np.int64), keepdims=int(keep))


def _adaptive(t: _Translation, step: Step) -> str:
    x, size = step.args[:2]
    before = t.shape(x)[2:]
    if max(size) == 1:
        return t.to.node("GlobalAveragePool", t.name(x))
    if any(not side or side % to for side, to in zip(before, size, strict=True)):
        raise NotRecordedError("an uneven adaptive pool has no translation to ONNX")
    kernel = [int(side or 0) // to for side, to in zip(before, size, strict=True)]
    return t.to.node("AveragePool", t.name(x), kernel_shape=kernel, strides=kernel)


def _affine(t: _Translation, step: Step) -> str:
    """``addmm(bias, x, weight)``."""
    if step.kwargs:
        raise NotRecordedError("addmm with factors has no translation to ONNX")
    bias, x, weight = step.args
    return t.to.node("Gemm", t.name(x), t.name(weight), t.name(bias))


def _pad(t: _Translation, step: Step) -> str:
    x, border, value = (*step.args, 0)[:3]
    count = len(t.shape(x))
    pairs = [(border[axis], border[axis + 1]) for axis in range(0, len(border), 2)]
    pairs = [(0, 0)] * (count - len(pairs)) + pairs[::-1]
    if value != 0 or any(side < 0 for pair in pairs for side in pair):
        raise NotRecordedError("a border of other values than zero has no translation to ONNX")
    pads = [before for before, _ in pairs] + [after for _, after in pairs]
    return t.to.node("Pad", t.name(x), t.to.constant(pads, np.int64))


def _norm(t: _Translation, step: Step) -> tuple[str, ...]:
    x, weight, bias, mean, variance, *rest = step.args
    training, epsilon = (False, rest[-1]) if "no_training" in step.name else (rest[0], rest[-1])
    if training or mean is None:
        raise NotRecordedError("a batch norm of the batch has no translation to ONNX")
    ones = torch.ones_like(mean)
    given = [ones if weight is None else weight, torch.zeros_like(mean) if bias is None else bias, mean, variance]
    return (t.to.node("BatchNormalization", t.name(x), *map(t.name, given), epsilon=epsilon),)


def _layer_norm(t: _Translation, step: Step) -> tuple[str, ...]:
    x, shape, weight, bias, epsilon = step.args
    scale = torch.ones(*shape) if weight is None else weight
    given = [t.name(scale), *([] if bias is None else [t.name(bias)])]
    return (t.to.node("LayerNormalization", t.name(x), *given, axis=-len(shape), epsilon=epsilon),)


def _slice(t: _Translation, step: Step) -> str:
    x, axis, start, end, stride = _filled(step.args, 1, 0, None, None, 1)
    if axis % len(t.shape(x)) == 0:
        raise NotRecordedError("some of the photographs are taken apart")
    numbers = (t.to.constant([value], np.int64) for value in (start or 0, 2**62 if end is None else end, axis, stride))
    return t.to.node("Slice", t.name(x), *numbers)


def _split(t: _Translation, step: Step) -> list[str]:
    axis = step.args[2] if len(step.args) > 2 else step.kwargs.get("dim", 0)
    ends = np.cumsum([0, *(shape[axis] for shape in step.shapes)])
    pieces = []
    for start, end in pairwise(ends):
        numbers = (t.to.constant([value], np.int64) for value in (start, end, axis))
        pieces.append(t.to.node("Slice", t.name(step.args[0]), *numbers))
    return pieces


def _select(t: _Translation, step: Step) -> str:
    x, axis, index = step.args
    return t.to.node("Gather", t.name(x), t.to.constant(index, np.int64), axis=axis)


def _unsqueeze(t: _Translation, step: Step) -> str:
    axis = step.args[1] % (len(t.shape(step.args[0])) + 1)
    return t.to.node("Unsqueeze", t.name(step.args[0]), t.to.constant([axis], np.int64))


def _concatenation(t: _Translation, step: Step) -> str:
    tensors, axis = (*step.args, 0)[:2]
    return t.to.node("Concat", *map(t.name, tensors), axis=axis)


def _permute(t: _Translation, step: Step) -> str:
    count = len(t.shape(step.args[0]))
    if step.name == "permute":
        order = [axis % count for axis in step.args[1]]
    else:
        order, (one, other) = list(range(count)), [axis % count for axis in step.args[1:3]]
        order[one], order[other] = other, one
    return t.to.node("Transpose", t.name(step.args[0]), perm=order)


def _where(t: _Translation, step: Step) -> str:
    return t.to.node("Where", *map(t.name, step.args))


_TRANSLATIONS: Mapping[str, Translate] = {
    "convolution": _convolution,
    "mul": _binary("Mul"),
    "add": _binary("Add"),
    "sub": _binary("Sub"),
    "div": _binary("Div"),
    "gt": _binary("Greater"),
    "relu": _unary("Relu"),
    "sigmoid": _unary("Sigmoid"),
    "tanh": _unary("Tanh"),
    "hardswish": _unary("HardSwish"),
    "hardsigmoid": _unary("HardSigmoid", alpha=1 / 6, beta=0.5),
    "silu": _silu,
    "gelu": _gelu,
    **dict.fromkeys(("hardtanh", "clamp", "clamp_min"), _clip),
    **dict.fromkeys(("alias", "detach", "clone", "contiguous"), _same),
    **dict.fromkeys(("view", "_unsafe_view", "reshape", "squeeze"), _reshape),
    "as_strided": _restrided,
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool2d"), _max_pool),
    "avg_pool2d": _average_pool,
    "mean": _mean,
    **dict.fromkeys(("_adaptive_avg_pool2d", "adaptive_avg_pool2d"), _adaptive),
    "addmm": _affine,
    "mm": _binary("MatMul"),
    "constant_pad_nd": _pad,
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training"), _norm),
    "native_layer_norm": _layer_norm,
    "slice": _slice,
    **dict.fromkeys(("split", "split_with_sizes"), _split),
    "select": _select,
    "unsqueeze": _unsqueeze,
    "cat": _concatenation,
    **dict.fromkeys(("permute", "transpose"), _permute),
    "where": _where,
}
