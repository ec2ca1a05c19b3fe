"""Backpropagation through rectifiers that lets only positive signals pass: deconvnet and guided backpropagation.

Sources: Zeiler & Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014 (deconvnet); Springenberg et
al., *Striving for Simplicity: The All Convolutional Net*, 2015, figure 1 (guided backpropagation).

The rectifiers are found in the graph that autograd records of one plain pass, and changed there, in that graph alone:
functional, in-place and reused ones are met like any other, and the network is not touched. Both rules are defined for
rectifiers only; a network with another activation is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.autograd_graph import nodes_of
from unseen.classifier.differentiation import differentiated
from unseen.classifier.scores import Score
from unseen.errors import NotApplicableError
from unseen.explainers.gradients.derivatives import differentiable_scores, over_channels
from unseen.explainers.gradients.gradient import FromGradients
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explanation import Findings
from unseen.removal import MaskedClassifier
from unseen.removal.slope import note_false_slope
from unseen.system.options import Meaning

RectifierRule = Annotated[
    Literal["deconvnet", "guided"],
    Meaning("which signals pass back: all positive ones, or those of them where the rectifier was open"),
]

_BEGINNINGS = {
    "Relu": None,
    "Hardtanh": "_saved_min_val",
    "Threshold": "_saved_threshold",
    "ClampMin": "_saved_min",
    "Clamp": "_saved_min",
}
"""Functions that are rectifiers if they begin at 0, and where autograd keeps what they begin at."""

_OTHERS = frozenset(
    """
Celu Elu Erf Gelu Hardshrink Hardswish Hardtanh LeakyRelu LogSigmoid Mish PreluKernel RreluWithNoise Silu Softplus
Softshrink Threshold
""".split()
)
_GATES = frozenset("Sigmoid Hardsigmoid Tanh Erf Exp Abs Hardtanh Clamp Softplus".split())
_OF_ONE_VALUE = _GATES | frozenset("Add Sub Rsub Mul Div Neg Pow Relu Reciprocal".split())


def rectified_gradient(
    masked: MaskedClassifier, target: int, rule: RectifierRule, *, score: Score = "logit"
) -> Float[Tensor, "C *space"]:
    """The gradient with respect to the photograph's pixels where every rectifier is passed backwards by ``rule``.

    ``deconvnet`` lets positive signals pass, wherever the rectifier was open; ``guided`` lets positive signals pass
    where it was open.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        rule: ``deconvnet`` or ``guided``.
        score: ``logit`` or ``probability``.

    Raises:
        NotApplicableError: the network has no rectifier or an activation that is none; it computes where autograd's
            graph does not show it; or it cannot be differentiated.
    """

    def evaluate(first: int, last: int) -> Tensor:
        del first, last
        image = masked.image[None].to(masked.classifier.device).detach().requires_grad_()
        with masked.classifier.frozen(), torch.enable_grad():
            value = differentiable_scores(masked, image, target, score).sum()
            found = [node for node in nodes_of(value) if _is_rectifier(node, masked.classifier.name, rule)]
            if not found:
                raise NotApplicableError(
                    f"{rule} changes how rectifiers are passed backwards, and {masked.classifier.name} has none; "
                    "choose another method, such as 'integrated-gradients'"
                )
            for node in found:
                node.register_hook(_PASSED[rule])
            (gradients,) = differentiated(masked.classifier, value, [image])
        return gradients[0].float().cpu()

    note_false_slope(masked, target)
    (result,) = masked.in_batches(1, evaluate)
    return result


def _positive_signals(inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (outputs[0] if outputs[0] is None else outputs[0].clamp(min=0), *inputs[1:])


def _positive_signals_where_open(inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    del outputs
    return (inputs[0] if inputs[0] is None else inputs[0].clamp(min=0), *inputs[1:])


_PASSED = {"deconvnet": _positive_signals, "guided": _positive_signals_where_open}


def _is_rectifier(node: Any, network: str, rule: RectifierRule) -> bool:
    kind = _kind(node)
    if kind in _BEGINNINGS and _begins_at_zero(node, _BEGINNINGS[kind]):
        return True
    if isinstance(node, torch.autograd.function.BackwardCFunction):
        other = f"the custom function {type(node).__name__}"
    elif "DifferentiableGraph" in kind:
        other = "scripted code, of which autograd keeps no steps"
    elif "CopySlices" in kind:
        other = "a change of a part of a tensor in place, of which autograd does not say what it is"
    elif kind in _OTHERS or (kind == "Clamp" and None not in (node._saved_min, node._saved_max)):
        other = f"the activation {kind.lower()}"
    elif _gates_itself(node):
        other = "an activation x · f(x) written by hand, such as x · sigmoid(x)"
    elif _chooses(node, kind):
        other = "a choice by value (maximum, where, or a product with a mask), such as a rectifier written by hand"
    else:
        return False
    raise NotApplicableError(
        f"{rule} is defined for rectifiers (ReLU, ReLU6), and {network} has {other}; "
        "choose another method, such as 'integrated-gradients'"
    )


def _kind(node: Any) -> str:
    """What a node undoes, without autograd's suffix and number."""
    name: str = node.name()
    return name.partition("Backward")[0]


def _begins_at_zero(node: Any, where: str | None) -> bool:
    if where is None:
        return True
    begins = getattr(node, where)
    return begins is not None and not bool(torch.as_tensor(begins).any())


def _sources(node: Any) -> list[Any]:
    """The nodes before a node, where its operands depend on the photograph."""
    return [before for before, _ in node.next_functions if before is not None]


def _chooses(node: Any, kind: str) -> bool:
    """Whether a function lets a value pass or not, other than torch's rectifiers."""
    if len(_sources(node)) != 1:
        return False
    if kind == "Mul":
        factor = node._saved_self if node._saved_other is None else node._saved_other
        whole = isinstance(factor, Tensor) and tuple(factor.shape) == tuple(node._input_metadata[0].shape)
        return whole and bool(((factor == 0) | (factor == 1)).all()) and not bool(factor.all())
    return kind in ("Maximum", "Where")


def _gates_itself(node: Any) -> bool:
    """Whether a product or quotient is x · f(x) with a sigmoid or the like in f, written by hand."""
    if _kind(node) not in ("Mul", "Div") or len(_sources(node)) != 2:
        return False
    left, right = node.next_functions
    return _is_gate_of(left, right) or _is_gate_of(right, left)


def _is_gate_of(gate: tuple[Any, int], signal: tuple[Any, int]) -> bool:
    """Whether a source is a function of each of the other's values, with a sigmoid or the like on the way."""
    way = [signal]  # backwards through functions of one value to what these took
    while _kind(way[-1][0]) in _OF_ONE_VALUE and len(_sources(way[-1][0])) == 1:
        way += [before for before in way[-1][0].next_functions if before[0] is not None]
    waiting, seen, met = [gate], {gate}, False
    while waiting:
        source = waiting.pop()
        if source in way:
            met = True
        elif _kind(source[0]) in _OF_ONE_VALUE:
            new = [before for before in source[0].next_functions if before[0] is not None and before not in seen]
            seen.update(new)
            waiting += new
    return met and any(_kind(step) in _GATES for step, number in seen if (step, number) not in way)


@dataclass(frozen=True)
class RectifiedGradient(FromGradients):
    """The gradient of the score, with every rectifier passed backwards by a rule of its own.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.gradients.rectifiers import RectifiedGradient
        >>> map_of(RectifiedGradient("guided"), masked, target=0).min() >= 0
        tensor(True)
    """

    rule: RectifierRule = "guided"

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`rectified_gradient`."""
        del seed, domain
        found = rectified_gradient(evaluate.masked, evaluate.target, self.rule, score=self.score)
        return Findings(over_channels(found, self.channels))
