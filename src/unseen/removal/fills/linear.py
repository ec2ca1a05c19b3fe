"""Noisy linear imputation: a hidden pixel is the weighted mean of its neighbours, plus a little noise.

Source: Rong et al., *A Consistent and Efficient Evaluation Strategy for Attribution Methods* (ROAD), ICML 2022,
section 5: direct neighbours weigh 1/6, diagonal ones 1/12, all hidden pixels are solved for together, and at the border
the weights of the neighbours that exist are what is divided by. They are the products of 1, 2, 1 along both axes,
without the middle, and so they are here along one axis and along three. Where the paper factorises a sparse matrix for
each image, all masks of a batch are solved here at once, on the network's device, by conjugate gradients with a
multigrid preconditioner: the mean over neighbours is itself so good a smoother (each sweep leaves a third of what is
rough) that a few cycles suffice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, cast

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d, max_pool1d, max_pool2d, max_pool3d

from unseen.classifier import Classifier
from unseen.errors import NotApplicableError
from unseen.inputs.smoothing import along_axes
from unseen.inputs.streams import Seed
from unseen.removal.fills.constant import space_of
from unseen.removal.fills.painting import Painting
from unseen.system.options import Number
from unseen.system.spelling import spec

_TOLERANCE = 2e-3
"""Of pixels in [0, 1]. An image whose next correction is nowhere larger takes it and is done. What that leaves is below
two thousandths at the worst pixel in every mask tried, and a hundredth of that in the mean."""

_CONVOLUTION, _POOLING = {1: conv1d, 2: conv2d, 3: conv3d}, {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}

_STEP = {1: 2 / 3, 2: 1.0, 3: 1.0}
"""How far a sweep goes towards the mean of the neighbours. Along one axis the whole way would not leave a third of what
is roughest, as along two, but all of it, with the opposite sign."""

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
        self, classifier: Classifier, pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]
    ) -> Float[Tensor, "N C *space"]:
        """See :meth:`Painting.painted`."""
        del classifier
        generator = torch.Generator().manual_seed(self.seed)
        noise = (self.noise * torch.randn(pixels.shape[1:], generator=generator, dtype=torch.float32)).to(pixels)
        return torch.where(masks[:, None] == 0, impute(pixels, masks) + noise, pixels)


def impute(pixels: Float[Tensor, "N C *space"], masks: Float[Tensor, "N *space"]) -> Float[Tensor, "N C *space"]:
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
        space = space_of(pixels)
        whole = hidden.amin(space, keepdim=True) == 1
        start = torch.where(whole, pixels.mean(space, keepdim=True), guess(pixels, 1 - hidden))
        pyramid = Pyramid(hidden * ~whole)
        return start + pyramid.solve(-pyramid.levels[0].apply(start))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (hidden,) = ctx.saved_tensors
        space = space_of(gradient)
        whole = hidden.amin(space, keepdim=True) == 1
        pyramid = Pyramid(hidden * ~whole)
        scale = gradient.abs().amax((1, *space), keepdim=True).clamp(min=_tiny(gradient))
        weights = pyramid.solve(gradient / scale) * scale
        through = torch.where(whole, gradient.mean(space, keepdim=True), (1 - hidden) * (gradient + spread(weights)))
        return through, None


def guess(values: Float[Tensor, "N C *space"], visible: Float[Tensor, "N 1 *space"]) -> Float[Tensor, "N C *space"]:
    """Hidden places interpolated between the means of what is visible of coarser ones: where to begin."""
    if bool((visible > 0).all()) or max(values.shape[2:]) == 1:
        return values
    finer = [between(size, values) for size in values.shape[2:]]
    coarser = [matrix.T for matrix in finer]
    seen = along_axes(visible, coarser)
    coarse = along_axes(visible * values, coarser) / seen.clamp(min=_tiny(values))
    return torch.where(visible > 0, values, along_axes(guess(coarse, (seen > 0).to(values.dtype)), finer))


class Pyramid:
    """The equations of the hidden pixels at every halved resolution, each coarser one correcting the finer one.

    At a coarser level a place is hidden if all of it is: what is thin there is left to the finer levels, where it is
    solved for in a few sweeps.

    Args:
        hidden: 1 = to be solved for, shape (N, 1, H, W); not all of an image.
    """

    def __init__(self, hidden: Float[Tensor, "N 1 *space"]) -> None:
        self.levels = [Level(hidden)]
        while max(hidden.shape[2:]) > 1:
            hidden = 1 - _POOLING[hidden.ndim - 2](1 - hidden, 2, ceil_mode=True)
            if not bool(hidden.any()):
                break
            self.levels.append(Level(hidden))

    def solve(self, right: Float[Tensor, "N C *space"]) -> Float[Tensor, "N C *space"]:
        """The values of hidden pixels, 0 elsewhere, for which :meth:`Level.apply` gives the right-hand side.

        Conjugate gradients, each image with its own steps; one that has converged is left as it is, so that results
        do not depend on which images are solved together.

        Raises:
            NotApplicableError: an image does not converge.
        """
        finest = self.levels[0]
        residual = right * finest.hidden
        found, direction = torch.zeros_like(residual), torch.zeros_like(residual)
        product = running = torch.ones_like(residual.flatten(1)[:, :1]).reshape(-1, *(1,) * (residual.ndim - 1))
        for _ in range(_CYCLES):
            missing = self.cycle(residual)
            before, product = product, _dot(residual, missing)
            direction = missing + direction * (product / before.clamp(min=_tiny(right)))
            image = finest.apply(direction)
            step = running * product / _dot(direction, image).clamp(min=_tiny(right))
            found = found + step * direction
            residual = residual - step * image
            running = running * (missing.abs().amax(tuple(range(1, missing.ndim)), keepdim=True) > _TOLERANCE)
            if not bool(running.any()):
                return found
        raise NotApplicableError(
            f"linear imputation has not converged in {_CYCLES} cycles; choose another removal, such as 'neighbour'"
        )

    def cycle(self, residual: Float[Tensor, "N C *space"], depth: int = 0) -> Float[Tensor, "N C *space"]:
        """About what is missing where this remains: one sweep, the coarser levels' correction, one sweep."""
        level = self.levels[depth]
        missing = level.step * residual / level.weight  # what a sweep makes of zeros
        if depth + 1 < len(self.levels):
            remains = residual - level.apply(missing)
            coarse = self.levels[depth + 1]
            finer = [between(size, missing) for size in missing.shape[2:]]
            scale = 4 * coarse.hidden[0].numel() / level.hidden[0].numel()  # 1, but where an odd side is halved
            coarser = [scale * finer[0].T, *(matrix.T for matrix in finer[1:])]
            left = along_axes(remains, coarser)
            missing = missing + level.hidden * along_axes(self.cycle(coarse.hidden * left, depth + 1), finer)
        return level.sweep(missing, residual)


class Level:
    """The equations of hidden places at one resolution.

    Args:
        hidden: 1 = to be solved for, shape (N, 1, H, W).
    """

    def __init__(self, hidden: Float[Tensor, "N 1 *space"]) -> None:
        self.hidden = hidden
        self.weight = spread(torch.ones_like(hidden[:1]))
        """Of the neighbours that exist: 1 but at the border, shape ``(1, 1, *space)``."""
        self.step = _STEP[hidden.ndim - 2]

    def apply(self, values: Float[Tensor, "N C *space"]) -> Float[Tensor, "N C *space"]:
        """How far each hidden value, times its neighbours' weight, is above their weighted sum; 0 elsewhere."""
        return self.hidden * (self.weight * values - spread(values))

    def sweep(
        self, values: Float[Tensor, "N C *space"], right: Float[Tensor, "N C *space"]
    ) -> Float[Tensor, "N C *space"]:
        """Every hidden value anew from its neighbours (Jacobi), or a part of the way there."""
        if self.step == 1:
            return self.hidden * (spread(values) + right) / self.weight
        return self.hidden * torch.lerp(values, (spread(values) + right) / self.weight, self.step)


def spread(values: Float[Tensor, "N C *space"]) -> Float[Tensor, "N C *space"]:
    """The weighted sum of the neighbours that exist."""
    axes = values.ndim - 2
    kernel = _kernel(axes).to(values)
    kernel = kernel / kernel.sum()
    planes = values.reshape(1, -1, *values.shape[2:])
    weights = kernel.expand(planes.shape[1], 1, *kernel.shape)
    return _CONVOLUTION[axes](planes, weights, padding=1, groups=planes.shape[1]).view_as(values)


@lru_cache
def _kernel(axes: int) -> Float[Tensor, "..."]:
    """The weights of the neighbours along so many axes, 3 a side, in whole numbers."""
    weights = along = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64)
    for _ in range(axes - 1):
        weights = weights[..., None] * along
    weights = weights.clone()
    weights[(1,) * axes] = 0
    return weights


def between(size: int, like: Tensor) -> Float[Tensor, "size half"]:
    """Linear interpolation from half as many places to ``size``, as a matrix; its transpose goes the other way."""
    half = (size + 1) // 2
    place = ((torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) / 2 - 0.5).clamp(0, half - 1)
    return (1 - (place[:, None] - torch.arange(half, device=like.device, dtype=like.dtype)).abs()).clamp(min=0)


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum(tuple(range(1, one.ndim)), keepdim=True)


def _tiny(like: Tensor) -> float:
    return torch.finfo(like.dtype).tiny
