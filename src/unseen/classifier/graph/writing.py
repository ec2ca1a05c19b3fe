"""A graph of ONNX while it is written: nodes, constants, inputs, and the products with masks in their fastest form.

Engines keep the channels of a convolution together in memory. A product with a mask of one channel would take a feature
map out of that order and put it back, which costs more than the convolution. So a mask is multiplied where the map is
smallest, before a 1×1 convolution whose bias then comes from the mask, or as a convolution of the mask by ones, which
has the order of the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.system.optional import require

OPSET = 20
_ALIGNED = 4
"""Channels of a convolution's input are kept together in memory by so many."""
_ZERO_AT_ZERO = frozenset(["Relu", "Clip", "HardSwish"])
"""Activations that map 0 to 0; Clip where 0 is among its values."""


@dataclass(frozen=True)
class Node:
    """An operation of ONNX with one output."""

    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Cropped:
    """A mask of the interface without its border, (before, after) along each axis."""

    number: int
    border: tuple[tuple[int, int], ...] = ()


@dataclass
class Writing:
    """A graph of which the last node is the last written.

    Attributes:
        shapes: of every map by its name; what stands for the number of photographs is ``None``.
        masks: the inputs beside the photographs, by their names.
        uses: how often a tensor is read, by its name, which the reader of the program knows.
    """

    shapes: dict[str, tuple[int | None, ...]] = field(default_factory=dict)
    masks: dict[str, Cropped] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)
    _nodes: dict[str, Node] = field(default_factory=dict)
    _constants: dict[str, NDArray[Any]] = field(default_factory=dict)
    _written: dict[Any, str] = field(default_factory=dict)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Write an operation; the name of its output."""
        output = f"t{len(self._nodes)}"
        self._nodes[output] = Node(kind, inputs, output, attributes)
        return output

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Write a constant."""
        name = f"c{len(self._constants)}"
        self._constants[name] = np.array(values, dtype=dtype, order="C")
        return name

    def mask(self, mask: Cropped, shape: tuple[int | None, ...]) -> str:
        """An input beside the photographs."""
        name = f"m{mask.number}" + "".join(f"_{before}_{after}" for before, after in mask.border)
        self.masks[name] = mask
        self.shapes[name] = shape
        return name

    def masked(self, features: str, mask: str) -> str:
        """The product of a map, ``(N, C, *size)``, and a mask of one channel."""
        node, shape = self._nodes.get(features), self.shapes[features]
        if node is not None and self.uses.get(features, 0) == 1:
            if node.kind == "Pad":
                return self._before_padding(node, mask)
            inner = self._before_expansion(node, mask)
            if inner is not None:
                return inner
        if node is not None and shape[1] != 1:
            mask = self._spread(mask, shape[1])
        return self._shaped(self.node("Mul", features, mask), shape)

    def _before_padding(self, pad: Node, mask: str) -> str:
        pads = [int(side) for side in self._constants[pad.inputs[1]]]
        axes = len(pads) // 2 - 2
        border = tuple(zip(pads[2 : 2 + axes], pads[4 + axes :], strict=True))
        inside = self.shapes[pad.inputs[0]]
        known = self.masks[mask]
        summed = tuple((a + c, b + d) for (a, b), (c, d) in zip(border, known.border or ((0, 0),) * axes, strict=True))
        cropped = self.mask(Cropped(known.number, summed), (None, 1, *inside[2:]))
        output = self.node("Pad", self.masked(pad.inputs[0], cropped), *pad.inputs[1:])
        return self._shaped(output, self.shapes[pad.output])

    def _before_expansion(self, activation: Node, mask: str) -> str | None:
        """The same from a smaller map: of act(W · x + b), act(0) = 0, masked after, act([W, b] · [x · m, m])."""
        if activation.kind not in _ZERO_AT_ZERO or self.uses.get(activation.inputs[0], 0) != 1:
            return None
        if activation.kind == "Clip" and not self._clips_around_zero(activation):
            return None
        point = self._nodes.get(activation.inputs[0])
        if point is None or point.kind != "Conv" or len(point.inputs) < 3 or point.inputs[0] not in self._nodes:
            return None
        weights, bias = (self._constants[name] for name in point.inputs[1:])
        single = max(weights.shape[2:]) == 1 and not any(point.attributes["pads"])
        if not single or max(point.attributes["strides"]) > 1 or point.attributes["group"] > 1:
            return None
        if weights.shape[1] >= weights.shape[0]:
            return None
        inner, axes = point.inputs[0], (1,) * (weights.ndim - 2)
        count = weights.shape[1] + _ALIGNED
        features = self._shaped(self.node("Mul", inner, mask), self.shapes[inner])
        both = self.node("Concat", features, *(mask,) * _ALIGNED, axis=1)
        self._shaped(both, (None, count, *self.shapes[inner][2:]))
        wider = np.zeros((len(weights), count, *axes), np.float32)
        wider[:, : weights.shape[1]], wider[:, weights.shape[1]] = weights, bias.reshape(-1, *axes)
        expanded = self.node("Conv", both, self.constant(wider), **point.attributes)
        self._shaped(expanded, self.shapes[activation.output])
        output = self.node(activation.kind, expanded, *activation.inputs[1:], **activation.attributes)
        return self._shaped(output, self.shapes[activation.output])

    def _clips_around_zero(self, clip: Node) -> bool:
        low, high = (float(self._constants[name]) for name in clip.inputs[1:])
        return low <= 0 <= high

    def _spread(self, mask: str, channels: Any) -> str:
        """A mask for so many channels in the order of a convolution's output."""
        key = mask, channels
        if key not in self._written:
            axes = len(self.shapes[mask]) - 2
            ones = self.constant(np.ones((channels, 1, *(1,) * axes)))
            self._written[key] = self._shaped(
                self.node("Conv", mask, ones, **windows(axes)), (None, channels, *self.shapes[mask][2:])
            )
        return self._written[key]

    def _shaped(self, name: str, shape: tuple[int | None, ...]) -> str:
        self.shapes[name] = shape
        return name

    def model(self, photographs: tuple[int, ...], output: str) -> bytes:
        """The file of ONNX: takes ``x`` of this shape, its first axis free, and the masks; gives ``output``."""
        onnx = require("onnx", "onnx")
        helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
        wanted, kept = {output}, list[Node]()
        for node in reversed(self._nodes.values()):
            if node.output in wanted:
                wanted.update(node.inputs)
                kept.append(node)
        self.masks = {name: mask for name, mask in self.masks.items() if name in wanted}
        inputs = [helper.make_tensor_value_info("x", float32, ["N", *photographs[1:]])]
        for name in self.masks:
            inputs.append(helper.make_tensor_value_info(name, float32, [None] * len(self.shapes[name])))
        graph = helper.make_graph(
            [helper.make_node(n.kind, n.inputs, [n.output], **n.attributes) for n in _ordered(kept)],
            "pass",
            inputs,
            [helper.make_tensor_value_info(output, float32, None)],
            [onnx.numpy_helper.from_array(array, name) for name, array in self._constants.items() if name in wanted],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        content: bytes = model.SerializeToString()
        return content


def _ordered(nodes: Sequence[Node]) -> list[Node]:
    """Each after those that it reads."""
    return sorted(nodes, key=lambda node: int(node.output[1:]))


def windows(axes: int) -> dict[str, Any]:
    """The attributes of a convolution of 1 along every axis."""
    ones = [1] * axes
    return {"kernel_shape": ones, "strides": ones, "dilations": ones, "pads": [0] * 2 * axes, "group": 1}
