"""The mixtures that ``tables/aggregation.py`` compares: each is weights of the basis of ``mixing.data``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from benchmarks.tables.mixing.data import CONTROLS, JOINS, Photo
from unseen.explainers.aggregation.assessment import fitting_strength
from unseen.explainers.aggregation.baselines import least_complex, official
from unseen.explainers.aggregation.forms import printed
from unseen.explainers.aggregation.programs import Goal, Observed, program
from unseen.explainers.aggregation.quadratic import Quadratic
from unseen.explainers.aggregation.quality import Hidings
from unseen.system.options import choices_of

OURS: dict[str, tuple[Goal, float]] = {
    "ours: robustness": ("robustness", 1.0),
    "ours: both, λ = 0.75": ("both", 0.75),
    "ours: both": ("both", 0.5),
    "ours: both, λ = 0.25": ("both", 0.25),
    "ours: faithfulness": ("faithfulness", 0.0),
}
GOALS = cast("tuple[Goal, ...]", choices_of(Goal))
BY_HIDING: tuple[Goal, ...] = ("faithfulness", "both")
BY_NEARBY: tuple[Goal, ...] = ("robustness", "both")
CHOSEN = ("best single where fitted: robustness", "best single where fitted: faithfulness")
PRINTED = ("as printed: robustness", "as printed: both", "as printed: faithfulness")
NEARBY, HIDDEN = (1, 2, 3, 4, 6, 8), (32, 64, 128)
WITHOUT = {"grad-cam": ("grad-cam",), "occlusion": ("occlusion",), "both of them": ("grad-cam", "occlusion")}
"""Pools that lack the methods whose specs begin so."""

ALONG_RANKINGS = (
    "mean", *JOINS, "least complex", "official: both", *PRINTED,
    "ours: robustness", "ours: both", "ours: faithfulness", "random", "uniform",
)  # fmt: skip
"""Beside the single methods, those whose curves are asked for."""


@dataclass(frozen=True)
class Pool:
    """The maps of a photograph that are mixed, and what they are fitted to.

    Attributes:
        photo: everything that is known of it.
        nearby: how many nearby photographs are fitted to; all by default.
        hidden: how many masks are.
        added: controls that join the methods.
        of: the methods, by their places; all by default.
    """

    photo: Photo
    nearby: int | None = None
    hidden: int | None = None
    added: tuple[str, ...] = ()
    of: tuple[int, ...] | None = None

    @cached_property
    def places(self) -> Tensor:
        """In the basis, of the maps that are neither constant nor still: those that :func:`aggregate` would mix."""
        changes = self.photo.changes("fit", self.nearby)
        asked = [
            *(range(self.photo.k) if self.of is None else self.of),
            *(control_place(self.photo, name) for name in self.added),
        ]
        moving = changes.grams.diagonal(dim1=1, dim2=2).amax(0) > 1e-12 * changes.maps.diagonal()
        return torch.tensor([place for place in asked if moving[place]])

    @cached_property
    def observed(self) -> Observed:
        chosen = torch.zeros(len(self.photo.maps), dtype=torch.bool)
        chosen[self.places] = True
        hidings = self.photo.hidings("fit", self.hidden)
        return Observed(
            self.photo.changes("fit", self.nearby).of(chosen),
            Hidings(hidings.sums[:, chosen], hidings.drops, hidings.known),
        )

    def in_basis(self, weights: Tensor, places: Tensor | None = None) -> Tensor:
        found = torch.zeros(len(self.photo.maps), dtype=torch.float64)
        found[self.places if places is None else places] = weights.double()
        return found

    def ours(self, goal: Goal, balance: float, strength: float | None = None) -> tuple[Tensor, float]:
        pull = fitting_strength(self.observed, goal, balance) if strength is None else strength
        return self.in_basis(program(self.observed, goal, balance).drawn(pull).weights()), pull

    def chosen(self) -> dict[str, Tensor]:
        """The single methods of the least sensitivity and of the least infidelity where weights are fitted."""
        alone, (near, hidden) = torch.eye(len(self.places), dtype=torch.float64), self.observed.alike
        losses = (
            self.observed.changes.sensitivity(alone, near),
            self.observed.hidings.infidelity(alone, hidden, hidden),
        )
        return {name: self.in_basis(alone[int(loss.argmin())]) for name, loss in zip(CHOSEN, losses, strict=True)}

    def printed(self) -> dict[str, Tensor]:
        """The quadratics of the paper on the simplex, centred, with one β for all maps, that of their mean."""
        near, hidden = self.observed.alike
        losses = self.observed.changes.loss(near), self.observed.hidings.loss(hidden)
        return {name: self.in_basis(weights) for name, weights in _as_printed(*losses).items()}


def _as_printed(change: Quadratic, sums: Quadratic) -> dict[str, Tensor]:
    goals = {f"as printed: {goal}": goal for goal in GOALS}
    return {name: printed(change, sums, goals[name]) for name in PRINTED}


def control_place(photo: Photo, name: str) -> int:
    return 2 * photo.k + len(JOINS) + CONTROLS.index(name)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Weights in the basis.

    Attributes:
        mixtures: by name.
        budgets: ours by name, nearby photographs and masks.
        fewer: by what the pool lacks, then by name.
        constant: weight of a uniform map by program.
    """

    mixtures: dict[str, Tensor]
    budgets: dict[tuple[str, int | None, int | None], Tensor]
    fewer: dict[str, dict[str, Tensor]]
    constant: dict[str, float]


def fitted(photo: Photo, path: Path) -> Fitted:
    """All weights, which no pass is asked for; kept, for they take a second or two."""
    if not path.exists():
        nearby = [n for n in NEARBY if n <= len(photo.near["fit"].centred)]
        hidden = [m for m in HIDDEN if m <= len(photo.hidden["fit"][1])]
        found = Fitted(mixtures(photo), budgets(photo, nearby, hidden), {}, constant_weights(photo))
    else:
        found = Fitted(**torch.load(path, weights_only=True))
    new = {name: fewer_methods(photo, lacks) for name, lacks in WITHOUT.items() if name not in found.fewer}
    if new:
        found.fewer.update(new)
        unfinished = path.with_suffix(".part")
        torch.save(vars(found), unfinished)
        unfinished.replace(path)
    return found


def mixtures(photo: Photo) -> dict[str, Tensor]:
    """All candidates; weights in the basis."""
    pool, k = Pool(photo), photo.k
    size = len(photo.maps)
    unit = torch.eye(size, dtype=torch.float64)
    found = dict(zip(photo.methods, unit, strict=False))
    found["mean"] = pool.in_basis(torch.full((len(pool.places),), 1 / len(pool.places)))
    found |= {name: unit[2 * k + number] for number, name in enumerate(JOINS)}
    found["least complex"] = pool.in_basis(least_complex(photo.maps[pool.places], steps=30).weights)
    sums, drops = photo.plain_sums("fit")
    absolute = torch.arange(k, 2 * k)
    grams = photo.near["fit"].plain[:, absolute][:, :, absolute]
    for goal in GOALS:
        found[f"official: {goal}"] = pool.in_basis(official(sums[:, absolute], drops, grams, goal), absolute)
    found |= pool.chosen() | pool.printed()
    found |= {name: pool.ours(goal, balance)[0] for name, (goal, balance) in OURS.items()}
    for goal in BY_HIDING:
        found[f"ours: {goal}, strength 0"] = pool.ours(goal, 0.5, 0.0)[0]
    for control in ("edges", "random"):
        more = Pool(photo, added=(control,))
        for goal in BY_NEARBY:
            found[f"ours: {goal}, {control} in the pool"] = more.ours(goal, 0.5)[0]
    found |= {name: unit[control_place(photo, name)] for name in CONTROLS}
    return found


def budgets(
    photo: Photo, nearby: Sequence[int], hidden: Sequence[int]
) -> dict[tuple[str, int | None, int | None], Tensor]:
    """Ours, fitted to fewer nearby photographs and masks; ``None`` where the goal needs none."""
    found: dict[tuple[str, int | None, int | None], Tensor] = {}
    asked: dict[str, list[tuple[int | None, int | None]]] = {
        "ours: robustness": [(near, None) for near in nearby],
        "ours: both": [(near, masks) for near in nearby for masks in hidden],
        "ours: faithfulness": [(None, masks) for masks in hidden],
    }
    for name, pairs in asked.items():
        for near, masks in pairs:
            found[name, near, masks] = Pool(photo, near, masks).ours(*OURS[name])[0]
    return found


def fewer_methods(photo: Photo, lacks: tuple[str, ...]) -> dict[str, Tensor]:
    """Mixtures of a pool that lacks the methods whose specs begin so."""
    pool = Pool(photo, of=tuple(place for place, name in enumerate(photo.methods) if not name.startswith(lacks)))
    mean = pool.in_basis(torch.full((len(pool.places),), 1 / len(pool.places)))
    ours = {name: pool.ours(goal, balance)[0] for name, (goal, balance) in OURS.items()}
    return {"mean": mean, **pool.chosen(), **pool.printed(), **ours}


def constant_weights(photo: Photo) -> dict[str, float]:
    """Weight that each program gives to a uniform map in the pool, of maps and sums as they are."""
    places = torch.tensor([*range(photo.k), control_place(photo, "uniform")])
    gram = photo.near["fit"].plain[:, places][:, :, places]
    sums, drops = photo.plain_sums("fit")
    sums, total = sums[:, places], drops @ drops
    nothing = torch.zeros(len(places), dtype=torch.float64)
    change = Quadratic(gram.mean(0), nothing, nothing.sum())
    loss = Quadratic(sums.T @ sums / total, sums.T @ drops / total, drops @ drops / total)
    found = {name: float(weights[-1]) for name, weights in _as_printed(change, loss).items()}
    absolute = torch.cat([torch.arange(photo.k, 2 * photo.k), places[-1:]])
    sums, drops = photo.plain_sums("fit")
    gram = photo.near["fit"].plain[:, absolute][:, :, absolute]
    found |= {f"official: {goal}": float(official(sums[:, absolute], drops, gram, goal)[-1]) for goal in GOALS}
    return found
