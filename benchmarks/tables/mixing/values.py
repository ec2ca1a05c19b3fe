"""Every measure of every mixture, on what no weight was fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.tables.mixing.candidates import Fitted
from benchmarks.tables.mixing.data import JOINS, Photo
from unseen.explainers.aggregation.quality import Changes
from unseen.metrics.faithfulness import infidelity
from unseen.metrics.similarity import correlation

SENSITIVITY, INFIDELITY = "sensitivity", "infidelity, segments"
HIGHER = ("sensitivity-n", "ins − del")
TIE = 1e-9

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """A photograph, its mixtures, and insertion − deletion by removal and mixture (NaN if not asked for)."""

    photo: Photo
    fitted: Fitted
    areas: Mapping[str, Mapping[str, float]]

    @property
    def found(self) -> Mapping[str, Tensor]:
        return self.fitted.mixtures

    @cached_property
    def rows(self) -> dict[str, dict[str, float]]:
        """By mixture and measure."""
        photo, weights = self.photo, torch.stack([*self.found.values()])
        held, flat = photo.changes("held"), photo.maps.double().flatten(1)
        near = lengths(held, weights)
        absolute = torch.einsum("ci,nij,cj->cn", weights, held.grams, weights).mean(1) / flat.shape[1]
        parts = photo.hidings("held")
        columns: dict[str, Sequence[float]] = {
            SENSITIVITY: near.mean(1).tolist(),
            "largest sensitivity": near.amax(1).tolist(),
            "sensitivity, wider": lengths(photo.changes("wide"), weights).mean(1).tolist(),
            "sensitivity, not centred": lengths(Changes(photo.near["held"].plain, flat @ flat.T), weights)
            .mean(1)
            .tolist(),
            "E‖r‖²": [
                float("nan") if name in JOINS else value
                for name, value in zip(self.found, absolute.tolist(), strict=True)
            ],
            INFIDELITY: [infidelity(parts.sums @ w, parts.drops) for w in weights],
        }
        for (metric, removal), (sums, falls) in photo.judged.items():
            if metric == "infidelity":
                columns[f"infidelity, squares, {removal}"] = [infidelity(sums @ w, falls) for w in weights]
            else:
                columns[metric] = [float(correlation(sums @ w, falls).nan_to_num()) for w in weights]
        for removal, areas in self.areas.items():
            columns[f"ins − del, {removal}"] = [areas.get(name, float("nan")) for name in self.found]
        return {name: {title: values[i] for title, values in columns.items()} for i, name in enumerate(self.found)}


def lengths(changes: Changes, weights: Tensor) -> Tensor:
    """‖r_w‖ / ‖φ_w‖ for each mixture and nearby photograph; NaN of a map of zeros."""
    moved = torch.einsum("ci,nij,cj->cn", weights, changes.grams, weights).clamp(min=0).sqrt()
    size = torch.einsum("ci,ij,cj->c", weights, changes.maps, weights).clamp(min=0).sqrt()
    if not moved.shape[1]:
        return moved.new_full((len(weights), 1), torch.nan)
    return moved / torch.where(size > 1e-9, size, torch.nan)[:, None]


def surely_worse(judged: Judged, name: str, other: str, resamples: int = 1000) -> bool:
    """Whether the infidelity of one mixture is above that of another in 97.5 % of resamples of the masks held out."""
    parts = judged.photo.hidings("held")
    generator = torch.Generator().manual_seed(0)
    masks = len(parts.drops)
    counts = torch.stack([
        torch.randint(masks, (masks,), generator=generator).bincount(minlength=masks) for _ in range(resamples)
    ]).double()  # fmt: skip
    counts = counts / masks
    misses = []
    for which in (name, other):
        pair = torch.stack([parts.sums @ judged.found[which], parts.drops])
        mean = counts @ pair.T
        products = counts @ torch.stack([pair[0] ** 2, pair[1] ** 2, pair[0] * pair[1]], 1)
        spreads = (products[:, :2] - mean**2).clamp(min=1e-300)
        rho = (products[:, 2] - mean.prod(1)) / spreads.prod(1).sqrt()
        misses.append(1 - rho.clamp(min=0) ** 2)
    return float((misses[0] > misses[1]).double().mean()) >= 0.975


class Values:
    """All measures as arrays over the photographs."""

    def __init__(self, photos: Sequence[Judged]) -> None:
        self.photos = photos
        self.alone = photos[0].photo.methods
        self.rows = [photo.rows for photo in photos]
        self.names = [*self.rows[0]]
        self.measures = [m for m in self.rows[0]["mean"] if not np.isnan([row["mean"][m] for row in self.rows]).all()]

    def of(self, name: str, measure: str) -> Array:
        """NaN where it is not known, or not defined."""
        return np.array([row[name][measure] for row in self.rows])

    def badness(self, name: str, measure: str) -> Array:
        """Lower is better."""
        return -self.of(name, measure) if measure.startswith(HIGHER) else self.of(name, measure)

    def best_alone(self, measure: str) -> Array:
        """Badness of each photograph's best single method, chosen in hindsight."""
        table = np.stack([self.badness(name, measure) for name in self.alone])
        filled = np.where(np.isnan(table), np.inf, table).min(0)
        return np.where(np.isinf(filled), np.nan, filled)

    def best_on_average(self, measure: str) -> str:
        """The single method with the best mean."""
        return min(self.alone, key=lambda name: float(np.nanmean(self.badness(name, measure))))

    def as_good(self, name: str, other: Array, measure: str) -> Array:
        """Where it is at least as good as another; NaN where either is not known."""
        mine = self.badness(name, measure)
        return np.where(np.isnan(mine) | np.isnan(other), np.nan, mine <= other + TIE)
