"""What the decisions for classes have in common, as blocks of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NotRequired, TypedDict

from unseen.classifier.outputs.readings import percent
from unseen.evaluation.classes.boxes import Box, BoxRecord
from unseen.evaluation.classes.view import RECORD
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Column, Picture, Report, Section, Table
from unseen.report.explained import made_of
from unseen.report.naming import meanings
from unseen.report.reading import record_of


class _Place(TypedDict):
    box: BoxRecord
    changed: int
    judged: int
    interval: tuple[float, float]
    who: list[str]
    elsewhere: list[int]
    others_changed: int
    others: int
    p: float
    named: bool


class _Cluster(TypedDict):
    photographs: int
    examples: list[str]
    place: _Place | None


class _Class(TypedDict):
    label: str
    photographs: int
    words: list[str]
    clusters: list[_Cluster]
    picture: NotRequired[str]


class _Record(TypedDict):
    words: list[str]
    classes: list[_Class]
    small: dict[str, int]
    failed: dict[str, str]
    notes: list[str]
    provenance: dict[str, Any]


def report_of(folder: Path) -> Report:
    """The report of a view of classes that was saved.

    Raises:
        OutputError: there is none, or a damaged one.
    """
    record: _Record = record_of(folder / RECORD, _Record)
    about, classes = record["provenance"], record["classes"]
    model = about.get("classifier")
    command, kind = about.get("command"), str(about.get("kind", "photograph"))
    left_out = [f"{label} has {count} {kind}s, which are too few" for label, count in record["small"].items()]
    return Report(
        title=f"{len(classes)} class{'es' * (len(classes) != 1)} and what their decisions have in common",
        asked=[
            ("model", str(model.get("name")) if isinstance(model, dict) else "unknown"),
            ("method", str(about.get("method", "unknown"))),
            ("hidden by", str(about.get("removal", "unknown"))),
            (f"{kind}s", str(sum(one["photographs"] for one in classes))),
        ],
        answer=record["words"],
        terms=meanings([str(about.get("method"))], [str(about.get("removal"))], kind),
        sections=[Section("Every place", tables=[_table(classes, kind)]), *(_section(folder, one) for one in classes)],
        notes=[*record["notes"], *left_out],
        failures=list(record["failed"].items()),
        made=made_of(about),
        command=command if isinstance(command, str) else None,
    )


def _section(folder: Path, one: _Class) -> Section:
    file = one.get("picture")
    source = encoding.picture(folder / Path(file).name) if file else None
    pictures = [Picture(source, " ".join(one["words"]), wide=True)] if source else []
    who = [
        f"Decided otherwise without the box of kind {number}: {_names(kind['place']['who'])}."
        for number, kind in enumerate(one["clusters"], 1)
        if kind["place"] and kind["place"]["named"]
    ]
    return Section(one["label"], [*one["words"], *who], pictures=pictures)


def _names(paths: list[str]) -> str:
    return ", ".join(Path(path).name for path in paths)


def _table(classes: list[_Class], inputs: str) -> Table:
    columns = [
        Column("class"),
        Column("kind", "Of maps that are alike, the largest first.", number=True),
        Column(f"{inputs}s", "Of this kind.", number=True),
        Column("box", "Its start and its lengths on what the model sees, which of photographs is resized and cropped."),
        Column("changed", f"Decisions that change without the box, in {inputs}s that had no say in it.", number=True),
        Column("of", f"So many {inputs}s.", number=True),
        Column("95 % interval", "Of the share, by Clopper and Pearson."),
        Column("elsewhere", "Decisions that boxes of the same size elsewhere change on average.", number=True),
        Column("other classes", "Decisions for other classes that the same box changes."),
        Column("p", "That a box elsewhere, or the same box in other classes, changes as many.", number=True),
        Column("named", "p at most 0.05."),
    ]
    rows = []
    for one in classes:
        for number, kind in enumerate(one["clusters"], 1):
            place = kind["place"]
            cells = _cells(place) if place else ["–"] * 8
            rows.append([one["label"], str(number), str(kind["photographs"]), *cells])
    note = "A box that is named says where to look, not what is there: look at the examples."
    return Table("Places at which the maps of a class point, and what hiding them changes", columns, rows, note)


def _cells(place: _Place) -> list[str]:
    box, (low, high), elsewhere = place["box"], place["interval"], place["elsewhere"]
    return [
        Box.of(box).spec,
        str(place["changed"]),
        str(place["judged"]),
        f"{percent(low)} to {percent(high)}",
        f"{sum(elsewhere) / len(elsewhere):.2f}" if elsewhere else "–",
        f"{place['others_changed']} of {place['others']}" if place["others"] else "–",
        f"{place['p']:.2g}",
        "yes" if place["named"] else "no",
    ]
