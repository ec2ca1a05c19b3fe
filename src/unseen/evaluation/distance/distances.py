"""How far feature vectors lie from those of reference photographs, and how well that tells two sets of them apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional as F

from unseen.errors import ParameterError
from unseen.evaluation.statistics import Interval, Values, interval


def neighbour_distance(
    features: Float[Tensor, "N C"], reference: Float[Tensor, "R C"], k: int = 10
) -> Float[Tensor, " N"]:
    """Euclidean distance to the k-th nearest reference vector, all divided by their length first; float64, 0 to 2.

    Source: Sun, Ming, Zhu & Li, *Out-of-Distribution Detection with Deep Nearest Neighbors*, ICML 2022, Eq. 1. A vector
    of zeros has no direction and stays, at distance 1 from every other.

    Args:
        features: to be judged; none of them should be in the reference.
        reference: of photographs.
        k: which neighbour.

    Raises:
        ParameterError: k is not from 1 to the number of reference vectors.
    """
    if not 1 <= k <= len(reference):
        raise ParameterError(f"neighbour {k} must be from 1 to {len(reference)}, the number of reference photographs")
    one, other = (F.normalize(vectors.double(), dim=1) for vectors in (features, reference))
    apart = torch.cdist(one, other, compute_mode="donot_use_mm_for_euclid_dist")
    return apart.kthvalue(k, dim=1).values


@dataclass(frozen=True, eq=False)
class Gaussian:
    """One normal distribution of feature vectors.

    Attributes:
        mean: float64, shape (C,).
        factor: of the covariance, lower triangular (Cholesky), float64, shape (C, C).
    """

    mean: Float[Tensor, " C"]
    factor: Float[Tensor, "C C"]

    @classmethod
    def of(cls, reference: Float[Tensor, "R C"]) -> Gaussian:
        """That of reference vectors, with their :func:`shrunk_covariance`.

        Raises:
            ParameterError: the vectors are all the same.
        """
        known = reference.double()
        factor, failed = torch.linalg.cholesky_ex(shrunk_covariance(known))
        if int(failed):
            raise ParameterError("the reference photographs all have the same features; give others")
        return cls(known.mean(0), factor)

    def whitened(self, features: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
        """Vectors in coordinates in which the distribution is round, centred and of variance 1, float64."""
        centred = (features.double() - self.mean).T
        found: Tensor = torch.linalg.solve_triangular(self.factor, centred, upper=False).T
        return found


def mahalanobis(features: Float[Tensor, "N C"], reference: Float[Tensor, "R C"]) -> Float[Tensor, " N"]:
    """Mahalanobis distance from the mean of the reference vectors, float64, at least 0.

    Source: Lee, Lee, Lee & Shin, *A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
    Attacks*, NeurIPS 2018, section 2.1; there with a mean for each class, here with one, for the photographs have no
    labels, and with the covariance of :func:`shrunk_covariance`, for they are few.

    Raises:
        ParameterError: the reference vectors are all the same.
    """
    found: Tensor = Gaussian.of(reference).whitened(features).norm(dim=1)
    return found


def discriminant(
    found: Float[Tensor, "N C"], own: Float[Tensor, "N C"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Positions of judged vectors, and of those of the photographs themselves, along Fisher's linear discriminant.

    For each photograph the discriminant is that between what is judged of the *other* photographs and those themselves,
    so that it is tested on what it was not made from, and does not tell what the photographs differ from the reference
    by. It finds where all are moved in one direction, also if that is towards the middle, which no distance from the
    middle tells. Source: the classifier two-sample test of Lopez-Paz & Oquab, *Revisiting Classifier Two-Sample Tests*,
    ICLR 2017, with a linear classifier.

    Args:
        found: one vector a photograph, whitened by the reference (:meth:`Gaussian.whitened`); at least two.
        own: the same of the photographs with nothing hidden.
    """
    moved = found - own
    direction = (moved.sum(0) - moved) / (len(moved) - 1)
    return (found * direction).sum(1), (own * direction).sum(1)


def shrunk_covariance(samples: Float[Tensor, "R C"]) -> Float[Tensor, "C C"]:
    """The covariance, drawn towards a multiple of the identity as far as is best for its expected squared error.

    Source: Ledoit & Wolf, *A Well-Conditioned Estimator for Large-Dimensional Covariance Matrices*, Journal of
    Multivariate Analysis 2004, section 3.3. It has an inverse with fewer samples than channels, too.
    """
    count, channels = samples.shape
    centred = samples.double() - samples.double().mean(0)
    sample = centred.T @ centred / count
    identity = torch.eye(channels, dtype=torch.float64)
    scale = sample.trace() / channels
    dispersion = (sample - scale * identity).square().sum()
    error = (centred.square().sum(1).square().mean() - sample.square().sum()) / count
    share = float((error / dispersion).clamp(0, 1)) if float(dispersion) > 0 else 1.0
    return share * scale * identity + (1 - share) * sample


def relative(found: ArrayLike, own: ArrayLike) -> Interval:
    """Mean distance over the mean distance of the photographs themselves; 1 is as far as a photograph.

    Args:
        found: one a photograph, of what is judged.
        own: of the same photographs with nothing hidden.

    Raises:
        ParameterError: the photographs themselves are all at distance 0.
    """
    one, other = _arrays(found, own)
    if not other.any():
        raise ParameterError(
            "the photographs' features have all the same direction as those of the reference, and no distance is a "
            "multiple of none; give a network with more features"
        )
    return interval(lambda chosen: float(one[chosen].mean() / other[chosen].mean()), len(one))


def auroc(found: ArrayLike, own: ArrayLike) -> Interval:
    """Probability that a judged distance exceeds that of a photograph, ties count half: the area under the ROC curve.

    0.5 where the distances cannot be told apart, 1 where all are farther than any photograph, 0 where all are nearer.
    The interval is over photographs, of which each brings both of its distances.

    Args:
        found: one a photograph, of what is judged.
        own: of the same photographs with nothing hidden.
    """
    one, other = _arrays(found, own)
    larger = (one[:, None] > other) + 0.5 * (one[:, None] == other)
    return interval(lambda chosen: float(larger[chosen[:, None], chosen].mean()), len(one))


def _arrays(*values: ArrayLike) -> tuple[Values, Values]:
    one, other = (np.asarray(some, float) for some in values)
    return one, other
