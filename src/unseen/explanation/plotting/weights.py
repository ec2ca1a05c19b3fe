"""The weights of a mixture as bars, and what the mixture and each method lose where the weights were not fitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unseen.explanation.plotting.columns import DELETION, INSERTION, Column
from unseen.explanation.plotting.mixture import READINGS, Ingredient, Mixture
from unseen.explanation.plotting.page import FACT, LETTER, SMALL, TEXT

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WEIGHT, CONTRIBUTION, INTERVAL = INSERTION, DELETION, "black"
"""Colours; thickness tells them apart in grey."""

_NAMES, _NUMBERS = 1.5, 0.72
"""Inches: width of the names, and of a column of losses."""
_ROW = 0.26
"""Inches: least height of a row; methods of little weight for which there is no room are summed up."""
_ABOVE = 2.7
"""Rows above the methods: heads, the mixture, equal weights, a gap."""
_ENDS = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Where the axis of the weights may end."""


def weights(mixture: Mixture) -> Column:
    """The mixture and equal weights, then a row for each method, the largest weight first."""
    lines = [mixture.verdict]
    if mixture.measured:
        lines.append("numbers: held out from the fit; less is better")
    lines += [f"{loss}: {READINGS[loss]}" for loss in mixture.measured]
    letters = max(len(line) for one in (mixture.equal, *mixture.methods) for line in _name(one.name).splitlines())
    return Column(
        "Weights", "\n".join(lines), lambda axes: _draw(axes, mixture), left=letters * LETTER + 0.1, foot=0.55
    )


def _draw(axes: Axes, mixture: Mixture) -> None:
    dots = axes.figure.dpi
    width, height = axes.bbox.width / dots, axes.bbox.height / dots
    methods = _summed(mixture.methods, max(1, int(height / _ROW - _ABOVE)))
    span = width - _NUMBERS * len(mixture.measured)
    low = min(0.0, *(one.contribution for one in methods))
    most = max(value for one in methods for value in (one.weight, one.interval[1], one.contribution))
    high = next((end for end in _ENDS if end >= most), most)
    axes.set(xlim=(low, low + (high - low) * width / span), ylim=(len(methods) - 0.5, -_ABOVE))

    places = range(len(methods))
    bars = axes.barh(places, [one.weight for one in methods], 0.5, color=WEIGHT, label="weight")
    lows, highs = zip(*(one.interval for one in methods), strict=True)
    lines = axes.hlines(places, lows, highs, color=INTERVAL, lw=1.2, label="95 % interval")
    below = [place + 0.33 for place in places]
    shares = axes.barh(below, [one.contribution for one in methods], 0.14, color=CONTRIBUTION, label="contribution")
    axes.vlines(0, -0.5, len(methods) - 0.5, color=FACT, lw=0.8)

    rows = [(-1.9, mixture.mixed), (-1.1, mixture.equal), *enumerate(methods)]
    axes.set_yticks([place for place, _ in rows], [_name(one.name) for _, one in rows])
    for column, loss in enumerate(mixture.measured, 1):
        best = mixture.best(loss).told(loss)
        cells = [(-2.45, loss, FACT), *((place, one.told(loss), TEXT) for place, one in rows)]
        for place, text, colour in cells:
            axes.text(
                (span + _NUMBERS * column) / width, place, text, transform=axes.get_yaxis_transform(),
                size=SMALL, color=colour, weight="bold" if text == best else "normal", ha="right", va="center",
            )  # fmt: skip
    ticks = [low] * (low < -0.2 * high) + [0.0, high / 2, high]
    axes.set_xticks(ticks, [f"{100 * tick:.3g} %" for tick in ticks])
    axes.tick_params(labelsize=SMALL, length=0)
    axes.spines[:].set_visible(False)
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.legend(
        handles=[bars, lines, shares], fontsize=SMALL - 0.5, loc="upper left", bbox_to_anchor=(-0.03, -0.28 / height),
        ncols=3, frameon=False, borderaxespad=0, handlelength=1.2, columnspacing=1,
    )  # fmt: skip


def _summed(methods: Sequence[Ingredient], room: int) -> list[Ingredient]:
    """The methods, those for which there is no room as one."""
    if len(methods) <= room:
        return [*methods]
    rest = methods[room - 1 :]
    weight, contribution = sum(one.weight for one in rest), sum(one.contribution for one in rest)
    together = Ingredient(f"{len(rest)} others together", {}, weight, (weight, weight), contribution)
    return [*methods[: room - 1], together]


def _name(spec: str) -> str:
    """A spec on a line, or its options on a second one; what is too long ends in an ellipsis."""
    room = int(_NAMES / LETTER)
    if len(spec) <= room:
        return spec
    name, _, options = spec.partition(":")
    return "\n".join(text if len(text) <= room else f"{text[: room - 1]}…" for text in (name, options) if text)
