"""One pass that keeps what every bias of a network adds to a logit, and its rules; see ``fullgrad`` for the source.

The derivatives are autograd's own. A function h whose value is not its derivative times its signals x has an implicit
bias beside any that it is given: h(x) − J x. Of rectifiers and maxima it is 0, of a product of two signals minus the
product, of a smooth activation what its tangent lacks at 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from unseen.classifier import Classifier
from unseen.classifier.intercepting import Function, calling_module, name_of, names_of
from unseen.explainers.propagation.lrp_rules import softmax
from unseen.explainers.propagation.propagation import (
    LAYER_NORMS,
    MATRIX_PRODUCTS,
    MAXIMA,
    POINTWISE,
    PRODUCTS,
    RECTIFIERS,
    SHARED_RULES,
    WEIGHTED,
    Propagation,
    PropagationRule,
    affine,
    arguments,
    check_exact,
    check_statistics,
    check_weights,
    linear,
    norm_of,
    operands_of_product,
    pointwise,
    with_derivative,
)
from unseen.removal.deactivation.attention import attention_by_steps, multi_head_attention
from unseen.removal.deactivation.pointwise import functions


@dataclass(frozen=True)
class Place:
    """A function call of a network, known again in another pass.

    Attributes:
        module: the name of the innermost module whose code calls it.
        function: its public name.
        shape: of its output.
        number: how many calls like it came before.
    """

    module: str
    function: str
    shape: tuple[int, ...]
    number: int


class Calls:
    """Numbers the calls of one pass.

    Args:
        names: of the network's modules, by their identity.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._seen: Counter[tuple[str, str, tuple[int, ...]]] = Counter()

    def place(self, func: Function, output: Tensor) -> Place:
        """That of a call that made ``output``; to be asked once for each."""
        call = calling_module(self._names), name_of(func), tuple(output.shape)
        self._seen[call] += 1
        return Place(*call, self._seen[call] - 1)


class BiasGradients(Propagation):
    """One pass of plain gradients, after which ``terms`` holds bias times gradient of every bias, by its place.

    Args:
        classifier: the network.
    """

    def __init__(self, classifier: Classifier) -> None:
        super().__init__(RULES, frozenset(), classifier, "fullgrad")
        self.terms: list[tuple[list[Place], Tensor]] = []
        self._calls = Calls(names_of(classifier.model))
        self._here: list[Place] | None = None
        """Of the call that the network makes now, filled when its output is known; steps of a rule share it."""

    def met(self, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See :meth:`Propagation.met`."""
        if self._here is not None:
            return super().met(func, args, kwargs)
        self._here = here = []
        try:
            output = super().met(func, args, kwargs)
        finally:
            self._here = None
        if isinstance(output, Tensor):
            here.append(self._calls.place(func, output))
        return output

    def settling(self, output: Tensor) -> Callable[[Tensor], None]:
        """See :meth:`Propagation.settling`."""
        del output
        here = [] if self._here is None else self._here

        def settle(assigned: Tensor) -> None:
            self.terms.append((here, assigned))

        return settle


def curved(run: Propagation, func: Function, plain: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """A function of each value alone: what its tangent lacks is a bias."""
    del func
    value, slope = with_derivative(plain, inputs)
    return run.through(value, (torch.where(slope != 0, inputs, 0), slope))  # inputs that masks hide are infinite


def weighted_layer(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Linear layers and convolutions, with their biases."""
    check_weights(run, func, args, kwargs)
    return affine(run, func, args, kwargs)


def batch_norm(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``batch_norm`` in evaluation: its bias is β − γ μ / σ."""
    check_statistics(run, func, args, kwargs)
    return affine(run, func, args, kwargs)


def normalisation(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Layer, group and instance norms: but for ε, the size of a signal does not matter, so that all is bias."""
    norm = norm_of(run, func, args, kwargs)
    output: Tensor = func(*args, **kwargs)
    with torch.no_grad():
        grouped = norm.inputs.to(norm.precision).reshape(norm.shape)
        centred = grouped - grouped.mean(norm.axes, keepdim=True)
        scale = (centred.square().mean(norm.axes, keepdim=True) + norm.eps).rsqrt()
        tangent = (centred * scale.pow(3) * norm.eps).reshape(norm.inputs.shape)
        run.absorb(output, output - (tangent if norm.weight is None else tangent * norm.weight))
    return output


def unit_length(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``normalize`` by the Euclidean norm: the length of a signal does not matter, so that all is bias."""
    call = arguments(func, args, kwargs)
    if call["p"] != 2.0 or not isinstance(call["dim"], int):
        raise run.refusal(name_of(func), "is no Euclidean norm along one axis, the only one with a rule")
    output: Tensor = func(*args, **kwargs)
    with torch.no_grad():
        long = torch.linalg.vector_norm(call["input"], dim=call["dim"], keepdim=True) > call["eps"]
        run.absorb(output, torch.where(long, output, 0))
    return output


def product(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Products and quotients: of degree d in their signals, they have the bias (1 − d) times their value."""
    check_exact(run, func, kwargs)
    degree = int(run.is_signal(args[0])) + int(run.is_signal(args[1])) * (-1 if "div" in func.__name__ else 1)
    output = func(*args, **kwargs)
    if degree != 1:
        run.absorb(output, (1 - degree) * output.detach())
    return output


def matrix_product(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``matmul``, ``bmm`` and ``einsum``, likewise."""
    degree = sum(map(run.is_signal, operands_of_product(func, args, kwargs)[0]))
    output: Tensor = func(*args, **kwargs)
    if degree > 1:
        run.absorb(output, (1 - degree) * output.detach())
    return output


RULES: Mapping[Function, PropagationRule] = {
    **SHARED_RULES,
    **dict.fromkeys(functions(WEIGHTED), weighted_layer),
    F.batch_norm: batch_norm,
    **dict.fromkeys(LAYER_NORMS, normalisation),
    **dict.fromkeys(functions(("normalize",)), unit_length),
    **dict.fromkeys(functions(POINTWISE), pointwise(curved)),
    **dict.fromkeys(RECTIFIERS, linear),
    **dict.fromkeys(functions(MAXIMA), linear),
    **dict.fromkeys(functions(("softmax",), in_place=False), softmax),
    **dict.fromkeys(PRODUCTS, product),
    **dict.fromkeys(MATRIX_PRODUCTS, matrix_product),
    F.scaled_dot_product_attention: attention_by_steps,
    F.multi_head_attention_forward: multi_head_attention,
}
