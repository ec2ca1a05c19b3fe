"""The sheet of a chosen part: a row a removal, with what the model gets and its five best classes, hidden and alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unseen.classifier.decision import Decision
from unseen.classifier.outputs.readings import percent, told
from unseen.explanation.plotting.figures import headline_of
from unseen.explanation.plotting.page import (
    EDGE,
    FACT,
    GAP,
    HEAD_LETTER,
    HEAD_LINE,
    LETTER,
    LINE,
    NOTE,
    SMALL,
    TEXT,
    Page,
    wrapped,
)
from unseen.explanation.plotting.palette import COLOURS, GREY
from unseen.inputs.space import UNITS
from unseen.trials.part import ChosenPart
from unseen.trials.pictures import Flats, Signals, pictures_of
from unseen.trials.trial import RemovalTrial, View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAME, _SIDE, _BARS = 1.6, 2.1, 2.3
"""Inches: width of a removal's name, of a picture, and of the classes beside it."""
_BAR, _HEAD, _BETWEEN = 0.25, 0.3, 0.22
"""Inches: height of a class, of the heads of columns, and between rows."""


def sheet(
    decision: Decision, part: ChosenPart, trials: Sequence[RemovalTrial], words: Sequence[str], notes: Sequence[str]
) -> Figure:
    """The full input and the answer in words above; below, a row for each removal."""
    pictures = pictures_of(decision, part.mask)
    tall = max(pictures.height(_SIDE), 6 * _BAR)
    left = [EDGE, EDGE + _NAME + GAP]
    for wide, gap in ((_SIDE, 0.12), (_BARS, GAP), (_SIDE, 0.12)):
        left.append(left[-1] + wide + gap)
    width = left[-1] + _BARS + EDGE
    room = width - left[3] - EDGE

    unit = decision.classifier.outputs.unit
    headline = wrapped(
        headline_of(decision.label, decision.probability, unit, decision.kind), width - 2 * EDGE, HEAD_LETTER
    )
    said = [(line, TEXT) for text in words for line in wrapped(text, room)]
    said += [(line, NOTE) for text in notes for line in wrapped(f"Note: {text}", room)]
    named = [
        f"{'coloured' if part.mask.ndim == 1 else 'outlined'}:",
        *wrapped(f"{part.name}, {percent(part.fraction)} of the {UNITS[part.mask.ndim]}", _NAME),
    ]
    top = HEAD_LINE * len(headline) + 0.1
    first = max(tall, LINE * max(len(said), len(named))) + _BETWEEN
    rows = [_tall(trial, tall, width - left[1] - EDGE) + _BETWEEN for trial in trials]
    page = Page(width, 2 * EDGE + top + first + _HEAD + sum(rows))

    y = page.height - EDGE
    page.headline(headline, y)
    y -= top
    page.write(EDGE, y, named)
    pictures.whole(page, left[1], y, _SIDE)
    _classes(page, (left[2], y), decision.top, decision)
    for number, (line, colour) in enumerate(said):
        page.write(left[3], y - LINE * number, [line], colour=colour)
    y -= first
    for x, name in ((left[0], "hidden by"), (left[1], "Part hidden"), (left[3], "Part alone")):
        page.name(x, y, [name])
    y -= _HEAD
    for trial, height in zip(trials, rows, strict=True):
        _row(page, trial, decision, pictures, (left, y))
        y -= height
    return page.figure


def _named(trial: RemovalTrial) -> list[tuple[str, str]]:
    """What stands at the left of a row, each line with its colour; the first lines are the removal's name."""
    lines = [(line, "") for line in wrapped(trial.removal.replace(",", ", "), _NAME * 0.8)]
    if trial.error is None:
        lines.append((f"{trial.evaluations} evaluations, {trial.seconds:.2f} s", FACT))
    return lines + [(line, NOTE) for note in trial.notes for line in wrapped(f"Note: {note}", _NAME)]


def _tall(trial: RemovalTrial, tall: float, room: float) -> float:
    """Inches that a row takes: its pictures, or why there are none; and what stands at its left."""
    beside = LINE * len(_named(trial))
    return max(beside, tall if trial.error is None else LINE * (1 + len(wrapped(str(trial.error), room))))


def _row(
    page: Page, trial: RemovalTrial, decision: Decision, pictures: Flats | Signals, place: tuple[Sequence[float], float]
) -> None:
    left, y = place
    for number, (line, colour) in enumerate(_named(trial)):
        page.write(left[0], y - LINE * number, [line], colour=colour or "black", weight="normal" if colour else "bold")
    if trial.hidden is None or trial.shown is None:
        page.write(left[1], y, ["failed"], colour=NOTE, weight="bold")
        page.write(left[1], y - LINE, wrapped(str(trial.error), page.width - left[1] - EDGE))
        return
    part = pictures.part
    for x, view, visible in ((left[1], trial.hidden, ~part), (left[3], trial.shown, part)):
        pictures.view(page, x, y, _SIDE, view, visible)
        at = x + _SIDE + 0.12, y
        below = y - _classes(page, at, view.top, decision)
        for number, (line, colour) in enumerate(_reading(view, decision)):
            page.write(at[0], below - LINE * number, [line], colour=colour)


def _classes(page: Page, place: tuple[float, float], top: Sequence[Mapping[str, Any]], decision: Decision) -> float:
    """Bars of the likeliest classes, the target's in blue, from an upper left corner down; the height they take."""
    unit = decision.classifier.outputs.unit
    x, y = place
    if unit is None:
        axes = page.axes(x, y - _BAR * len(top), _BARS, _BAR * len(top), bare=True)
        colours = [COLOURS[1] if guess["index"] == decision.target else GREY for guess in top]
        shares = [guess["probability"] for guess in top]
        axes.barh(range(len(top)), shares, height=0.82, color=colours, alpha=0.45)
        axes.set(xlim=(0, 1), ylim=(len(top) - 0.5, -0.5))
        axes.set_facecolor("#F4F1EE")
    for number, guess in enumerate(top):
        said = told(guess["probability"], unit)
        room = int((_BARS - 0.12) / LETTER) - len(said) - 2
        label = guess["label"] if len(guess["label"]) <= room else f"{guess['label'][: room - 1]}…"
        weight = "bold" if guess["index"] == decision.target else "normal"
        line = y - _BAR * number - 0.07
        page.write(x + 0.06, line, [label], colour="black", weight=weight)
        page.figure.text(
            (x + _BARS - 0.06) / page.width, (line - 0.78 * SMALL / 72) / page.height, said, size=SMALL,
            ha="right", va="baseline", weight=weight, parse_math=False,
        )  # fmt: skip
    return _BAR * len(top) + 0.06


def _reading(view: View, decision: Decision) -> list[tuple[str, str]]:
    """What became of the target, and how far from usual inputs the view is."""
    outputs = decision.classifier.outputs
    was, now = (told(reading, outputs.unit) for reading in (decision.probability, view.reading))
    coloured = [(f"{decision.label}: {was} → {now}\n{changed(view, outputs.unit)}", TEXT)]
    if view.picture is None:
        coloured.append(("not painted: taken away inside the network", FACT))
    if view.distance is not None:
        coloured.append((f"{view.distance:.2f} × as far from usual {decision.kind}s as the full one", FACT))
    return [(piece, colour) for line, colour in coloured for piece in wrapped(line, _BARS)]


def changed(view: View, unit: str | None) -> str:
    """The change of the target's reading: in points of a per cent, or in the value's unit.

    Example:
        >>> from unseen.trials.sheet import changed
        >>> from unseen.trials.trial import View
        >>> changed(View(reading=0.1, change=-0.85, score=-2.0, holds=False, top=()), None)
        '−85.0 points'
    """
    sign = "−" if view.change < 0 else "+"
    return (
        f"{sign}{abs(view.change) * 100:.1f} points"
        if unit is None
        else f"{sign}{abs(view.change):.4g} {unit}".rstrip()
    )
