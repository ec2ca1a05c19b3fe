"""What stands side by side in a picture: each column has a title, something drawn and a caption."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from unseen.classifier.outputs.readings import percent, told
from unseen.explanation import wording
from unseen.explanation.findings import Curve, Part
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.flat import axes_of
from unseen.explanation.plotting.page import SMALL, TEXT
from unseen.explanation.plotting.palette import COLOURS
from unseen.explanation.plotting.sparse import widened
from unseen.inputs.space import CALLED, UNITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DELETION, INSERTION = COLOURS[:2]
"""Blue and vermilion from the palette by Okabe & Ito, told apart with any colour-vision
deficiency; dashes tell them apart in grey."""


@dataclass(frozen=True)
class Column:
    """One picture of a row.

    Attributes:
        title: what it is.
        caption: what to read from it; lines are wrapped to the column.
        draw: fills the axes.
        left: room for tick labels beside the axes, in inches; 0 draws no axes around the picture.
        foot: room for ticks or a colour bar below the axes, in inches.
        numbers: what the caption says in words, in figures; it stands below, in grey.
    """

    title: str
    caption: str
    draw: Callable[[Axes], None]
    left: float = 0.0
    foot: float = 0.0
    numbers: str = ""


def photograph(
    image: Tensor, top: Sequence[Mapping[str, Any]], bands: Sequence[int] | None = None, unit: str | None = None
) -> Column:
    """The photograph as the model saw it, and what the model said: the likeliest classes, best first."""
    height, width = image.shape[1:]
    said = ", ".join(f"{guess['label']} {told(guess['probability'], unit)}" for guess in top[:3])

    def draw(axes: Axes) -> None:
        axes.imshow(pixels.photograph(image, bands), interpolation="nearest")

    return Column("Photograph", f"as the model sees it, {width} × {height} pixels{_bands(image, bands)}\n{said}", draw)


def _bands(image: Tensor, asked: Sequence[int] | None) -> str:
    """Which bands of many are shown."""
    if len(image) in (1, 3) and not asked:
        return ""
    shown = pixels.shown_bands(len(image), asked)
    how = "as red, green and blue" if len(shown) == 3 else "in grey"
    return f"; band{'s' * (len(shown) > 1)} {', '.join(map(str, shown))} of {len(image)} {how}"


def saliency(explanation: Drawn, outlined: tuple[Part, ...]) -> Column:
    """The map over the faded photograph, transparent where it is near 0, with outlines and a colour bar."""

    def draw(axes: Axes) -> None:
        drawn, _ = widened(explanation.saliency)
        span = pixels.limits(explanation.saliency)
        shown = pixels.overlay(explanation.image, drawn, span, pixels.bands_of(explanation.provenance))
        axes.imshow(shown, interpolation="nearest")
        for part in outlined:
            outline(axes, part.mask, line_of(part))
        inch = _inch(axes)
        colour_bar(axes.inset_axes((0, -0.24 * inch, 1, 0.15 * inch)), span)

    reading = reading_of(pixels.limits(explanation.saliency))
    width = widened(explanation.saliency)[1]
    dots = f"\ndots and thin lines, drawn {width} pixels wide" if width > 1 else ""
    return Column(
        "Saliency map", f"{reading} (values unscaled){told_apart(outlined, 'outlined', 'black')}{dots}", draw, foot=0.5
    )


def told_apart(parts: Sequence[Part], how: str, colour: str) -> str:
    """Which part is which on a map, where a necessary one is orange.

    Args:
        parts: those on the map.
        how: they are marked.
        colour: of the others.
    """
    others = dict.fromkeys(wording.TITLES[part.role].lower() for part in parts if part.role != "necessary")
    if others and any(part.role == "necessary" for part in parts):
        return f"\n{how} in {colour}: {', '.join(others)}; in orange: what is necessary"
    return {0: "", 1: f"\n{how}: the part"}.get(len(parts), f"\n{how}: the parts")


def colour_bar(axes: Axes, span: tuple[float, float]) -> None:
    """Fill the axes with the colours of a map that spans ``span``, with ticks below."""
    axes.imshow(pixels.ramp(*span), aspect="auto", extent=(*span, 0, 1))
    axes.set_yticks([])
    low, high = span
    ends: dict[float, Literal["left", "center", "right"]]
    ends = {low: "left", 0.0: "center" if low else "left", high: "right"}
    axes.set_xticks([*ends], [f"≤ {low:.2g}" if low else "0", *(["0"] if low else []), f"≥ {high:.2g}"])
    axes.tick_params(labelsize=SMALL, length=2.5, pad=2)
    for label, side in zip(axes.get_xticklabels(), ends.values(), strict=True):
        label.set_horizontalalignment(side)


def reading_of(span: tuple[float, float]) -> str:
    """What the colours of a map that spans ``span`` mean."""
    return "orange: speaks for it; purple: against" if span[0] < 0 else "darker: more responsible"


def part(explanation: Drawn, found: Part) -> Column:
    """The part in colour on the faded photograph, or taken out of it; what it does in words, then in numbers."""
    hidden = found.role == "necessary"

    def draw(axes: Axes) -> None:
        axes.imshow(pixels.cut_out(_seen(explanation), ~found.mask if hidden else found.mask), interpolation="nearest")
        outline(axes, found.mask, line_of(found))

    words, numbers = wording.sentences(found, explanation.label, explanation.unit), _numbers(explanation, found)
    return Column(wording.title(found), "\n".join(words), draw, numbers="\n".join(numbers))


def _numbers(explanation: Drawn, found: Part) -> list[str]:
    """What was asked and answered, in numbers."""
    unit, said, units = explanation.unit, percent(found.confidence), UNITS[axes_of(explanation)]
    label = explanation.label if unit is None else _degree(explanation)
    if found.role == "necessary":
        other = found.instead
        instead = f", {other.label} {told(other.probability, unit)}" if other else ""
        lines = [f"{percent(found.fraction)} of the {units} hidden → {label} {said}{instead}"]
        asked = "at most"
    else:
        alone = "alone" if found.role != "robust" else f"alone, hidden by {explanation.removal}"
        lines = [f"{percent(found.fraction)} of the {units} {alone} → {label} {said}"]
        asked = "at least"
    if found.asked is not None:
        lines.append(f"asked: {asked} {percent(found.asked)} (γ = {found.confidence_threshold:g})")
    if found.robustness is not None:
        lines.append(
            f"backgrounds: {percent(found.robustness.share)}, surely {percent(found.robustness.bound)} or more"
        )
    if found.by_chance is not None:
        low, high = percent(found.by_chance.low), percent(found.by_chance.high)
        lines.append(f"by chance: {percent(found.by_chance.share)}, between {low} and {high}")
    if found.role != "robust":
        lines.append(
            "verified alone and in a batch" if found.verified else "NOT verified: fails alone, in a batch or both"
        )
    if found.minimal_block is not None:
        lines.append(f"minimal: no block of the {found.minimal_block}-{units.removesuffix('s')} grid can be left out")
    return lines


def worth(shown: Sequence[Part]) -> Column:
    """What each part is worth, as dots: the backgrounds on which it holds, and the other places that do the same."""

    def draw(axes: Axes) -> None:
        axes.set(xlim=(0, 1), ylim=(1, 0))
        row = 1 / (2 * len(shown))
        for number, found in enumerate(shown):
            top = 2 * row * number
            axes.text(0, top + 0.3 * row, wording.title(found), size=SMALL, weight="bold", color=TEXT, va="center")
            holds, chance = found.robustness, found.by_chance
            if holds is not None:
                does = (
                    "other backgrounds in its place end it"
                    if found.role == "necessary"
                    else "other backgrounds keep it"
                )
                _dots(axes, top + 0.7 * row, row, holds.holding, holds.contexts, INSERTION, does)
            if chance is not None:
                _dots(axes, top + 1.3 * row, row, chance.passing, chance.tried, DELETION, "chance does the same")

    caption = "filled: yes; empty: no\nA part is worth something where the first row is full and the second empty."
    return Column("How much it is worth", caption, draw)


def _dots(axes: Axes, y: float, row: float, filled: int, count: int, colour: str, what: str) -> None:
    """A row of dots, at most 25 of which stand for all, the first of them filled, under what they count."""
    dots = min(count, 25)
    on = round(filled * dots / count) if count else 0
    places = [(index + 0.5) / 25 for index in range(dots)]
    axes.text(0, y, f"{what}: {filled} of {count}", size=SMALL - 0.5, color=TEXT, va="center")
    faces = [colour if index < on else "white" for index in range(dots)]
    axes.scatter(places, [y + 0.27 * row] * dots, s=26, c=faces, edgecolors=colour, linewidths=0.9, clip_on=False)


def _seen(explanation: Drawn) -> pixels.Pixels:
    """The photograph, or the bands of it that are shown."""
    return pixels.photograph(explanation.image, pixels.bands_of(explanation.provenance))


def no_part(explanation: Drawn) -> Column:
    """Says plainly that there is nothing to show."""

    def draw(axes: Axes) -> None:
        axes.imshow(pixels.faded(_seen(explanation), 0.72), interpolation="nearest")

    return Column("No part", f"{explanation.method} found no part of {explanation.label}; the notes say why", draw)


def curve(explanation: Drawn, steps: Curve) -> Column:
    """Probability of the target while the ranking's first pixels are shown alone, and while they are hidden."""
    share, visible, hidden = np.array([steps.fractions, steps.insertion, steps.deletion])
    called, units = CALLED[axes_of(explanation)], UNITS[axes_of(explanation)]

    def draw(axes: Axes) -> None:
        axes.axhline(100 * _whole(explanation), color="#999999", lw=1, ls=":", label=f"full {called}")
        axes.plot(100 * share, 100 * visible, color=INSERTION, lw=1.8, marker=".", label="insertion (shown alone)")
        axes.plot(100 * share, 100 * hidden, color=DELETION, lw=1.8, ls="--", marker=".", label="deletion (hidden)")
        shown = [found for found in explanation.parts if found.role in ("sufficient", "both")]
        for number, found in enumerate(shown):
            label = "part, shown alone" if number == 0 else None
            axes.plot(
                100 * found.fraction, 100 * found.confidence, "D", color="black", ms=6, mec="white", label=label,
                ls="", clip_on=False, zorder=5,
            )  # fmt: skip
        axes.set(xlim=(0, 100), ylim=(0, 100))
        axes.set_xlabel(f"{units}, most responsible first (%)", size=SMALL, labelpad=2)
        axes.set_ylabel(f"{_degree(explanation)} (%)", size=SMALL, labelpad=2, parse_math=False)
        axes.tick_params(labelsize=SMALL)
        axes.grid(color="#dddddd", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(
            fontsize=SMALL - 0.5, loc="upper left", bbox_to_anchor=(-0.03, -0.42 * _inch(axes)),
            ncols=2, frameon=False, borderaxespad=0, handlelength=1.8, columnspacing=1,
        )  # fmt: skip

    areas = f"area under insertion {steps.insertion_area:.3f}, deletion {steps.deletion_area:.3f}"
    return Column("Insertion and deletion", areas, draw, left=0.5, foot=0.85)


def _degree(explanation: Drawn) -> str:
    """What parts keep and curves show: a probability, or how far a value stays what it is."""
    if explanation.unit is None:
        return f"probability of {explanation.label}"
    return f"agreement with the full {CALLED[axes_of(explanation)]}"


def _whole(explanation: Drawn) -> float:
    """How far the decision goes on the full photograph: of a value, all the way."""
    return explanation.probability if explanation.unit is None else 1.0


def line_of(part: Part) -> str:
    """The colour of a part's outline."""
    return DELETION if part.role == "necessary" else "black"


def outline(axes: Axes, mask: Tensor, colour: str = "black") -> None:
    """A line with white edges around a mask, shape (H, W)."""
    from matplotlib.collections import LineCollection

    border = pixels.outline(mask)
    for width, line in ((2.2, "white"), (0.9, colour)):
        axes.add_collection(
            LineCollection(list(border), colors=line, linewidths=width, capstyle="projecting", clip_on=False)
        )


def letter(axes: Axes, x: float, y: float, text: str) -> None:
    """A small letter on a picture, which is read on black and on white."""
    from matplotlib.patheffects import withStroke

    around = withStroke(linewidth=1.6, foreground="black")
    axes.text(x, y, text, size=SMALL - 2, color="#FFD34D", ha="center", va="center", path_effects=[around])


def _inch(axes: Axes) -> float:
    """An inch as a share of the axes' height."""
    return float(axes.figure.dpi / axes.bbox.height)
