"""What a comparison says, as blocks of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from unseen.classifier.outputs.readings import told
from unseen.errors import OutputError
from unseen.explanation import Explanation
from unseen.explanation.html.blocks import Column, Report, Section, Table
from unseen.explanation.html.maps import map_of
from unseen.pipeline.compare import RECORD
from unseen.report.explained import made_of
from unseen.report.reading import record_of

_INSERTION = (
    "Area under the curve of what the model says while the ranking's first pixels are shown alone, 0 to 1; more is "
    "better. It depends on the removal: compare within one."
)
_DELETION = (
    "The same while they are hidden; less is better. A model that a removal confuses loses the class whatever is "
    "hidden, which makes every map look good."
)


class _Areas(TypedDict):
    insertion: float
    deletion: float


class _Cell(TypedDict):
    method: str
    removal: str
    evaluations: int | None
    seconds: float | None
    areas: _Areas | None
    folder: str | None
    error: str | None


class _Target(TypedDict):
    label: str
    probability: float


class _Record(TypedDict):
    photo: dict[str, Any]
    classifier: str
    target: _Target
    methods: list[str]
    removals: list[str]
    cells: list[_Cell]


def report_of(folder: Path) -> Report:
    """The report of a comparison that was saved.

    Raises:
        OutputError: there is none, or a damaged one.
    """
    record: _Record = record_of(folder / RECORD, _Record)
    found: dict[tuple[str, str], Explanation] = {}
    failures = []
    for cell in record["cells"]:
        name = f"{cell['method']} × {cell['removal']}"
        if cell["error"] is not None or cell["folder"] is None:
            failures.append((name, cell["error"] or "it was not saved"))
            continue
        try:
            found[cell["method"], cell["removal"]] = Explanation.load(folder / Path(cell["folder"]).name)
        except OutputError as error:
            failures.append((name, str(error)))
    first = next(iter(found.values()), None)
    target, source = record["target"], str(record["photo"].get("source", "a photograph"))
    said = told(target["probability"], first.unit if first else None)
    return Report(
        title=f"{Path(source).name}: methods and removals compared",
        asked=[
            ("photograph", source),
            ("model", record["classifier"]),
            ("why", target["label"]),
            ("methods", ", ".join(record["methods"])),
            ("removals", ", ".join(record["removals"])),
        ],
        answer=[f"The model says: {target['label']}, {said}.", *_best(record["cells"])],
        sections=[Section("Values", tables=[_table(record["cells"])]), *_maps(record, found)],
        notes=[*dict.fromkeys(note for explanation in found.values() for note in explanation.notes)],
        failures=failures,
        made=made_of(first.provenance) if first else (),
    )


def _best(cells: list[_Cell]) -> list[str]:
    """The ranking that shows best what the model needs, under each removal."""
    said = []
    for removal in dict.fromkeys(cell["removal"] for cell in cells):
        areas = {cell["method"]: cell["areas"] for cell in cells if cell["removal"] == removal and cell["areas"]}
        if len(areas) > 1:
            best = max(areas, key=lambda method: areas[method]["insertion"] - areas[method]["deletion"])
            of = areas[best]
            said.append(
                f"Under {removal} the ranking of {best} fits the model best: insertion {of['insertion']:.3f}, deletion "
                f"{of['deletion']:.3f}. That is one photograph, and no verdict on the method."
            )
    return said


def _table(cells: list[_Cell]) -> Table:
    columns = [
        Column("method"),
        Column("hidden by"),
        Column("insertion", _INSERTION, number=True),
        Column("deletion", _DELETION, number=True),
        Column("evaluations", "How often the model was asked.", number=True),
        Column("seconds", number=True),
    ]
    rows = []
    for cell in cells:
        areas = [f"{cell['areas'][name]:.3f}" for name in ("insertion", "deletion")] if cell["areas"] else ["–", "–"]
        spent = [f"{value:,}" if value is not None else "–" for value in (cell["evaluations"], cell["seconds"])]
        rows.append([cell["method"], cell["removal"], *areas, *spent])
    return Table("Every method under every removal", columns, rows)


def _maps(record: _Record, found: dict[tuple[str, str], Explanation]) -> list[Section]:
    """A section a method: its maps under every removal, each with colours of its own scale."""
    sections = []
    for method in record["methods"]:
        maps = [
            map_of(found[method, removal], f"{method}, hidden by {removal}")
            for removal in record["removals"]
            if (method, removal) in found
        ]
        if maps:
            words = [
                "Each map has a scale of its own: two maps compare by where they are dark, not by how dark they are."
            ]
            sections.append(Section(method, words, maps))
    return sections
