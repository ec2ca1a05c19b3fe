"""One pass of layer-wise relevance propagation: how weighted layers share relevance, and what the pass remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.intercepting import Function
from unseen.explainers.propagation.propagation import SHARED_RULES, Propagation, PropagationRule
from unseen.removal.deactivation.tensor_table import TensorTable
from unseen.system.options import Meaning, Number, Options, Positive

LrpVariant = Annotated[
    Literal["epsilon", "gamma", "alpha-beta", "deep-taylor"], Meaning("the rule by which relevance is shared")
]

Apply = Callable[[Tensor, Tensor], Tensor]
"""(input, weights) → output, linear in both."""


@dataclass(frozen=True)
class RelevanceShares(Options):
    """How a weighted layer hands relevance to its inputs.

    ``epsilon`` — in proportion to what each input contributes; ``gamma`` — positive contributions count 1 + γ times;
    ``alpha-beta`` — α times among the positive contributions, −β times among the negative ones; ``deep-taylor`` — among
    the positive contributions, and at the photograph by the z^B rule.

    Attributes:
        attends: whether attention weights are handed relevance, or held constant.

    Raises:
        ParameterError: an option outside its range.
    """

    attends: ClassVar[bool] = False

    variant: LrpVariant = "epsilon"
    epsilon: Annotated[float, Positive("what is added to a layer's output before it divides, away from 0")] = 1e-6
    gamma: Annotated[float, Number("γ, by which positive contributions count more", 0)] = 0.25
    alpha: Annotated[float, Number("α, the weight of the positive contributions; β is α − 1", 1)] = 2.0

    def terms(
        self, apply: Apply, inputs: Tensor, weight: Tensor, value: Tensor, *, proportional: bool
    ) -> list[tuple[Tensor, Tensor]]:
        """Surrogates of the layer and their ratios, for :meth:`Propagation.through`.

        Args:
            apply: the layer without its bias.
            inputs: of the layer.
            weight: of the layer.
            value: its output, with the bias.
            proportional: use the ε rule whatever the variant.
        """
        if proportional or self.variant == "epsilon":
            return [(apply(inputs, weight), self._share(value, value))]
        with torch.no_grad():
            bias = value - apply(inputs, weight)
        above, below = inputs.clamp(min=0), inputs.clamp(max=0)
        raised, lowered = weight.clamp(min=0), weight.clamp(max=0)
        if self.variant == "gamma":
            gamma = self.gamma
            pull = apply(above, weight + gamma * raised) + apply(below, weight + gamma * lowered)
            push = apply(above, weight + gamma * lowered) + apply(below, weight + gamma * raised)
            return [
                (pull, self._share(value.clamp(min=0), pull + bias + gamma * bias.clamp(min=0))),
                (push, self._share(value.clamp(max=0), push + bias + gamma * bias.clamp(max=0))),
            ]
        positive = apply(above, raised) + apply(below, lowered)
        if self.variant == "deep-taylor":
            return [(positive, self._share(value, positive))]
        terms = [(positive, self._share(self.alpha * value, positive + bias.clamp(min=0)))]
        if self.alpha > 1:
            negative = apply(above, lowered) + apply(below, raised)
            terms.append((negative, self._share((1 - self.alpha) * value, negative + bias.clamp(max=0))))
        return terms

    def _share(self, relevant: Tensor, whole: Tensor) -> Tensor:
        precise = torch.float32 if whole.dtype.itemsize < 4 else whole.dtype  # a quotient overflows soon in half
        whole, relevant = whole.detach().to(precise), relevant.to(precise)
        return relevant.detach() / torch.where(whole < 0, whole - self.epsilon, whole + self.epsilon)


class Relevance(Propagation):
    """One pass of layer-wise relevance propagation.

    Args:
        rules: see :class:`Propagation`, as is the next.
        gated: as there.
        shares: how weighted layers hand relevance on.
        classifier: the network.
        box: the smallest and the largest input, normalised, for the z^B rule; they need gradients.
    """

    def __init__(
        self,
        rules: Mapping[Function, PropagationRule],
        gated: frozenset[Function],
        shares: RelevanceShares,
        classifier: Classifier,
        box: tuple[Tensor, Tensor],
    ) -> None:
        name = "deep-taylor" if shares.variant == "deep-taylor" else f"lrp-{shares.variant}"
        name = "attn-lrp" if shares.attends else name
        super().__init__(rules, gated, classifier, name)
        self.shares, self.boxed, self._box = shares, False, box
        self._boxes: TensorTable[tuple[Tensor, Tensor, int]] = TensorTable()
        self._origins: TensorTable[tuple[Apply, Tensor, Tensor, tuple[int, int]]] = TensorTable()

    def enter(self, tensor: Tensor) -> Tensor:
        """See :meth:`Propagation.enter`."""
        entered = super().enter(tensor)
        self._boxes[entered] = *self._box, entered._version
        return entered

    def box_of(self, tensor: object) -> tuple[Tensor, Tensor] | None:
        """The smallest and the largest value of the photograph as it is now, unless it was changed in place."""
        entry = self._boxes.get(tensor) if isinstance(tensor, Tensor) else None
        if entry is None or not isinstance(tensor, Tensor) or entry[2] != tensor._version:
            return None
        return entry[:2]

    def met(self, func: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """See :meth:`Propagation.met`; what moves or pads the photograph does so to the smallest and largest, too."""
        output = super().met(func, args, kwargs)
        box = self.box_of(args[0]) if args else None
        if box is not None and func in SHARED_RULES and isinstance(output, Tensor) and output is not args[0]:
            low, high = (func(bound, *args[1:], **kwargs) for bound in box)
            self._boxes[output] = low, high, output._version
        return output

    def weighted(
        self, apply: Apply, inputs: Tensor, weight: Tensor, value: Tensor, *, foldable: bool = False
    ) -> Tensor:
        """The output of a weighted layer with its rule; ``foldable`` if a batch norm may follow it."""
        box = self.box_of(inputs)
        if box is not None and self.shares.variant == "deep-taylor":
            self.boxed, (low, high) = True, box
            surrogate = apply(inputs, weight) - apply(low, weight.clamp(min=0)) - apply(high, weight.clamp(max=0))
            terms = [(surrogate, self.shares._share(value, surrogate))]
        else:
            terms = self.shares.terms(apply, inputs, weight, value, proportional=self._in_head(inputs))
        output = self.through(value, *terms)
        if foldable:
            self._origins[output] = apply, inputs, weight, (inputs._version, output._version)
        return output

    def _in_head(self, inputs: Tensor) -> bool:
        return inputs.ndim == 2 and self.shares.variant != "deep-taylor"

    def origin(self, tensor: Tensor) -> tuple[Apply, Tensor, Tensor] | None:
        """The weighted layer that made a tensor, if it was not changed since."""
        apply, inputs, weight, versions = self._origins.get(tensor) or (None, tensor, tensor, None)
        return None if apply is None or versions != (inputs._version, tensor._version) else (apply, inputs, weight)
