"""Convex quadratics of a few weights, and their minima on the simplex and over all weights that are not negative.

Thousands of problems are solved at once, each to the last digits. Every one takes steps of a primal active-set method
(Lawson & Hanson, *Solving Least Squares Problems*, 1974, chapter 23; Nocedal & Wright, *Numerical Optimization*, 2006,
section 16.5): the exact minimum over the weights that are free, or as far towards it as no weight turns negative; a
weight that reaches 0 is held there, and the one whose gradient asks for it most is set free again. So that singular
matrices, as of methods that are the same, have one answer too, what is minimised is q(w) + ε‖w − w₀‖² with
ε = 10⁻⁹ of the scale, and w₀ moves to the minimum until the certificate of q itself holds (proximal point method,
Rockafellar 1976).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from unseen.errors import ParameterError

TOLERANCE = 1e-10
"""The largest residual of what is returned."""

_ASYMMETRY, _INDEFINITE = 1e-9, 1e-10
_RIDGE = 1e-9
_ROUNDING = 1e-14
_ROUNDS = 60
_UNBOUNDED = 1e7


@dataclass(frozen=True, eq=False)
class Quadratic:
    """q(w) = wᵀ A w − 2 bᵀ w + c of k weights; leading dimensions are a batch.

    Attributes:
        matrix: A, symmetric and without negative eigenvalues, (…, k, k).
        linear: b, (…, k).
        constant: c, (…).
    """

    matrix: Float[Tensor, "... k k"]
    linear: Float[Tensor, "... k"]
    constant: Float[Tensor, ...]

    def __call__(self, weights: Float[Tensor, "... k"]) -> Float[Tensor, ...]:
        """The values q(w); leading dimensions are broadcast."""
        return (weights * (_product(self.matrix, weights) - 2 * self.linear)).sum(-1) + self.constant

    def gradient(self, weights: Float[Tensor, "... k"]) -> Float[Tensor, "... k"]:
        """2(Aw − b)."""
        return 2 * (_product(self.matrix, weights) - self.linear)

    def __add__(self, other: Quadratic) -> Quadratic:
        """The sum of two quadratics of the same weights."""
        return Quadratic(self.matrix + other.matrix, self.linear + other.linear, self.constant + other.constant)

    def __mul__(self, factor: float | Float[Tensor, "*B"]) -> Quadratic:
        """The quadratic times a number that is not negative, or one for each of the batch."""
        each = torch.as_tensor(factor, dtype=self.matrix.dtype, device=self.matrix.device)
        return Quadratic(self.matrix * each[..., None, None], self.linear * each[..., None], self.constant * each)

    __rmul__ = __mul__


def on_simplex(quadratic: Quadratic) -> Float[Tensor, "*B k"]:
    """The weights w ≥ 0 with Σw = 1 that minimise q, float64; weights that are not used are exactly 0.

    Of several minima the one nearest to equal weights, to about 10⁻⁶: methods that are the same share their weight
    equally.

    Raises:
        ParameterError: if a matrix is not symmetric, not finite or has a clearly negative eigenvalue.
    """
    _check(quadratic)
    scale = _scale(quadratic)
    matrix = _symmetric(quadratic.matrix) / scale[..., None, None]
    return _minimise(matrix, quadratic.linear.double() / scale[..., None], simplex=True)


def non_negative(quadratic: Quadratic) -> Float[Tensor, "*B k"]:
    """The weights v ≥ 0 that minimise q, float64: non-negative least squares where q(v) = ‖Sv − δ‖².

    Each weight is measured in units of 1/√Aᵢᵢ, so that it does not matter how a method is scaled. Of several minima
    the one with the smallest norm in these units, to about 10⁻⁶ of it. v = 0 says that no method is of use.

    Raises:
        ParameterError: as for :func:`on_simplex`, or if q has no minimum, which no sum of squares is without.
    """
    answer, unit = _without_negatives(quadratic)
    if (answer.sum(-1) > _UNBOUNDED).any():
        raise ParameterError("a quadratic has no minimum over weights that are not negative; b must be Sᵀδ for A = SᵀS")
    return answer * unit


def non_negative_direction(quadratic: Quadratic) -> Float[Tensor, "*B k"]:
    """The weights v ≥ 0 with Σv = 1 and bᵀv > 0 for which vᵀAv / (bᵀv)² is least, float64; 0 if there are none.

    It is the direction of :func:`non_negative`; where q falls for ever, a direction in which it does.

    Raises:
        ParameterError: as for :func:`on_simplex`.
    """
    answer, unit = _without_negatives(quadratic)
    found = answer * unit
    return found / _or_one(found.sum(-1, keepdim=True))


def simplex_residual(quadratic: Quadratic, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
    """How far weights on the simplex are from a minimum: 0 at a minimum alone.

    The duality gap max_u ∇q(w)·(w − u) over the simplex, which is at least q(w) − min q, divided by
    twice the largest magnitude in A plus that in b.
    """
    gradient = quadratic.gradient(weights)
    gap = (weights * (gradient - gradient.amin(-1, keepdim=True))).sum(-1)
    return gap / (2 * _scale(quadratic))


def non_negative_residual(quadratic: Quadratic, weights: Float[Tensor, "*B k"]) -> Float[Tensor, "*B"]:
    """How far weights that are not negative are from a minimum: 0 at a minimum alone.

    The largest part of the gradient that should not be there (of either sign where a weight is positive, negative where
    it is 0), each part divided by √Aᵢᵢ, and all by the largest of what they are the difference of: twice the magnitudes
    of A times v plus those of b.
    """
    unit = _units(quadratic.matrix)
    gradient = quadratic.gradient(weights)
    wrong = torch.where(weights > 0, gradient.abs(), (-gradient).clamp(min=0)) / unit
    terms = 2 * (_product(quadratic.matrix.abs(), weights.abs()) + quadratic.linear.abs()) / unit
    return wrong.amax(-1) / _or_one(terms.amax(-1))


def _without_negatives(quadratic: Quadratic) -> tuple[Float[Tensor, "*B k"], Float[Tensor, "*B k"]]:
    """The minimum over weights that are not negative, and the unit that each of them is measured in."""
    _check(quadratic)
    matrix, linear = _symmetric(quadratic.matrix), quadratic.linear.double()
    unit = _units(matrix)
    matrix, linear = matrix / (unit[..., :, None] * unit[..., None, :]), linear / unit
    size = _or_one(linear.abs().amax(-1, keepdim=True))
    return _minimise(matrix, linear / size, simplex=False), size / unit


def _minimise(matrix: Float[Tensor, "*B k k"], linear: Float[Tensor, "*B k"], *, simplex: bool) -> Tensor:
    """The minima of quadratics whose matrices and vectors are of size 1."""
    shape, k = linear.shape, linear.shape[-1]
    matrix, linear = matrix.reshape(-1, k, k), linear.reshape(-1, k)
    answer = torch.full_like(linear, 1 / k if simplex else 0.0)
    unsolved = torch.arange(len(linear), device=linear.device)
    weights, free = answer.clone(), torch.full_like(linear, simplex, dtype=torch.bool)
    centre, rounds = answer.clone(), torch.zeros_like(unsolved)
    for _ in range(20 * k + 2 * _ROUNDS):
        target, level = _free_minimum(matrix, linear + _RIDGE * centre, free, simplex=simplex)
        weights, free, inside = _towards(weights, target, free)
        force = _product(matrix, weights) - linear
        slack = (force + _RIDGE * (weights - centre) - level).masked_fill(free, torch.inf)
        least, place = slack.min(-1)
        entering = inside & (least < -_ROUNDING * (1 + weights.sum(-1)))
        free = free | (entering[:, None] & (torch.arange(k, device=free.device) == place[:, None]))
        settled = inside & ~entering
        centre = torch.where(settled[:, None], weights, centre)
        rounds = rounds + settled
        answer[unsolved] = weights
        left = ~(settled & ((_wrong(force, weights, simplex=simplex) < _ROUNDING) | (rounds >= _ROUNDS)))
        unsolved, matrix, linear, weights = unsolved[left], matrix[left], linear[left], weights[left]
        free, centre, rounds = free[left], centre[left], rounds[left]
        if not len(unsolved):
            break
    return answer.reshape(shape)


def _free_minimum(
    matrix: Float[Tensor, "N k k"], linear: Float[Tensor, "N k"], free: Bool[Tensor, "N k"], *, simplex: bool
) -> tuple[Float[Tensor, "N k"], Float[Tensor, "N 1"]]:
    """The minima over the free weights alone, all others 0, and half the gradient that the free ones share there."""
    n, k = linear.shape
    system = linear.new_zeros(n, k + 1, k + 1)
    chosen = free.to(linear.dtype)
    system[:, :k, :k] = matrix * chosen[:, :, None] * chosen[:, None, :]
    system.diagonal(dim1=1, dim2=2)[:, :k] += torch.where(free, _RIDGE, 1.0)
    right = torch.cat([linear * chosen, linear.new_full((n, 1), float(simplex))], dim=1)
    if simplex:
        system[:, :k, k] = system[:, k, :k] = chosen
    else:
        system[:, k, k] = 1.0
    solution = torch.linalg.solve(system, right)
    return solution[:, :k].masked_fill(~free, 0.0), -solution[:, k:]


def _towards(
    weights: Float[Tensor, "N k"], target: Float[Tensor, "N k"], free: Bool[Tensor, "N k"]
) -> tuple[Float[Tensor, "N k"], Bool[Tensor, "N k"], Bool[Tensor, " N"]]:
    """The way to the target up to where the first weights reach 0, which are free no longer; whether it got there."""
    leaving = free & (target <= 0)
    share = torch.where(leaving, weights / torch.where(leaving, weights - target, 1.0), torch.inf)
    share = torch.where(leaving & (weights <= 0), 0.0, share)
    first = share.amin(-1, keepdim=True)
    inside = torch.isinf(first)
    out = leaving & (share <= first)
    moved = torch.where(inside, target, weights + first.clamp(max=1) * (target - weights))
    return moved.clamp(min=0).masked_fill(out, 0.0), free & ~out, inside[:, 0]


def _wrong(force: Float[Tensor, "N k"], weights: Float[Tensor, "N k"], *, simplex: bool) -> Float[Tensor, " N"]:
    """The residual, from half the gradient."""
    if simplex:
        return (weights * (force - force.amin(-1, keepdim=True))).sum(-1)
    return torch.where(weights > 0, force.abs(), (-force).clamp(min=0)).amax(-1) / (1 + weights.sum(-1))


def _check(quadratic: Quadratic) -> None:
    """Refuse what is no convex quadratic."""
    matrix, linear = quadratic.matrix, quadratic.linear
    if matrix.shape != (*linear.shape, linear.shape[-1]) or not linear.shape[-1]:
        raise ParameterError(
            f"a matrix of shape {tuple(matrix.shape)} and a vector of shape {tuple(linear.shape)} make no quadratic; "
            "give (…, k, k) and (…, k) with k of 1 or more"
        )
    if not (matrix.isfinite().all() and linear.isfinite().all()):
        raise ParameterError("a quadratic has values that are not finite; look for NaN in the maps or scores")
    size = matrix.abs().amax((-2, -1))
    if ((matrix - matrix.mT).abs().amax((-2, -1)) > _ASYMMETRY * size).any():
        raise ParameterError("the matrix of a quadratic is not symmetric; give (A + Aᵀ) / 2")
    scaled = _symmetric(matrix) / _or_one(size.double())[..., None, None]
    least = torch.linalg.eigvalsh(scaled)[..., 0]
    if (least < -_INDEFINITE).any():
        raise ParameterError(
            f"the matrix of a quadratic has an eigenvalue of {float(least.min()):.2g} of its largest entry, so that "
            "it has no one minimum; a Gram matrix has none below 0"
        )


def _product(matrix: Float[Tensor, "... k k"], weights: Float[Tensor, "... k"]) -> Float[Tensor, "... k"]:
    return (matrix @ weights[..., None])[..., 0]


def _symmetric(matrix: Float[Tensor, "*B k k"]) -> Float[Tensor, "*B k k"]:
    return (matrix.double() + matrix.double().mT) / 2


def _scale(quadratic: Quadratic) -> Float[Tensor, "*B"]:
    return _or_one((quadratic.matrix.abs().amax((-2, -1)) + quadratic.linear.abs().amax(-1)).double())


def _units(matrix: Float[Tensor, "*B k k"]) -> Float[Tensor, "*B k"]:
    """√Aᵢᵢ, in which least squares measure each weight; 1 where it is 0."""
    return _or_one(matrix.diagonal(dim1=-2, dim2=-1).clamp(min=0).sqrt())


def _or_one(size: Tensor) -> Tensor:
    return torch.where(size > 0, size, 1.0)
