"""Pictures: distance over the visible share; and the features' plane, in the form of the thesis' Figure 11."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from unseen.evaluation.distance.measuring import DISTANCES, MEASURES, Located
from unseen.evaluation.distance.report import named
from unseen.explanation.plotting.palette import BLACK, COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = (*COLOURS, BLACK)
"""The line's style tells a second round apart."""
_LINES = ("-", "--", ":")
_ACROSS = 4
_LETTERS = 14
"""Of the caption, to an inch."""


def curves(found: Located) -> Figure:
    """Relative distance and AUROC over the visible share, one line a removal, with 95 % intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.5, 6.6), layout="constrained")
    grid = figure.subplots(2, len(MEASURES), sharex=True, squeeze=False)
    for column, measure in enumerate(MEASURES):
        top, bottom = grid[:, column]
        if measure in DISTANCES:
            _lines(found, measure, "relative", top)
            top.set_ylabel(f"distance, 1 = that of the {found.kind}s", fontsize=9)
        else:
            top.set_axis_off()
        _lines(found, measure, "auroc", bottom)
        name = named(found, measure)
        (top if measure in DISTANCES else bottom).set_title(
            textwrap.fill(f"{name[0].upper()}{name[1:]}", 40), fontsize=9
        )
        bottom.set_ylim(-0.03, 1.03)
        bottom.set_ylabel(f"AUROC, 0.5 = cannot be told from {found.kind}s", fontsize=9)
        bottom.set_xlabel(f"share of the {found.kind} that is visible, in %", fontsize=9)
    handles, labels = grid[1, 0].get_legend_handles_labels()
    grid[0, -1].legend(handles, labels, loc="center", frameon=False, title="hidden by", fontsize=9, ncols=2)
    return figure


def _lines(found: Located, measure: str, what: str, axes: Axes) -> None:
    axes.axhline(1 if what == "relative" else 0.5, color="0.6", linewidth=1.5, zorder=1)
    shares = sorted(found.asked.fractions, reverse=True)
    values = {(p.removal, p.fraction): getattr(p, what) for p in found.places if p.measure == measure}
    step = 3.0 / max(1, len(found.masked) - 1)
    for number, removal in enumerate(found.masked):
        points = [values[removal, share] for share in shares]
        axes.errorbar(
            [100 * share + step * number - 1.5 for share in shares],
            [point.value for point in points],
            [[p.value - p.low for p in points], [p.high - p.value for p in points]],
            color=_COLOURS[number % len(_COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            linestyle=_LINES[number // len(_COLOURS) % len(_LINES)],
            markersize=4.5,
            linewidth=1.3,
            elinewidth=0.7,
            label=removal,
            zorder=2,
        )
    axes.set_xticks([100 * share for share in shares])
    axes.set_xlim(100 * max(shares) + 5, 100 * min(shares) - 5)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plane(found: Located) -> Figure:
    """The first two principal components of all features together, which are divided by their length.

    One panel a removal: photographs grey, those of which a part is hidden in colour, by the share that is visible, and
    a line through the means. The components of the photographs alone say little of where they are left: no two
    directions hold much of what hundreds of photographs of as many things differ by.
    """
    from matplotlib.figure import Figure

    everything = [found.reference, found.own, *(features.flatten(0, 1) for features in found.masked.values())]
    project = Plane.of(torch.cat(everything))
    across = min(_ACROSS, len(found.masked))
    down = math.ceil(len(found.masked) / across)
    width = 2.6 * across + 0.9
    figure = Figure(figsize=(width, 2.55 * down + 0.4), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    known, own = project(found.reference), project(found.own)
    colours = None
    for axes, (removal, features) in zip(grid.flat, found.masked.items(), strict=False):
        at = project(features.flatten(0, 1)).reshape(*features.shape[:2], 2)
        axes.scatter(*known.T, s=7, color="0.82", linewidths=0)
        axes.scatter(*own.T, s=9, color="0.55", linewidths=0)
        shown = torch.tensor(found.asked.fractions, dtype=torch.float32).expand(len(at), -1)
        colours = axes.scatter(
            *at.flatten(0, 1).T, s=9, c=100 * shown.flatten(), cmap="plasma_r", vmin=0, vmax=100, linewidths=0
        )
        order = sorted(range(len(found.asked.fractions)), key=lambda place: -found.asked.fractions[place])
        path = torch.cat([own.mean(0, keepdim=True), at.mean(0)[order]])
        axes.plot(*path.T, color="black", linewidth=1.2, marker=".", markersize=4)
        axes.set_title(removal, fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in list(grid.flat)[len(found.masked) :]:
        axes.set_axis_off()
    assert colours is not None
    scale = figure.colorbar(colours, ax=grid, shrink=0.6)
    scale.set_label(f"share of the {found.kind}\nthat is visible, in %", fontsize=8)
    first, second = (f"{100 * share:.0f} %" for share in project.shares)
    told = (
        f"first and second principal component of all panels' features ({first} and {second} of the variance): "
        f"{len(known)} reference {found.kind}s light grey; {len(own)} judged {found.kind}s with nothing hidden "
        "dark grey, with a part hidden in colour, their means black"
    )
    figure.supxlabel(textwrap.fill(told, round(_LETTERS * width)), fontsize=8)
    return figure


@dataclass(frozen=True, eq=False)
class Plane:
    """The plane in which vectors of length 1 vary most.

    Attributes:
        centre: shape (C,).
        axes: orthonormal, shape (C, 2).
        shares: of the variance, along each of the axes.
    """

    centre: Float[Tensor, " C"]
    axes: Float[Tensor, "C 2"]
    shares: tuple[float, float]

    @classmethod
    def of(cls, features: Float[Tensor, "N C"]) -> Plane:
        """That of these vectors, which are divided by their length first."""
        directions = F.normalize(features.double(), dim=1)
        centre = directions.mean(0)
        _, lengths, axes = torch.linalg.svd(directions - centre, full_matrices=False)
        first, second = (lengths.square() / lengths.square().sum())[:2].tolist()
        return cls(centre, axes[:2].T, (first, second))

    def __call__(self, features: Float[Tensor, "N C"]) -> Float[Tensor, "N 2"]:
        """Where vectors lie in it."""
        return (F.normalize(features.double(), dim=1) - self.centre) @ self.axes
