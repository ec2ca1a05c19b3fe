"""Noisy linear imputation: a hidden pixel is the weighted mean of its neighbours, plus a little noise.

Source: Rong et al., *A Consistent and Efficient Evaluation Strategy for Attribution Methods* (ROAD), ICML 2022,
section 5: direct neighbours weigh 1/6, diagonal ones 1/12, all hidden pixels are solved for together, and at the border
the weights of the neighbours that exist are what is divided by. Where the paper factorises a sparse matrix for each
image, all masks of a batch are solved here at once, on the network's device, by conjugate gradients with a multigrid
preconditioner: the mean over neighbours is itself so good a smoother (each sweep leaves a third of what is rough) that
a few cycles suffice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d

from unseen.classifier import Classifier
from unseen.errors import NotApplicableError
from unseen.inputs.streams import Seed
from unseen.registry import spec
from unseen.removal.fills.painting import Painting
from unseen.system.options import Number

_TOLERANCE = 2e-3
"""Of pixels in [0, 1]. An image whose next correction is nowhere larger takes it and is done. What that leaves is below
two thousandths at the worst pixel in every mask tried, and a hundredth of that in the mean."""

_CYCLES = 60
"""More than any mask takes: a guard against an endless loop, not a setting."""


@dataclass(frozen=True)
class LinearImputation(Painting):
    """Impute hidden pixels from their neighbours, as ROAD does; masks of 0 and 1 only.

    The photograph's visible pixels are left as they are. With nothing visible there is nothing to impute from: every
    pixel is the photograph's mean colour then.

    Gaussian noise is added to imputed pixels, and the result is not clipped, as in the paper. Each place has one value
    of the noise, whatever the photograph and the mask, so that results do not depend on what else is evaluated.

    Raises:
        ParameterError: negative noise, or a negative seed.

    Example:
        >>> from unseen.removal.fills.linear import LinearImputation
        >>> LinearImputation(noise=0).bind(classifier, photo).painted(~square[None])[0, :, 12, 12]
        tensor([0.2000, 0.2000, 0.2000])
    """

    noise: Annotated[
        float, Number("the standard deviation of the noise on imputed pixels, in units of pixels in [0, 1]", 0)
    ] = 0.01
    seed: Seed = 0

    @property
    def name(self) -> str:
        """``linear``, and what differs from the default."""
        return spec("linear", self)

    def painted(
        self, classifier: Classifier, pixels: Float[Tensor, "N C H W"], masks: Float[Tensor, "N H W"]
    ) -> Float[Tensor, "N C H W"]:
        """See :meth:`Painting.painted`."""
        del classifier
        generator = torch.Generator().manual_seed(self.seed)
        noise = (self.noise * torch.randn(pixels.shape[1:], generator=generator, dtype=torch.float32)).to(pixels)
        return torch.where(masks[:, None] == 0, impute(pixels, masks) + noise, pixels)


def impute(pixels: Float[Tensor, "N C H W"], masks: Float[Tensor, "N H W"]) -> Float[Tensor, "N C H W"]:
    """Every hidden pixel is the weighted mean of its neighbours, without noise; visible ones stay.

    Agrees with the direct solution to one or two thousandths. Differentiable in the pixels (the system is symmetric:
    the gradient is a solution with the same masks), not in the masks.

    Args:
        pixels: values of the order of 1, for the precision is absolute.
        masks: 1 = visible; of 0 and 1 only.
    """
    return cast(Tensor, _Impute.apply(pixels, masks))  # type: ignore[no-untyped-call]


class _Impute(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, masks: Tensor) -> Tensor:
        hidden = (masks[:, None] == 0).to(pixels.dtype)
        ctx.save_for_backward(hidden)
        whole = hidden.amin((2, 3), keepdim=True) == 1
        start = torch.where(whole, pixels.mean((2, 3), keepdim=True), guess(pixels, 1 - hidden))
        pyramid = Pyramid(hidden * ~whole)
        return start + pyramid.solve(-pyramid.levels[0].apply(start))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (hidden,) = ctx.saved_tensors
        whole = hidden.amin((2, 3), keepdim=True) == 1
        pyramid = Pyramid(hidden * ~whole)
        scale = gradient.abs().amax((1, 2, 3), keepdim=True).clamp(min=_tiny(gradient))
        weights = pyramid.solve(gradient / scale) * scale
        through = torch.where(whole, gradient.mean((2, 3), keepdim=True), (1 - hidden) * (gradient + spread(weights)))
        return through, None


def guess(values: Float[Tensor, "N C H W"], visible: Float[Tensor, "N 1 H W"]) -> Float[Tensor, "N C H W"]:
    """Hidden places interpolated between the means of what is visible of coarser ones: where to begin."""
    if bool((visible > 0).all()) or max(values.shape[2:]) == 1:
        return values
    down, across = (between(size, values) for size in values.shape[2:])
    seen = down.T @ visible @ across
    coarse = (down.T @ (visible * values) @ across) / seen.clamp(min=_tiny(values))
    return torch.where(visible > 0, values, down @ guess(coarse, (seen > 0).to(values.dtype)) @ across.T)


class Pyramid:
    """The equations of the hidden pixels at every halved resolution, each coarser one correcting the finer one.

    At a coarser level a place is hidden if all of it is: what is thin there is left to the finer levels, where it is
    solved for in a few sweeps.

    Args:
        hidden: 1 = to be solved for, shape (N, 1, H, W); not all of an image.
    """

    def __init__(self, hidden: Float[Tensor, "N 1 H W"]) -> None:
        self.levels = [Level(hidden)]
        while max(hidden.shape[2:]) > 1:
            hidden = 1 - max_pool2d(1 - hidden, 2, ceil_mode=True)
            if not bool(hidden.any()):
                break
            self.levels.append(Level(hidden))

    def solve(self, right: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """The values of hidden pixels, 0 elsewhere, for which :meth:`Level.apply` gives the right-hand side.

        Conjugate gradients, each image with its own steps; one that has converged is left as it is, so that results
        do not depend on which images are solved together.

        Raises:
            NotApplicableError: an image does not converge.
        """
        finest = self.levels[0]
        residual = right * finest.hidden
        found, direction = torch.zeros_like(residual), torch.zeros_like(residual)
        product = running = torch.ones_like(residual[:, :1, :1, :1])
        for _ in range(_CYCLES):
            missing = self.cycle(residual)
            before, product = product, _dot(residual, missing)
            direction = missing + direction * (product / before.clamp(min=_tiny(right)))
            image = finest.apply(direction)
            step = running * product / _dot(direction, image).clamp(min=_tiny(right))
            found = found + step * direction
            residual = residual - step * image
            running = running * (missing.abs().amax((1, 2, 3), keepdim=True) > _TOLERANCE)
            if not bool(running.any()):
                return found
        raise NotApplicableError(
            f"linear imputation has not converged in {_CYCLES} cycles; choose another removal, such as 'neighbour'"
        )

    def cycle(self, residual: Float[Tensor, "N C H W"], depth: int = 0) -> Float[Tensor, "N C H W"]:
        """About what is missing where this remains: one sweep, the coarser levels' correction, one sweep."""
        level = self.levels[depth]
        missing = residual / level.weight  # what a sweep makes of zeros
        if depth + 1 < len(self.levels):
            remains = residual - level.apply(missing)
            coarse = self.levels[depth + 1]
            down, across = (between(size, missing) for size in missing.shape[2:])
            scale = 4 * coarse.hidden[0].numel() / level.hidden[0].numel()  # 1, but where an odd side is halved
            coarser = self.cycle(coarse.hidden * (scale * down.T @ remains @ across), depth + 1)
            missing = missing + level.hidden * (down @ coarser @ across.T)
        return level.sweep(missing, residual)


class Level:
    """The equations of hidden places at one resolution.

    Args:
        hidden: 1 = to be solved for, shape (N, 1, H, W).
    """

    def __init__(self, hidden: Float[Tensor, "N 1 H W"]) -> None:
        self.hidden = hidden
        self.weight = spread(torch.ones_like(hidden[:1]))
        """Of the neighbours that exist: 1 but at the border, shape (1, 1, H, W)."""

    def apply(self, values: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """How far each hidden value, times its neighbours' weight, is above their weighted sum; 0 elsewhere."""
        return self.hidden * (self.weight * values - spread(values))

    def sweep(self, values: Float[Tensor, "N C H W"], right: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        """Every hidden value anew from its neighbours (Jacobi)."""
        return self.hidden * (spread(values) + right) / self.weight


def spread(values: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
    """The weighted sum of the neighbours that exist."""
    kernel = values.new_tensor([[1, 2, 1], [2, 0, 2], [1, 2, 1]]) / 12
    planes = values.reshape(1, -1, *values.shape[2:])
    return conv2d(planes, kernel.expand(planes.shape[1], 1, 3, 3), padding=1, groups=planes.shape[1]).view_as(values)


def between(size: int, like: Tensor) -> Float[Tensor, "size half"]:
    """Linear interpolation from half as many places to ``size``, as a matrix; its transpose goes the other way."""
    half = (size + 1) // 2
    place = ((torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) / 2 - 0.5).clamp(0, half - 1)
    return (1 - (place[:, None] - torch.arange(half, device=like.device, dtype=like.dtype)).abs()).clamp(min=0)


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum((1, 2, 3), keepdim=True)


def _tiny(like: Tensor) -> float:
    return torch.finfo(like.dtype).tiny
