"""How far inputs under every removal lie from inputs with nothing hidden, as tables and as values."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from unseen.evaluation.distance.measuring import DISTANCES, MEASURES, Located
from unseen.evaluation.statistics import Interval
from unseen.evaluation.told import Told
from unseen.inputs.space import CALLED, cells_of
from unseen.pipeline.provenance import versions
from unseen.system.table import Table

_NAMES = {
    "neighbour": "distance to the {k} of {r} reference {kind}s",
    "mahalanobis": "Mahalanobis distance from {r} reference {kind}s",
    "discriminant": "linear discriminant, whitened by {r} reference {kind}s",
}

_FARTHER = (
    "How often a {kind} with a part hidden lies farther out than one with nothing hidden: 0.5 cannot be told, 1 "
    "always farther, 0 always nearer to the middle, which tells as much;"
)
_MEANINGS = {
    "neighbour": _FARTHER,
    "mahalanobis": _FARTHER,
    "discriminant": "How often one direction tells a {kind} with a part hidden from one with nothing hidden, found "
    "on the other {kind}s: 0.5 cannot be told, 1 always;",
}
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def tables(found: Located) -> Iterator[Table]:
    """For each distance one table of relative distances, and for each measure one of how well it tells."""
    sure = f"{len(found.photos)} {found.kind}s, 95 % bootstrap intervals."
    for measure in MEASURES:
        name = named(found, measure)
        if measure in DISTANCES:
            yield Table(
                f"{name[0].upper()}{name[1:]}, 1 = that of a {found.kind}",
                _cells(found, measure, "relative"),
                f"Mean over the mean of the same {found.kind}s with nothing hidden; {sure}",
            )
        yield Table(
            f"AUROC of the {name}",
            _cells(found, measure, "auroc"),
            f"{_MEANINGS[measure].format(kind=found.kind)} {sure}",
        )


def named(found: Located, measure: str) -> str:
    """A measure in words."""
    k = found.asked.neighbour
    ordinal = "nearest" if k == 1 else f"{k}{_ENDINGS.get(k % 10 if k // 10 % 10 != 1 else 0, 'th')} nearest"
    return _NAMES[measure].format(k=ordinal, r=len(found.reference), kind=found.kind)


def as_text(found: Located, width: int = 110) -> str:
    """All tables, for a terminal of so many columns."""
    return "\n\n".join([textwrap.fill(_about(found), width), *(table.as_text(width) for table in tables(found))])


def as_markdown(found: Located) -> str:
    """All tables, for a manual."""
    failed = [f"- {why}" if what in why else f"- {what}: {why}" for what, why in found.failed]
    left_out = ["Left out:\n\n" + "\n".join(failed)] if failed else []
    return "\n\n".join([_about(found), *(table.as_markdown() for table in tables(found)), *left_out]) + "\n"


def told_of(found: Located, pictures: Sequence[str] = (), command: str | None = None) -> Told:
    """All tables, and what they say, as it is kept for a report."""
    asked = found.asked
    shares = ", ".join(f"{100 * fraction:g} %" for fraction in asked.fractions)
    removals = f"{len(found.masked)} removal{'s' * (len(found.masked) != 1)}"
    return Told(
        title=f"How far {removals} take{'s' * (len(found.masked) == 1)} a {found.kind} from {found.kind}s",
        asked=[
            ("model", found.model),
            (f"{found.kind}s", f"{len(found.photos)}, beside {len(found.reference)} others that say what is usual"),
            ("hidden by", ", ".join(found.masked)),
            ("visible", f"{shares}, as {'cells of a grid' if asked.form == 'cells' else 'one window'}"),
        ],
        answer=_answer(found),
        tables=[*tables(found)],
        failed=found.failed,
        pictures=pictures,
        versions=tuple(versions().items()),
        command=command,
    )


def _answer(found: Located) -> list[str]:
    """Which removal can be told least, and which most, where half of the photograph is visible."""
    share = min(found.asked.fractions, key=lambda fraction: abs(fraction - 0.5))
    told = {p.removal: p.auroc for p in found.places if p.measure == "discriminant" and p.fraction == share}
    least, most = (pick(told, key=lambda removal: abs(told[removal].value - 0.5)) for pick in (min, max))
    some = f"With {100 * share:g} % of the {found.kind} visible, a linear discriminant tells what is hidden by"
    sentences = [
        f"{some} {removal} from {found.kind}s with AUROC {_interval(told[removal])}" for removal in (least, most)
    ]
    if least == most:
        return [f"{sentences[0]}; 0.5 is not at all."]
    return [
        f"{sentences[0]}, the least of these removals; 0.5 is not at all.",
        f"{sentences[1]}, the most: there the model may be shown something that it has never met.",
    ]


def as_csv(found: Located) -> str:
    """One line for each photograph, removal and fraction with both distances; nothing hidden has no removal."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([found.kind, "removal", "visible", *DISTANCES])
    by_distance = [found.distances[distance] for distance in DISTANCES]
    for number, photo in enumerate(found.photos):
        lines.writerow([photo, "", 1, *(float(own[number]) for own, _ in by_distance)])
        for removal in found.masked:
            for place, fraction in enumerate(found.asked.fractions):
                values = [float(others[removal][number, place]) for _, others in by_distance]
                lines.writerow([photo, removal, fraction, *values])
    return text.getvalue()


def as_objects(found: Located) -> Iterator[dict[str, Any]]:
    """One object, ready for JSON, for each measure, removal and fraction."""
    about = {"model": found.model, "photographs": len(found.photos), "reference": len(found.reference)}
    asked = {name: getattr(found.asked, name) for name in ("form", "cells", "neighbour", "seed")}
    for place in found.places:
        yield {**asdict(place), **about, **asked}


def _cells(found: Located, measure: str, what: str) -> list[list[str]]:
    values = {(p.removal, p.fraction): getattr(p, what) for p in found.places if p.measure == measure}
    shares = found.asked.fractions
    head = ["hidden by", *(f"{100 * fraction:g} % visible" for fraction in shares)]
    return [head, *([removal, *(_interval(values[removal, one]) for one in shares)] for removal in found.masked)]


def _interval(value: Interval) -> str:
    return f"{value.value:.2f} [{value.low:.2f}, {value.high:.2f}]"


def _about(found: Located) -> str:
    axes = next(axes for axes, kind in CALLED.items() if kind == found.kind)
    grid = " × ".join([str(cells_of(found.asked.cells, (1,) * axes))] * axes)
    shape = f"cells of a grid of {grid}" if found.asked.form == "cells" else "windows"
    return (
        f"{found.model}: what its head receives of {len(found.photos)} {found.kind}s of which random {shape} stay "
        f"visible, beside {len(found.reference)} other {found.kind}s"
    )
