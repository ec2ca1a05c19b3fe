"""Curves over γ, one a removal, and over the size of the parts.

The form is that of Figures 5, A1 and F1–F12 of Chanchal, Kelly & Chockler, *Activation-Deactivation*, 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from unseen.evaluation.judging.report.values import ROBUSTNESS, MethodValues
from unseen.explanation.plotting.palette import BLACK, COLOURS, GREY, MARKERS
from unseen.inputs.space import CALLED, worded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = (*COLOURS, BLACK, GREY)
"""The reference has the first."""
_NAMES = {
    "robustness-colours": "share of solid colours on which the class is kept",
    "robustness-photos": "share of other photographs on which the class is kept",
    "confidence": "confidence of the part / of the photograph",
    "size": "share of the pixels that the part shows",
}


def curves(values: MethodValues, metric: str) -> Figure:
    """Mean over photographs by γ with 95 % bootstrap intervals, one line for each removal."""
    gammas = values.thresholds[::-1]
    spread = 0.012 / max(1, len(values.removals) - 1)

    def beside(removal: str) -> list[float]:
        shift = (values.removals.index(removal) - (len(values.removals) - 1) / 2) * spread
        return [gamma + shift for gamma in gammas]

    figure, axes = _lines(values, metric, beside)
    if metric == "confidence":
        axes.plot(gammas, gammas, color="0.6", linestyle=":", linewidth=1, label="γ itself", zorder=1)
    axes.set_xticks(gammas)
    axes.set_xlabel("confidence threshold γ of the search")
    return _finished(figure)


def by_size(values: MethodValues, metric: str) -> Figure:
    """The same over the mean size of the parts: whether a removal gives better parts, or larger ones."""

    def sizes(removal: str) -> list[float]:
        return [values.mean(removal, "size", gamma).value for gamma in values.thresholds[::-1]]

    figure, axes = _lines(values, metric, sizes)
    axes.set_xlim(left=0)
    axes.set_xlabel(worded("mean share of the pixels that the part shows, one point for each γ", values.axes))
    return _finished(figure)


def _lines(values: MethodValues, metric: str, places: Callable[[str], Sequence[float]]) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for index, removal in enumerate(values.removals):
        means = [values.mean(removal, metric, gamma) for gamma in values.thresholds[::-1]]
        reference = removal == values.reference
        axes.errorbar(
            places(removal),
            [mean.value for mean in means],
            [[mean.value - mean.low for mean in means], [mean.high - mean.value for mean in means]],
            color=_COLOURS[index % len(_COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=6 if reference else 4.5,
            linewidth=2.4 if reference else 1.3,
            elinewidth=0.9,
            capsize=2,
            label=removal,
            zorder=3 if reference else 2,
        )
    if metric in (*ROBUSTNESS, "confidence"):
        axes.set_ylim(0, 1.03)
    else:
        axes.set_ylim(bottom=0)
    axes.set_ylabel(worded(_NAMES[metric], values.axes), fontsize=9)
    many = f"{values.photos} {CALLED[values.axes]}s"
    axes.set_title(f"{metric}, {values.method}, {many}", fontsize=10, loc="left")
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _finished(figure: Figure) -> Figure:
    figure.legend(loc="outside right upper", frameon=False, title="hidden by", fontsize=9, title_fontsize=9)
    return figure
