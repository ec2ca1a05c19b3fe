"""FullGrad: the logit as the sum of what the photograph and what every bias adds, each by its gradient.

Source: Srinivas & Fleuret, *Full-Gradient Representation for Neural Network Visualization*, NeurIPS 2019: equation 3
(full gradients, f(x) = ∇f · x + Σ f^b), equation 5 (implicit biases of activations that are not piecewise linear, for
which :mod:`fullgrad_rules` has what a function lacks to its derivative), section 5 (the map). What the paper leaves to
code: its authors' rescales the channels of a layer together, and leaves biases out that have no place, such as those of
the head.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.classifier.differentiation import differentiated
from unseen.classifier.intercepting import Function, names_of
from unseen.explainers.propagation.fullgrad_rules import BiasGradients, Calls, Place
from unseen.explainers.sufficient.evaluation import Evaluator
from unseen.explainers.sufficient.search import FromMap
from unseen.explanation import Findings
from unseen.inputs.space import size_of
from unseen.removal import MaskedClassifier
from unseen.removal.deactivation.cells import Cells, cells_of
from unseen.removal.deactivation.features import watched_passes
from unseen.removal.deactivation.interception import Interception
from unseen.system.options import Meaning

_NO_PLACES = ("no full gradients", "choose another method, such as 'integrated-gradients', or 'occlusion'")


@dataclass(frozen=True, eq=False)
class BiasMap:
    """What the biases of one function add to the logit, at the places of a photograph.

    Attributes:
        values: bias times gradient, float32, shape ``(C, *size)``.
        cells: where they lie on the photograph.
    """

    values: Float[Tensor, "C *size"]
    cells: Cells

    def spread(self) -> tuple[Float[Tensor, "*space"], float]:
        """The sum over channels on the photograph, whose own sum it keeps, and what lies beside the photograph."""
        plane = self.values.double().sum(0)
        with torch.enable_grad():
            probe = torch.zeros_like(plane, requires_grad=True)
            (weight,) = torch.autograd.grad(self.cells.laid(probe).sum(), probe)
        shown = weight > 0
        laid = self.cells.laid(torch.where(shown, plane / torch.where(shown, weight, 1), 0))
        return laid, float(plane[~shown].sum())


@dataclass(frozen=True, eq=False)
class FullGradient:
    """A logit taken apart: it is the sum of ``gradient`` times ``inputs``, of all ``biases``, and of ``elsewhere``.

    Attributes:
        gradient: of the logit with respect to the network's normalised input, shape ``(C, *space)``, on the CPU.
        inputs: the normalised input.
        biases: those that have a place on the photograph, layer by layer.
        elsewhere: what biases add that have none, such as those of the head.
        logit: of the class.
    """

    gradient: Float[Tensor, "C *space"]
    inputs: Float[Tensor, "C *space"]
    biases: tuple[BiasMap, ...]
    elsewhere: float
    logit: float

    @property
    def product(self) -> Float[Tensor, "C *space"]:
        """The part of the photograph itself."""
        return self.gradient * self.inputs

    @property
    def shares(self) -> dict[str, float]:
        """The parts of ``logit`` = ``input`` + ``biases`` + ``elsewhere`` + ``gap``, the last by rounding."""
        found = {
            "input": float(self.product.double().sum()),
            "biases": sum((float(one.values.double().sum()) for one in self.biases), 0.0),
            "elsewhere": self.elsewhere,
        }
        return {"logit": self.logit, **found, "gap": self.logit - sum(found.values())}


def full_gradient(masked: MaskedClassifier, target: int, *, placed: bool = True) -> FullGradient:
    """The full gradients of a class's logit; one pass with a gradient, and one that finds where layers' maps lie.

    Args:
        masked: the classifier and its photograph.
        target: class index.
        placed: whether the second pass is made; else all biases are ``elsewhere``.

    Raises:
        NotApplicableError: the network has a function without a rule, or positions cannot be followed through it where
            they must.

    Example:
        >>> from unseen.explainers.propagation.fullgrad import full_gradient
        >>> found = full_gradient(masked, target=0)
        >>> float(found.product.sum()), found.biases  # the logit, for nothing has a bias
        (6.25, ())
    """
    classifier = masked.classifier
    terms: list[tuple[list[Place], Tensor]] = []

    def differentiate() -> tuple[Tensor, Tensor, float]:
        terms.clear()
        inputs = classifier.normalise(masked.image[None]).detach()
        run = BiasGradients(classifier)
        with classifier.frozen(), torch.enable_grad():
            entered = inputs.clone().requires_grad_()
            output = classifier.call(run.enter(entered), run)
            logit = classifier.check(output, 1, run)[0, target]
            if not logit.requires_grad:
                raise run.refusal("the output", "does not depend on the photograph")
            (gradient,) = differentiated(classifier, logit, [entered])
        terms.extend(run.terms)
        run.terms.clear()  # it may live on until the garbage collector comes
        return gradient[0].cpu(), inputs[0].cpu(), float(logit.detach())

    def evaluate(first: int, last: int) -> list[object]:
        return [
            differentiate() if number == 0 else _places(masked, {place for here, _ in terms for place in here})
            for number in range(first, last)
        ]

    (first, *rest) = (one for batch in masked.in_batches(1 + placed, evaluate) for one in batch)
    gradient, inputs, logit = cast("tuple[Tensor, Tensor, float]", first)
    cells = cast("dict[Place, list[Cells]]", rest[0]) if placed else {}
    biases, elsewhere = [], 0.0
    for here, assigned in terms:
        rows = next((cells[place] for place in here if place in cells and place.shape == tuple(assigned.shape)), None)
        if rows is None:
            elsewhere += float(assigned.sum())
            continue
        for one, values in zip(rows, assigned, strict=True):
            biases.append(BiasMap(one.of(values[None])[0].float().cpu(), one))
    return FullGradient(gradient.float(), inputs.float(), tuple(biases), elsewhere, logit)


def _places(masked: MaskedClassifier, wanted: set[Place]) -> dict[Place, list[Cells]]:
    """Where the outputs of some calls lie on the photograph, of those that are maps of it."""
    classifier, found = masked.classifier, dict[Place, list[Cells]]()
    calls = Calls(names_of(classifier.model))

    def watch(run: Interception, func: Function, operands: object, output: Tensor) -> None:
        del operands
        place = calls.place(func, output)
        positions = run.positions(output) if place in wanted else None
        cells = None if positions is None else cells_of(output, positions)
        if cells is not None:
            found[place] = cells

    with torch.no_grad():
        watched_passes(classifier, masked.image, _NO_PLACES)(masked.image[None].to(classifier.device), watch)
    return found


Rescaling = Annotated[
    Literal["layer", "channel", "none"],
    Meaning(
        "what is done to each layer before layers are added up: absolute values, from 0 to 1 over the layer, as the "
        "authors' code has it, or over each channel, as the paper prints it; or nothing, so that the map is signed and "
        "adds up to the logit"
    ),
]
PhotographsPart = Annotated[
    Literal["product", "gradient"],
    Meaning(
        "what stands for the photograph beside the biases: its gradient times its values, as in the paper's map, or "
        "its gradient, as in the paper's full gradients, which do not change within a linear piece of the network"
    ),
]


@dataclass(frozen=True)
class FullGrad(FromMap):
    """What the photograph and what every bias of the network adds to the logit, layer upon layer.

    Source: Srinivas & Fleuret, NeurIPS 2019. The record says what each adds; together they are the logit.

    Raises:
        ParameterError: an option outside its range.

    Example:
        >>> from unseen.explainers import map_of
        >>> from unseen.explainers.propagation.fullgrad import FullGrad
        >>> map_of(FullGrad("none"), masked, target=0).sum()  # the logit
        tensor(6.2500)
    """

    rescale: Rescaling = "layer"
    photograph: PhotographsPart = "product"
    score: Literal["logit"] = field(default="logit", init=False)
    stage: ClassVar[str] = "full gradients"
    empty: ClassVar[str] = "neither a pixel nor a bias has a gradient: the map of {label} is empty"
    uses_removal: ClassVar[bool] = False

    def attribute(self, evaluate: Evaluator, seed: int, domain: Bool[Tensor, "*space"] | None) -> Findings:
        """See :func:`full_gradient`."""
        del seed, domain
        found = full_gradient(evaluate.masked, evaluate.target)
        own = found.product if self.photograph == "product" else found.gradient
        if self.rescale == "none":
            saliency, beside = own.double().sum(0), found.elsewhere
            for layer in found.biases:
                laid, lost = layer.spread()
                saliency, beside = saliency + laid, beside + lost
            saliency = saliency + beside / size_of(saliency.shape)
        else:
            saliency = self._rescaled(own).sum(0)
            for layer in found.biases:
                saliency = saliency + layer.cells.laid(self._rescaled(layer.values).sum(0))
        return Findings(saliency.float(), record={**found.shares, "layers": len(found.biases)})

    def _rescaled(self, values: Float[Tensor, "C *size"]) -> Float[Tensor, "C *size"]:
        """Absolute values from 0 to 1; 0 where all are the same."""
        size = values.abs()
        over = tuple(range(0 if self.rescale == "layer" else 1, size.ndim))
        low, high = size.amin(over, keepdim=True), size.amax(over, keepdim=True)
        return (size - low) / torch.where(high > low, high - low, 1)

    def cost(self, shape: tuple[int, ...]) -> int:
        """See :meth:`FromMap.cost`."""
        del shape
        return 2
