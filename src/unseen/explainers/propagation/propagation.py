"""Backward passes by other rules than the chain rule, through an untouched network.

Every torch function that the network calls passes through :class:`Propagation`. A function for which there is another
rule returns the value that the network expects, with another derivative: that of *surrogates*, functions that are
linear in what comes from the photograph, each times a ratio that is held constant. Autograd then carries the rule
backwards, through additions, concatenations and branches as they are. What the rule assigns to a tensor is the tensor
times its modified derivative, so that linear functions need no rule. Functional, in-place and reused layers are met
like any other; a function without a rule is refused by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unseen.classifier import Classifier
from unseen.classifier.black_box import refuse_closed
from unseen.classifier.intercepting import Function, Intercepting, calling_module, name_of, names_of
from unseen.errors import NotApplicableError
from unseen.removal.deactivation.attention import attention_call
from unseen.removal.deactivation.interception import ABOUT_TENSORS, OF_A_KIND, by_position, operands_of, tensors_in
from unseen.removal.deactivation.pointwise import functions
from unseen.removal.deactivation.tensor_table import TensorTable

PropagationRule = Callable[["Propagation", Function, tuple[Any, ...], dict[str, Any]], Any]

_OF_A_KIND = OF_A_KIND | {"zeros_like", "ones_like", "full_like", "empty_like"}


class SignalState(Enum):
    """What a tensor that depends on the photograph is to the rules."""

    SIGNAL = "signal"
    GATE = "gate"
    """Held constant: it says how much of a signal passes (attention weights, sigmoid gates, standard deviations)."""


class Propagation(Intercepting):
    """One pass by other rules: enter the input, run the network inside, differentiate the output.

    Args:
        rules: what to do with each torch function that meets a signal.
        gated: functions that may take a gate beside a signal.
        classifier: its network, for naming the module in errors; the parameters must need no gradients.
        method: what errors call the method.

    Raises:
        NotApplicableError: functions that the network calls cannot be met, because it is scripted or compiled; or
            scores are made of what it returns by more than sums, for which there are no rules.

    Attributes:
        absorbed: after the backward pass, what constants (biases, class tokens) were assigned.
    """

    def __init__(
        self, rules: Mapping[Function, PropagationRule], gated: frozenset[Function], classifier: Classifier, method: str
    ) -> None:
        super().__init__()
        remedy = "choose another method, such as 'integrated-gradients'"
        if not classifier.outputs.linear:
            kind = type(classifier.outputs).__name__
            raise NotApplicableError(
                f"{method} divides a sum of what the model returns, and the scores of {kind} outputs are none; {remedy}"
            )
        self.model: nn.Module = classifier.model
        refuse_closed(self.model, method, remedy)
        self.rules, self.gated, self.method = rules, gated, method
        self.absorbed = 0.0
        self._states: TensorTable[SignalState] = TensorTable()

    def enter(self, tensor: Tensor) -> Tensor:
        """The network's input: a copy, for the network may change it in place, which autograd forbids of a leaf."""
        entered = tensor.clone()
        self._states[entered] = SignalState.SIGNAL
        return entered

    def gate(self, tensor: Tensor) -> Tensor:
        """Register a tensor that is held constant."""
        held = tensor.detach()
        self._states[held] = SignalState.GATE
        return held

    def state(self, tensor: Tensor) -> SignalState | None:
        """The state of a tensor, ``None`` of one that does not depend on the photograph."""
        state = self._states.get(tensor)
        if state is None and tensor.requires_grad:
            raise self.refusal(
                f"a tensor {tuple(tensor.shape)}", "was made by a scripted, compiled or custom operation"
            )
        return state

    def is_signal(self, value: object) -> bool:
        """Whether a value is a tensor that carries what is passed backwards."""
        return isinstance(value, Tensor) and self.state(value) is SignalState.SIGNAL

    def through(self, value: Tensor, *terms: tuple[Tensor, Tensor | float]) -> Tensor:
        """``value`` with the derivative of Σ ratio · surrogate; what the surrogates lack to it is absorbed.

        Args:
            value: what the network expects.
            terms: surrogates, linear in the signals, each with its ratio.
        """
        output = rest = value.detach()
        for surrogate, ratio in terms:
            share = ratio * surrogate
            output = output + (share - share.detach()).to(value.dtype)
            rest = rest - share.detach()
        self.absorb(output, rest)
        return output

    def absorb(self, output: Tensor, constant: Tensor) -> None:
        """Keep account of what a constant that was added to ``output`` is assigned."""
        if not output.requires_grad or not bool(constant.any()):
            return
        settle = self.settling(output)

        def weighed(derivative: Tensor) -> None:
            settle(torch.where(derivative != 0, derivative.double() * constant, 0))  # what masks hide is infinite

        output.register_hook(weighed)  # type: ignore[no-untyped-call]

    def settling(self, output: Tensor) -> Callable[[Tensor], None]:
        """What is to be done, in the backward pass, with what a constant that was added to ``output`` is assigned."""
        del output

        def settle(assigned: Tensor) -> None:
            self.absorbed += float(assigned.sum())

        return settle

    def refusal(self, what: str, why: str) -> NotApplicableError:
        """The error that names the operation, the module that called it, and what to do."""
        where = calling_module(names_of(self.model))
        place = f" in module {where!r}" if where else ""
        return NotApplicableError(
            f"{self.method} cannot pass {type(self.model).__name__}: {what}{place} {why}; "
            "choose another method, such as 'integrated-gradients', or 'occlusion', which needs no gradients"
        )

    def met(self, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See :meth:`Intercepting.met`."""
        operands = operands_of(args, kwargs)
        states = {self.state(tensor) for tensor in operands} - {None}
        if not states or func.__name__ in _OF_A_KIND:
            return self.as_asked(func, args, kwargs)
        if states == {SignalState.GATE}:
            output = self.as_asked(func, args, kwargs)
            for tensor in tensors_in(output):
                self._states[tensor] = SignalState.GATE
            return output
        rule = self.rules.get(func)
        if rule is None and func.__name__ in ABOUT_TENSORS:
            output = self.as_asked(func, args, kwargs)
            if not tensors_in(output):
                return output
        if rule is None or kwargs.get("out") is not None:
            raise self.refusal(name_of(func), "is a function for which there is no rule")
        if SignalState.GATE in states and func not in self.gated:
            raise self.refusal(
                name_of(func), "joins a signal with what only weighs signals, for which there is no rule"
            )
        if not torch.is_grad_enabled():
            raise self.refusal(name_of(func), "is called without gradients (no_grad, or a custom autograd.Function)")
        output = rule(self, func, *(by_position(args, kwargs) if kwargs else (args, kwargs)))
        for tensor in tensors_in(args[0] if func is Tensor.__setitem__ else output):
            if tensor.requires_grad and self._states.get(tensor) is None:  # not a constant in the dtype of a signal
                self._states[tensor] = SignalState.SIGNAL
        return output


# ---- rules that the methods share -------------------------------------------------------------------------------


def linear(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function that is linear in its signals: passed backwards as it is."""
    del run
    return func(*args, **kwargs)


def affine(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function that is affine in its signals: its constant, the value at signals of 0, is accounted for."""

    def silent(value: Any) -> Any:
        if isinstance(value, Tensor):
            return torch.zeros_like(value) if run.is_signal(value) else value
        if isinstance(value, (list, tuple)):
            return type(value)(map(silent, value))
        return value

    with torch.no_grad():
        at_zero = [*map(silent, args)]
        constant = func(*at_zero, **{name: silent(value) for name, value in kwargs.items()})
        constant = at_zero[0] if constant is None else constant  # an assignment to a part
        constant = constant.clone() if constant is args[0] else constant
    output = func(*args, **kwargs)
    result = args[0] if output is None else output
    run.absorb(result, constant)
    return output


def addition_of_product(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``addcmul`` and ``addcdiv`` with one factor that does not depend on the photograph."""
    if run.is_signal(args[2]) and (run.is_signal(args[1]) or func.__name__.startswith("addcdiv")):
        raise run.refusal(name_of(func), "multiplies two signals")
    return affine(run, func, args, kwargs)


def check_exact(run: Propagation, func: Function, kwargs: dict[str, Any]) -> None:
    """Refuse a quotient that is rounded."""
    if kwargs.get("rounding_mode") is not None:
        raise run.refusal(name_of(func), "rounds, for which there is no rule")


def check_weights(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse a layer whose weights are signals."""
    if any(run.is_signal(value) for value in (*args[1:], *kwargs.values())):
        raise run.refusal(name_of(func), "has weights that depend on the photograph")


def check_statistics(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Refuse a batch norm that is not in evaluation."""
    if arguments(func, args, kwargs)["training"]:
        raise run.refusal("batch_norm", "normalises by its batch, for which there is no rule")


def dropout(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Dropout that is off; in evaluation only code that asks for it by itself drops anything."""
    training = kwargs.get("training", args[2] if len(args) > 2 else True)
    if training and kwargs.get("p", args[1] if len(args) > 1 else 0.5):
        raise run.refusal(name_of(func), "drops at random, for which there is no rule")
    return func(*args, **kwargs)


def out_of_place(
    func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Callable[[Tensor], Tensor], bool]:
    """A function of its first argument that leaves it as it is, and whether the original changes it."""
    name = func.__name__
    rest, options, changes = list(args[1:]), dict(kwargs), False
    if name.endswith("_") and not name.endswith("__"):
        changes = True
        func = next(iter(functions([name[:-1]], in_place=False)))
    elif "inplace" in _parameters(func):
        place = _parameters(func).index("inplace") - 1
        if place < len(rest):
            changes, rest[place] = bool(rest[place]), False
        else:
            changes = bool(options.pop("inplace", False))
    return lambda tensor: func(tensor, *rest, **options), changes


def arguments(func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a Python function by name, defaults included."""
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


@lru_cache(256)
def _parameters(func: Function) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(func).parameters)
    except (TypeError, ValueError):  # a builtin
        return ()


def with_derivative(plain: Callable[[Tensor], Tensor], inputs: Tensor) -> tuple[Tensor, Tensor]:
    """A function of each value alone, and its derivative there: 0 at a pole, such as that of a square root."""
    with torch.enable_grad():
        here = inputs.detach().requires_grad_()
        value = plain(here)
        (derivative,) = torch.autograd.grad(value.sum(), here)
    return value.detach(), derivative.nan_to_num(0, 0, 0)


def pointwise(
    rule: Callable[[Propagation, Function, Callable[[Tensor], Tensor], Tensor], Tensor],
) -> PropagationRule:
    """The rule of a function of each value alone, whether or not it works in place."""

    def applied(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        if any(run.is_signal(value) for value in (*args[1:], *kwargs.values())):
            raise run.refusal(name_of(func), "has a parameter that depends on the photograph")
        plain, changes = out_of_place(func, args, kwargs)
        output = rule(run, func, plain, args[0])
        return args[0].copy_(output) if changes else output

    return applied


@dataclass(frozen=True)
class NormLayout:
    """A layer, group or instance norm, laid out so that its statistics run over ``axes`` of the input in ``shape``.

    Attributes:
        inputs: as the network gives them.
        shape: of the groups.
        axes: of the statistics.
        weight: broadcastable to the input, or ``None``; as is the bias.
        bias: as there.
        eps: added to the variance.
    """

    inputs: Tensor
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    weight: Tensor | None
    bias: Tensor | None
    eps: float

    @property
    def precision(self) -> torch.dtype:
        """What its steps are to be taken in, for squares of half precision vanish; torch's own kernels do likewise."""
        return torch.float32 if self.inputs.dtype.itemsize < 4 else self.inputs.dtype


def norm_of(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NormLayout:
    """The norm that is called."""
    call = arguments(func, args, kwargs)
    inputs, affine_part, eps = call["input"], (call["weight"], call["bias"]), call["eps"]
    if func is F.layer_norm:
        return NormLayout(
            inputs, tuple(inputs.shape), tuple(range(-len(tuple(call["normalized_shape"])), 0)), *affine_part, eps
        )
    if func is F.instance_norm and not call["use_input_stats"]:
        raise run.refusal("instance_norm", "uses running statistics, for which there is no rule")
    groups = call["num_groups"] if func is F.group_norm else inputs.shape[1]
    per_channel = (-1, *[1] * (inputs.ndim - 2))
    weight, bias = (None if part is None else part.reshape(per_channel) for part in affine_part)
    return NormLayout(inputs, (len(inputs), groups, -1), (-1,), weight, bias, eps)


def attention_of(run: Propagation, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``scaled_dot_product_attention`` by name, of the plain form that has rules."""
    call = attention_call(*args, **kwargs)
    if call["is_causal"] or call["dropout_p"] or call["enable_gqa"]:
        raise run.refusal(name_of(func), "is causal, grouped or drops at random; it has no rule then")
    return call


def operands_of_product(
    func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[list[Tensor], Callable[..., Tensor]]:
    """The factors of a matrix product, and the product as a function of them."""
    if func is torch.einsum:
        equation, *operands = args
        operands = list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
        return operands, lambda *factors: torch.einsum(equation, *factors)
    return [args[0], args[1]], lambda *factors: func(*factors, **kwargs)


LINEAR = """
view view_as reshape reshape_as flatten unflatten squeeze unsqueeze ravel permute transpose movedim moveaxis swapaxes
swapdims contiguous clone to float double half bfloat16 type_as expand expand_as repeat repeat_interleave tile chunk
split tensor_split unbind narrow select index_select gather take_along_dim flip roll rot90 mean sum avg_pool1d
avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d pixel_shuffle pixel_unshuffle
channel_shuffle unfold fold interpolate upsample neg negative __neg__ cumsum diagonal
""".split()
DROPOUTS = "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout".split()
AFFINE = """
add sub subtract rsub __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ cat concat concatenate stack hstack vstack
masked_fill pad
""".split()
POINTWISE = """
relu relu6 hardtanh clamp clamp_min clamp_max clip leaky_relu prelu gelu silu hardswish hardsigmoid mish elu selu celu
tanh sigmoid softplus logsigmoid softsign hardshrink softshrink tanhshrink abs exp log sqrt rsqrt reciprocal square erf
sin cos pow __pow__
""".split()
WEIGHTED = "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d".split()
MAXIMA = "max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d amax".split()

SHARED_RULES: Mapping[Function, PropagationRule] = {
    **dict.fromkeys(functions(LINEAR, in_place=False), linear),
    **dict.fromkeys((vars(torch._C.TensorBase)[name].__get__ for name in ("mT", "T")), linear),
    torch.Tensor.__getitem__: linear,
    **dict.fromkeys(functions(AFFINE), affine),
    **dict.fromkeys(functions(DROPOUTS), dropout),
    torch.Tensor.__setitem__: affine,
    **dict.fromkeys(functions(("addcmul", "addcdiv")), addition_of_product),
}
PRODUCTS = frozenset(
    functions("mul multiply div divide true_divide __mul__ __rmul__ __imul__ __truediv__ __itruediv__".split())
)
MATRIX_PRODUCTS = frozenset([*functions(("matmul", "bmm", "__matmul__")), torch.einsum])
RECTIFIERS = frozenset(functions(("relu",)))
LAYER_NORMS = (F.layer_norm, F.group_norm, F.instance_norm)
