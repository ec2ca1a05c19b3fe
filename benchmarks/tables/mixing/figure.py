"""Sensitivity against infidelity of all mixtures."""

from __future__ import annotations

from collections.abc import Callable
from math import log10
from pathlib import Path

import numpy as np

from benchmarks.tables.mixing.candidates import OURS
from benchmarks.tables.mixing.data import JOINS
from benchmarks.tables.mixing.values import INFIDELITY, SENSITIVITY, Values
from unseen.evaluation.statistics import mean_interval

NEAR = (0.08, 0.013)
"""Points nearer than this share one label: decades of sensitivity, and infidelity."""


def drawn(values: Values, path: Path) -> None:
    """Means over the photographs with their intervals, both held out; ours are joined by a line."""
    from matplotlib.figure import Figure

    groups: dict[str, tuple[str, str, Callable[[str], bool]]] = {
        "single methods": ("tab:gray", "o", lambda name: name in values.alone),
        "joins that look at no loss": ("tab:green", "s", lambda name: name in ("mean", "least complex", *JOINS)),
        "as printed, official": ("tab:orange", "^", lambda name: name.startswith(("as printed", "official"))),
        "ours": ("tab:blue", "D", lambda name: name in OURS),
    }
    figure = Figure(figsize=(9, 5.6), layout="constrained")
    axes = figure.subplots()
    labels: list[tuple[float, float, str]] = []
    for label, (colour, marker, belongs) in groups.items():
        points: list[tuple[float, float]] = []
        for name in filter(belongs, values.names):
            pair = np.stack([values.of(name, SENSITIVITY), values.of(name, INFIDELITY)])
            x, y = (mean_interval(row) for row in pair[:, ~np.isnan(pair).any(0)])
            axes.errorbar(
                x.value,
                y.value,
                xerr=[[x.value - x.low], [x.high - x.value]],
                yerr=[[y.value - y.low], [y.high - y.value]],
                fmt=marker,
                color=colour,
                label=None if points else label,
                markersize=6,
                linewidth=0.6,
                alpha=0.8,
            )
            points.append((x.value, y.value))
            labels.append((*points[-1], name.split(":")[0] if name in values.alone else name.removeprefix("as ")))
        if label == "ours":
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.3)
    while labels:
        x0, y0, _ = labels[0]
        together = [at for at in labels if abs(log10(at[0] / x0)) < NEAR[0] and abs(at[1] - y0) < NEAR[1]]
        labels = [at for at in labels if at not in together]
        text = "\n".join(name for *_, name in together)
        axes.annotate(text, (x0, y0), xytext=(6, 4), textcoords="offset points", fontsize=7.5)
    axes.set(
        xlabel="sensitivity, held out: change per spread of the map (lower is better)",
        ylabel="infidelity, held out: 1 says nothing (lower is better)",
        xscale="log",
    )
    axes.set_xlim(right=axes.get_xlim()[1] * 1.3)
    axes.legend(fontsize=8, loc="upper left")
    figure.savefig(path, dpi=130)
