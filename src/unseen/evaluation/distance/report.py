"""How far photographs under every removal lie from photographs, as tables and as values."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from unseen.evaluation.distance.measuring import DISTANCES, MEASURES, Located
from unseen.evaluation.statistics import Interval
from unseen.system.table import Table

_NAMES = {
    "neighbour": "distance to the {k} of {r} reference photographs",
    "mahalanobis": "Mahalanobis distance from {r} reference photographs",
    "discriminant": "linear discriminant, whitened by {r} reference photographs",
}

_FARTHER = (
    "How often a photograph with a part hidden lies farther out than one with nothing hidden: 0.5 cannot be told, 1 "
    "always farther, 0 always nearer to the middle, which tells as much;"
)
_MEANINGS = {
    "neighbour": _FARTHER,
    "mahalanobis": _FARTHER,
    "discriminant": "How often one direction tells a photograph with a part hidden from one with nothing hidden, found "
    "on the other photographs: 0.5 cannot be told, 1 always;",
}
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def tables(found: Located) -> Iterator[Table]:
    """For each distance one table of relative distances, and for each measure one of how well it tells."""
    sure = f"{len(found.photos)} photographs, 95 % bootstrap intervals."
    for measure in MEASURES:
        name = named(found, measure)
        if measure in DISTANCES:
            yield Table(
                f"{name[0].upper()}{name[1:]}, 1 = that of a photograph",
                _cells(found, measure, "relative"),
                f"Mean over the mean of the same photographs with nothing hidden; {sure}",
            )
        yield Table(f"AUROC of the {name}", _cells(found, measure, "auroc"), f"{_MEANINGS[measure]} {sure}")


def named(found: Located, measure: str) -> str:
    """A measure in words."""
    k = found.asked.neighbour
    ordinal = "nearest" if k == 1 else f"{k}{_ENDINGS.get(k % 10 if k // 10 % 10 != 1 else 0, 'th')} nearest"
    return _NAMES[measure].format(k=ordinal, r=len(found.reference))


def as_text(found: Located, width: int = 110) -> str:
    """All tables, for a terminal of so many columns."""
    return "\n\n".join([textwrap.fill(_about(found), width), *(table.as_text(width) for table in tables(found))])


def as_markdown(found: Located) -> str:
    """All tables, for a manual."""
    failed = [f"- {why}" if what in why else f"- {what}: {why}" for what, why in found.failed]
    left_out = ["Left out:\n\n" + "\n".join(failed)] if failed else []
    return "\n\n".join([_about(found), *(table.as_markdown() for table in tables(found)), *left_out]) + "\n"


def as_csv(found: Located) -> str:
    """One line for each photograph, removal and fraction with both distances; nothing hidden has no removal."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["photograph", "removal", "visible", *DISTANCES])
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
    side = found.asked.cells
    shape = f"cells of a grid of {side} × {side}" if found.asked.form == "cells" else "windows"
    return (
        f"{found.model}: what its head receives of {len(found.photos)} photographs of which random {shape} stay "
        f"visible, beside {len(found.reference)} other photographs"
    )
