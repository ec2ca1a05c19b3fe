"""What explanations of many photographs say together, as blocks of a report."""

from __future__ import annotations

from pathlib import Path

from unseen.classifier.outputs.readings import percent
from unseen.errors import OutputError
from unseen.explanation import Explanation, Part
from unseen.explanation.html.blocks import Column, Report, Section, Table
from unseen.explanation.html.maps import map_of
from unseen.explanation.storage import FILES
from unseen.inputs.space import CALLED, UNITS
from unseen.report.explained import answer_of, made_of, source_of
from unseen.report.naming import meanings

MOST = 150
"""Explanations of which a report shows the maps, so that it can be sent; the table has all."""


def folders_in(folder: Path) -> list[Path]:
    """The folders directly inside that hold an explanation, by name."""
    return sorted(path.parent for path in folder.glob(f"*/{FILES['record']}"))


def report_of(folder: Path) -> Report:
    """The report of all explanations in a folder; one that is damaged is told.

    Raises:
        OutputError: none can be read.
    """
    found: list[tuple[Path, Explanation]] = []
    failures = []
    for place in folders_in(folder):
        try:
            found.append((place, Explanation.load(place)))
        except OutputError as error:
            failures.append((place.name, str(error)))
    if not found:
        raise OutputError(
            f"{folder} holds no explanation that can be read: {failures[0][1] if failures else 'it is empty'}"
        )
    first, kinds = found[0][1], {one.saliency.ndim for _, one in found}
    kind, unit = (CALLED[first.saliency.ndim], UNITS[first.saliency.ndim]) if len(kinds) == 1 else ("input", "input")
    models = dict.fromkeys(str(one.provenance.get("classifier", {}).get("name", "unknown")) for _, one in found)
    methods = dict.fromkeys(one.method for _, one in found)
    removals = dict.fromkeys(one.removal for _, one in found)
    sections = [
        Section(place.name, answer_of(one), [map_of(one, f"{one.label}, {one.told}")]) for place, one in found[:MOST]
    ]
    left_out = [f"the maps of the first {MOST} are shown; the table has all"] if len(found) > MOST else []
    return Report(
        title=f"{len(found)} {kind}{'s' * (len(found) > 1)} explained",
        asked=[
            (f"{kind}s", str(len(found))),
            ("model", ", ".join(models)),
            ("method", ", ".join(methods)),
            ("hidden by", ", ".join(removals)),
        ],
        answer=[_summary([one for _, one in found], kind, unit)],
        terms=meanings(methods, removals, kind, parts=any(one.parts for _, one in found)),
        sections=[Section(f"Every {kind}", tables=[_table(found, kind, unit)]), *sections],
        notes=[*left_out, *dict.fromkeys(note for _, one in found for note in one.notes)],
        failures=failures,
        made=made_of(first.provenance),
    )


def _summary(found: list[Explanation], kind: str, unit: str) -> str:
    parts = [part for one in found if (part := _alone(one)) is not None]
    if not parts:
        return f"No part that suffices was found on any {kind}."
    sizes = sorted(part.fraction for part in parts)
    verified = sum(part.verified for part in parts)
    return (
        f"A part that suffices was found on {len(parts)} of {len(found)} {kind}s, verified on {verified}; half "
        f"of these parts take at most {percent(sizes[(len(sizes) - 1) // 2])} of the {unit}."
    )


def _alone(explanation: Explanation) -> Part | None:
    """The first part that was shown alone."""
    return next((part for part in explanation.parts if part.role != "necessary"), None)


def _table(found: list[tuple[Path, Explanation]], kind: str, unit: str) -> Table:
    columns = [
        Column(kind),
        Column("says"),
        Column(f"full {kind}", "The probability, or the value, of what is explained.", number=True),
        Column(f"part, % of {unit}", "Of the first part that suffices; smaller is more telling.", number=True),
        Column("part alone", "What the model says of the part alone.", number=True),
        Column("verified", "Whether the part passed again when the search was over."),
    ]
    rows = []
    for _, one in found:
        part = _alone(one)
        told = (
            [f"{100 * part.fraction:.1f}", percent(part.confidence), "yes" if part.verified else "no"]
            if part
            else ["–"] * 3
        )
        rows.append([Path(source_of(one.provenance)).name, one.label, one.told, *told])
    return Table("What was found", columns, rows)
