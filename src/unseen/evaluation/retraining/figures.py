"""Pictures: accuracy over the hidden share, one curve a method; or the likeness of maps, one pair of bars a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unseen.evaluation.retraining.labels import Randomised
from unseen.evaluation.retraining.roar import Retrained
from unseen.evaluation.statistics import over_repeats
from unseen.explainers.catalogue import CONTROLS
from unseen.explanation.plotting.palette import COLOURS, MARKERS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_GREYS = dict(zip(CONTROLS, (("0.35", ":", "x"), ("0.6", "--", "+"), ("0.0", "-.", "1")), strict=True))


def picture(found: Retrained | Randomised) -> Figure:
    """What the table says, to look at."""
    return _curves(found) if isinstance(found, Retrained) else _bars(found)


def _curves(found: Retrained) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    places = [100 * share for share in found.shares]
    axes.axhline(100 * found.whole.value, color="0.8", linewidth=1, label="nothing hidden", zorder=1)
    names = [
        *(method for method in found.methods if method not in CONTROLS),
        *(m for m in found.methods if m in CONTROLS),
    ]
    for number, method in enumerate(names):
        control = method in CONTROLS
        own = COLOURS[number % len(COLOURS)], "-", MARKERS[number % len(MARKERS)]
        colour, line, marker = _GREYS[method] if control else own
        curve = [list(found.accuracies(method, share).values()) for share in found.shares]
        means = [100 * over_repeats(values).value for values in curve]
        axes.plot(
            places,
            means,
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=4.5,
            linewidth=1.3,
            label=method,
            zorder=2 if control else 3,
        )
        low, high = ([100 * pick(values) for values in curve] for pick in (min, max))
        axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0, zorder=1)
    end = "most" if found.metric.order == "top" else "least"
    axes.set_xticks(places)
    axes.set_ylim(0, 103)
    axes.set_xlabel(f"share of the pixels hidden, the {end} important first, in %")
    axes.set_ylabel("accuracy after training anew, in %", fontsize=9)
    title = f"{'ROAR' if found.metric.order == 'top' else 'KAR'}, {found.dataset}, hidden by {found.metric.removal}"
    bands = f"; bands: least and most of {found.metric.repeats} networks" if found.metric.repeats > 1 else ""
    axes.set_title(title + bands, fontsize=10, loc="left")
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _bars(found: Randomised) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 1.4 + 0.4 * len(found.methods)), layout="constrained")
    axes = figure.add_subplot()
    for number, method in enumerate(found.methods):
        for other, colour, shift in (("true", COLOURS[1], -0.17), ("shuffled", COLOURS[0], 0.17)):
            values = list(found.values(method, other, "spearman-absolute").values())  # type: ignore[arg-type]
            label = {"true": "true, another seed", "shuffled": "shuffled"}[other] if number == 0 else None
            mean = over_repeats(values).value if values else 0.0
            axes.barh(number + shift, mean, 0.32, color=colour, label=label, zorder=2)
            axes.plot(values, [number + shift] * len(values), ".", color="0.1", markersize=4, zorder=3)
            if not values:
                axes.text(0.01, number + shift, "undefined", fontsize=7, va="center")
    axes.set_yticks(range(len(found.methods)), found.methods)
    axes.invert_yaxis()
    axes.axvline(0, color="0.4", linewidth=0.8)
    axes.set_xlabel("rank correlation of absolute maps with those of the first network, a dot for each repeat")
    axes.set_title(f"data randomisation, {found.dataset}", fontsize=10, loc="left")
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, title="the other learnt", fontsize=9, title_fontsize=9)
    return figure
