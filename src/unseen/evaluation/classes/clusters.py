"""Kinds of maps: spectral relevance analysis.

Source: Lapuschkin, Wäldchen, Binder, Montavon, Samek & Müller, *Unmasking Clever Hans predictors and assessing what
machines really learn*, Nature Communications 10, 2019: the maps of a class on a coarse grid, spectral clustering, and
the gap of its eigenvalues to say how many kinds there are. The affinity is that of Zelnik-Manor & Perona,
*Self-tuning spectral clustering*, NeurIPS 2004, whose graph has no loose parts however few photographs there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unseen.system.optional import require

NEIGHBOUR = 7
"""The neighbour whose distance is a map's scale, as in the source."""

MOST = 6
"""Kinds that are told apart at most."""

FEWEST = 4
"""Maps of each kind on average at least."""

_LOOSE = 1e-9
"""How alike the least alike maps are: rounding must not take the graph apart."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """Maps told apart.

    Attributes:
        labels: of each map its kind, 0 for the largest; shape (n,).
        eigenvalues: the smallest of the normalised Laplacian, ascending; the number of kinds is the place of the
            largest gap between them.
    """

    labels: NDArray[np.int64]
    eigenvalues: tuple[float, ...]

    @property
    def count(self) -> int:
        """How many kinds there are."""
        return int(self.labels.max()) + 1


def kinds_of(maps: NDArray[np.float64]) -> Kinds:
    """The kinds of maps.

    Args:
        maps: one a row, shape (n, features), at least one.

    Raises:
        ModelError: scikit-learn is not installed.

    Example:
        >>> import numpy as np
        >>> from unseen.evaluation.classes.clusters import kinds_of
        >>> maps = np.random.default_rng(0).normal(np.repeat([[0.0], [9.0]], 10, 0), 1, (20, 2))
        >>> kinds_of(maps).count
        2
    """
    most = min(MOST, len(maps) // FEWEST)
    if most < 2:
        return Kinds(np.zeros(len(maps), np.int64), ())
    affinity = affinity_of(maps)
    eigenvalues = _smallest(affinity, most + 1)
    count = int(np.diff(eigenvalues).argmax()) + 1
    found = np.zeros(len(maps), np.int64)
    if count > 1:
        cluster = require("sklearn.cluster", "classes")
        found = cluster.SpectralClustering(count, affinity="precomputed", assign_labels="cluster_qr").fit_predict(
            affinity
        )
    sizes = np.bincount(found, minlength=count)
    rank = np.argsort(np.argsort(-sizes, kind="stable"), kind="stable")
    return Kinds(rank[found].astype(np.int64), tuple(eigenvalues.tolist()))


def affinity_of(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """How alike maps are, in (0, 1]: exp(−d² / (σ σ′)) with each map's own scale σ; shape (n, n)."""
    from scipy.spatial.distance import cdist

    distances = cdist(maps, maps)
    scale = np.sort(distances, axis=1)[:, min(NEIGHBOUR, len(maps) - 1)]
    scale = np.maximum(scale, 1e-6 * max(1e-12, float(distances.max())))
    return np.asarray(np.maximum(np.exp(-(distances**2) / np.outer(scale, scale)), _LOOSE), dtype=np.float64)


def _smallest(affinity: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The smallest eigenvalues of the symmetric normalised Laplacian."""
    from scipy.linalg import eigh
    from scipy.sparse.csgraph import laplacian

    found = eigh(laplacian(affinity, normed=True), eigvals_only=True, subset_by_index=(0, count - 1))
    return np.asarray(found, dtype=np.float64)
