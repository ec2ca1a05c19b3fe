"""Passes with a graph, and gradients back through them: where networks that have none are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.classifier import Classifier
from unseen.classifier.failures import out_of_memory
from unseen.errors import NotApplicableError, first_line


def differentiable_logits(classifier: Classifier, images: Float[Tensor, "N C *space"]) -> Float[Tensor, "N K"]:
    """The logits of one pass, with their graph; not counted.

    The classifier must be frozen, or scores that do not depend on the images could not be told from those that do,
    and gradients enabled.

    Raises:
        NotApplicableError: the network's logits cannot be differentiated.
    """
    logits = classifier.forward(images)
    if not logits.requires_grad:
        raise NotApplicableError(
            f"the logits of {classifier.name} have no gradient (quantised weights, no_grad or detach in its "
            "code?); choose a method and a removal that need none, such as 'occlusion' under 'grey'"
        )
    return logits


def differentiated(
    classifier: Classifier, value: Tensor, inputs: Sequence[Tensor], *, retain_graph: bool = False
) -> tuple[Tensor, ...]:
    """Gradients of a value, 0 for inputs on which it does not depend; the graph is freed unless it is retained.

    Memory errors come out as they are, for smaller batches may do.

    Raises:
        NotApplicableError: autograd cannot go back through the network's code, or comes to none of the inputs.
    """
    try:
        reached = torch.autograd.grad(value, inputs, retain_graph=retain_graph, allow_unused=True)
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        raise NotApplicableError(
            f"autograd cannot differentiate {classifier.name} ({first_line(error)}); "
            "choose a method and a removal that need no gradients, such as 'occlusion' under 'grey'"
        ) from error
    found = cast("tuple[Tensor | None, ...]", reached)
    if all(gradient is None for gradient in found):
        raise NotApplicableError(
            f"no gradient of {classifier.name} reaches what it is asked about (quantised weights, or another operation "
            "that passes none?); choose a method and a removal that need none, such as 'occlusion' under 'grey'"
        )
    gradients = tuple(
        torch.zeros_like(one) if gradient is None else gradient for one, gradient in zip(inputs, found, strict=True)
    )
    if classifier.dtype.itemsize < 4 and not all(bool(gradient.isfinite().all()) for gradient in gradients):
        raise NotApplicableError(
            f"the gradients of {classifier.name} overflow in {str(classifier.dtype).removeprefix('torch.')}; "
            "explain it in float32 (network.float())"
        )
    return gradients


def logit_gradient(
    classifier: Classifier, image: Float[Tensor, "C *space"], target: int
) -> tuple[Float[Tensor, "C *space"], float]:
    """The gradient of one logit with respect to a photograph's pixels, on the CPU, and the logit; not counted.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    pixels = image[None].to(classifier.device).detach().clone().requires_grad_()
    with classifier.frozen(), torch.enable_grad():
        value = differentiable_logits(classifier, pixels)[0, target]
        (gradient,) = differentiated(classifier, value, [pixels])
    return gradient[0].detach().cpu(), float(value.detach())


def slope_found(
    classifier: Classifier,
    image: Float[Tensor, "C *space"],
    target: int,
    gradient: Float[Tensor, "C *space"],
    value: float,
) -> float:
    """How steeply a logit rises along its gradient, as a share of the gradient's length: 1 if it is the gradient.

    Two passes: of a step forward and one back, by which the logit should change by 1 %.

    Args:
        classifier: in 32 bits or more, or rounding drowns the difference.
        image: at its resolution; a step may leave [0, 1].
        target: class index.
        gradient: of the logit with respect to the image, not 0 everywhere.
        value: the logit.
    """
    length = float(gradient.double().norm())
    step = 0.005 * max(1.0, abs(value)) / length
    away = (gradient.double() * (step / length)).to(image.dtype)
    higher, lower = classifier.logits(torch.stack([image + away, image - away]))[:, target].double().tolist()
    return float(higher - lower) / (2 * step * length)
