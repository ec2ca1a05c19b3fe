"""What a report is made of; a template turns it into a page, and knows nothing of explanations or evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Picture:
    """A picture and what to read from it.

    Attributes:
        source: a ``data:`` address.
        alt: what is read in its place.
        caption: what stands below it.
        wide: whether it takes the whole width, as a sheet with text does.
    """

    source: str
    alt: str
    caption: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Outline:
    """A part's border.

    Attributes:
        title: what it is.
        path: in pixels of the model's input, as SVG writes it.
        words: what the model says of it.
    """

    title: str
    path: str
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Map:
    """A map over its photograph: with a slider for the map's opacity, and one that walks along its ranking.

    Attributes:
        title: what it is.
        words: what it says, in plain sentences.
        photo: the photograph as the model sees it, a ``data:`` address.
        colours: the map in colours, transparent where it says nothing, likewise.
        steps: for each pixel the step of the walk at which it is shown, likewise; grey, 0 is the
            first. Empty where nothing can be walked along, as in a volume.
        size: (height, width) of these pictures.
        key: what the colours mean.
        label: what the model is asked about.
        fractions: shares of the pixels at each step.
        shown: what the model says with these pixels alone, as people read it; empty if it was not asked.
        hidden: the same without them.
        parts: borders that can be drawn.
        heights: (shown, hidden) at each step in [0, 1], for a curve; empty without one.
        units: what the ranking is of.
    """

    title: str
    words: Sequence[str]
    photo: str
    colours: str
    steps: str
    size: tuple[int, int]
    key: str
    label: str
    fractions: Sequence[float]
    shown: Sequence[str] = ()
    hidden: Sequence[str] = ()
    parts: Sequence[Outline] = ()
    heights: Sequence[tuple[float, float]] = ()
    units: str = "pixels"

    def curve(self, which: int) -> str:
        """The points of a curve in a square of 100 × 100, as SVG writes them; 0: shown alone, 1: hidden."""
        points = zip(self.fractions, self.heights, strict=True)
        return " ".join(f"{100 * share:.2f},{100 - 100 * heights[which]:.2f}" for share, heights in points)


@dataclass(frozen=True)
class Pane:
    """The slices of a volume across one axis.

    Attributes:
        title: of the axis.
        photo: all slices on one sheet, row by row, a ``data:`` address.
        columns: slices in a row of the sheets.
        size: (height, width) of a slice on the sheets.
        shown: (height, width) at which it is shown, which has the proportions of the body.
        names: what each slice is called.
        start: which of them is shown first.
        ends: letters at the upper, lower, left and right edge of each, which say how the body lies; may be empty.
    """

    title: str
    photo: str
    columns: int
    size: tuple[int, int]
    shown: tuple[int, int]
    names: Sequence[str]
    start: int = 0
    ends: tuple[str, str, str, str] = ("", "", "", "")


@dataclass(frozen=True)
class Overlay:
    """What is laid over the slices of a volume: a map, or a part.

    Attributes:
        title: what it is.
        sheets: one for each pane, laid out as its slices are; ``data:`` addresses.
    """

    title: str
    sheets: Sequence[str]


@dataclass(frozen=True)
class Layer:
    """A map of a volume and its parts.

    Attributes:
        colours: the map, transparent where it says nothing.
        parts: each in one colour, transparent elsewhere, whose borders can be drawn.
    """

    colours: Overlay
    parts: Sequence[Overlay] = ()


@dataclass(frozen=True)
class Slices:
    """A volume that its reader scrolls through.

    Attributes:
        title: what it is.
        panes: at right angles to each other.
        layers: of which one is shown at a time.
        words: what must be known of it.
    """

    title: str
    panes: Sequence[Pane]
    layers: Sequence[Layer]
    words: Sequence[str] = ()


@dataclass(frozen=True)
class Column:
    """Of a table.

    Attributes:
        name: its head.
        meaning: what its values mean and what they cannot tell; empty where the name says all.
        number: whether its values are numbers.
    """

    name: str
    meaning: str = ""
    number: bool = False


@dataclass(frozen=True)
class Table:
    """A table that its reader can sort and filter.

    Attributes:
        title: what it shows.
        columns: their heads.
        rows: cells as text.
        note: how it is to be read.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a report under one heading.

    Attributes:
        title: the heading.
        words: plain sentences.
        maps: with sliders.
        volumes: that are scrolled through.
        pictures: side by side.
        tables: one below the other.
    """

    title: str
    words: Sequence[str] = ()
    maps: Sequence[Map] = ()
    volumes: Sequence[Slices] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Report:
    """What a folder of results holds.

    Attributes:
        title: in the window's title and on top.
        asked: what was asked: names and values.
        answer: plain sentences.
        sections: everything else.
        notes: what must be known to trust it.
        failures: what failed, and why.
        terms: names in it, and what each stands for.
        made: how it was made: names and values, versions among them.
        command: what repeats it, or ``None``.
    """

    title: str
    asked: Sequence[tuple[str, str]]
    answer: Sequence[str]
    sections: Sequence[Section] = ()
    notes: Sequence[str] = ()
    failures: Sequence[tuple[str, str]] = ()
    terms: Sequence[tuple[str, str]] = ()
    made: Sequence[tuple[str, str]] = field(default_factory=tuple)
    command: str | None = None
