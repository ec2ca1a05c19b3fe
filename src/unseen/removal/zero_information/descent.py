"""Images that descend on a loss inside the box of pixels, many at once and each as if it were alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from unseen.classifier import Classifier
from unseen.classifier.adam import Adam
from unseen.classifier.differentiation import differentiable_logits, differentiated
from unseen.inputs.smoothing import along_axes

Assessment = tuple[Tensor, Tensor, Tensor]
"""For each image: its loss, a probability that is watched, and whether it is done; each of shape (n,)."""

Objective = Callable[[Tensor, Tensor], Assessment]
"""(images (n, C, H, W), their numbers (n,)) → :data:`Assessment`, differentiable in the images."""

Move = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(gradients (n, C, H, W), losses (n,), numbers (n,)) → what is taken away from the images in one step."""

_RELAXATION = 2


@dataclass(frozen=True, eq=False)
class Descent:
    """Where images came to.

    Attributes:
        images: of each the one that was done, else the one of the lowest loss, shape ``(N, C, *space)``, in [0, 1].
        losses: before the first step and after each, shape (steps + 1, N); once an image is done, its value stays.
        watched: the same of the probability that is watched.
        steps: taken by each image, shape (N,).
        converged: whether it was done before the steps ran out, shape (N,).
    """

    images: Float[Tensor, "N C *space"]
    losses: Float[Tensor, "T N"]
    watched: Float[Tensor, "T N"]
    steps: Int[Tensor, " N"]
    converged: Bool[Tensor, " N"]


def descend(
    classifier: Classifier, start: Float[Tensor, "N C *space"], objective: Objective, move: Move, *, most: int
) -> Descent:
    """Descend from ``start``, projected to [0, 1] after each step; an image that is done takes no further part.

    All images go through the network in one pass a step. Nothing that is computed of one enters another, but the
    network's own rounding may depend on how many are in the pass. The network is left as it was.

    Raises:
        NotApplicableError: the network cannot be differentiated.
    """
    images, best = start.detach().clone(), start.detach().clone()
    count = len(images)
    lowest = torch.full((count,), math.inf, device=images.device, dtype=images.dtype)
    converged = torch.zeros(count, dtype=torch.bool, device=images.device)
    steps = torch.zeros(count, dtype=torch.long, device=images.device)
    running = torch.arange(count, device=images.device)
    losses, watched = [lowest.clone()], [lowest.clone()]
    for number in range(most + 1):
        here = images[running].requires_grad_()
        with classifier.frozen(), torch.enable_grad():
            loss, seen, done = objective(here, running)
            (gradients,) = differentiated(classifier, loss.sum(), [here])
        loss, seen, done = loss.detach().to(lowest), seen.detach().to(lowest), done.detach()
        for history, values in ((losses, loss), (watched, seen)):
            history.append(history[-1].clone())
            history[-1][running] = values
        better = done | (loss < lowest[running])
        best[running[better]] = here.detach()[better]
        lowest[running] = torch.minimum(loss, lowest[running])
        converged[running[done]] = True
        steps[running] = number
        going = ~done
        running = running[going]
        if not len(running):
            break
        images[running] = (here.detach()[going] - move(gradients[going], loss[going], running)).clamp(0, 1)
    return Descent(best, torch.stack(losses[1:]), torch.stack(watched[1:]), steps, converged)


class Bounded:
    """Steps down the gradient, of a given length or of Polyak's where that is shorter.

    Polyak's length, the loss over the squared norm of the gradient, is for losses whose lowest value is known to be 0;
    twice of it ends at the lowest point of a parabola. Far away it is too long, so that the bound holds there.

    Args:
        length: root mean square of a step at most, in pixels of [0, 1].
        smoothing: one matrix for each axis, of images (H, H) and (W, W); steps then are smoothed by them.
    """

    def __init__(self, length: float, smoothing: Sequence[Tensor] | None = None) -> None:
        self.length, self.smoothing = length, smoothing

    def __call__(
        self, gradients: Float[Tensor, "n C *space"], losses: Float[Tensor, " n"], numbers: Int[Tensor, " n"]
    ) -> Float[Tensor, "n C *space"]:
        """See :data:`Move`."""
        del numbers
        towards = gradients
        if self.smoothing is not None:
            towards = along_axes(along_axes(gradients, [matrix.T for matrix in self.smoothing]), self.smoothing)
        slope = (gradients * towards).flatten(1).sum(1)
        size = towards.square().flatten(1).mean(1).sqrt()
        tiny = torch.finfo(size.dtype).tiny
        share = torch.minimum(
            _RELAXATION * losses.clamp(min=0) / slope.clamp(min=tiny), self.length / size.clamp(min=tiny)
        )
        return share.reshape(-1, *(1,) * (towards.ndim - 1)) * towards


def by_adam(rate: float, like: Float[Tensor, "N C *space"]) -> Move:
    """Steps of :class:`~unseen.classifier.adam.Adam`, each image with moments of its own.

    Args:
        rate: of a step, in pixels of [0, 1].
        like: images of the shape of all.
    """
    adam = Adam(like)

    def step(gradients: Tensor, losses: Tensor, numbers: Tensor) -> Tensor:
        del losses
        return adam(gradients, rate, numbers)

    return step


def wide_logits(classifier: Classifier, images: Float[Tensor, "N C *space"]) -> Float[Tensor, "N K"]:
    """Logits with their graph, in float32 at least, so that small probabilities are not lost."""
    logits = differentiable_logits(classifier, images)
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def deficit(logs: Float[Tensor, "N T"], alternatives: int) -> Float[Tensor, " N"]:
    """Log K − H: what is missing to the highest entropy, in nats; 0 where all classes are as probable, at most log K.

    Of findings it is the sum over them, each with K = 2.

    Args:
        logs: logarithms of probabilities.
        alternatives: of how many targets one holds, K.
    """
    return logs.shape[1] // alternatives * math.log(alternatives) + (logs.exp() * logs).sum(1)
