"""What a comparison says, as blocks of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NotRequired, TypedDict

from unseen.classifier.outputs.readings import told
from unseen.errors import OutputError
from unseen.explanation import Explanation
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Column, Picture, Report, Section, Table
from unseen.explanation.html.maps import map_of
from unseen.explanation.html.slices import slices_of
from unseen.explanation.plotting.flat import centre_of
from unseen.inputs.space import CALLED
from unseen.pipeline.compare import RECORD, SHEET
from unseen.report.explained import made_of
from unseen.report.naming import meanings
from unseen.report.reading import record_of

_INSERTION = (
    "Area under the curve of what the model says while the ranking's first places are shown alone, 0 to 1; more is "
    "better. It depends on the removal: compare within one."
)
_DELETION = (
    "The same while they are hidden; less is better. A model that a removal confuses loses the class whatever is "
    "hidden, which makes every map look good."
)
_OWN = "Each map has a scale of its own: two maps compare by where they are dark, not by how dark they are."
_SCROLL = "Each pane scrolls through the slices across one axis, with the map that is chosen and its parts' borders."


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
    command: NotRequired[str | None]


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
    kind = CALLED[first.saliency.ndim] if first else "photograph"
    said = told(target["probability"], first.unit if first else None)
    return Report(
        title=f"{Path(source).name}: methods and removals compared",
        asked=[
            (kind, Path(source).name),
            ("model", record["classifier"]),
            ("why", target["label"]),
            ("methods", ", ".join(record["methods"])),
            ("removals", ", ".join(record["removals"])),
        ],
        answer=[f"The model says: {target['label']}, {said}.", *_best(record["cells"], kind)],
        terms=meanings(record["methods"], record["removals"], kind, parts=any(one.parts for one in found.values())),
        sections=[*_sheet(folder), Section("Values", tables=[_table(record["cells"])]), *_maps(record, found)],
        notes=[*dict.fromkeys(note for explanation in found.values() for note in explanation.notes)],
        failures=failures,
        made=made_of(first.provenance) if first else (),
        command=record.get("command"),
    )


def _best(cells: list[_Cell], kind: str) -> list[str]:
    """The ranking that shows best what the model needs, under each removal."""
    said = []
    for removal in dict.fromkeys(cell["removal"] for cell in cells):
        areas = {cell["method"]: cell["areas"] for cell in cells if cell["removal"] == removal and cell["areas"]}
        if len(areas) > 1:
            best = max(areas, key=lambda method: areas[method]["insertion"] - areas[method]["deletion"])
            of = areas[best]
            said.append(
                f"Under {removal} the ranking of {best} fits the model best: insertion {of['insertion']:.3f}, deletion "
                f"{of['deletion']:.3f}. That is one {kind}, and no verdict on the method."
            )
    return said


def _sheet(folder: Path) -> list[Section]:
    """All maps side by side, where they were drawn."""
    sheet = encoding.picture(folder / SHEET)
    return [Section("On one sheet", pictures=[Picture(sheet, "All maps side by side", wide=True)])] if sheet else []


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
    """A section a method: its maps under every removal, each with colours of its own scale; a volume's slices first."""
    named = {f"{method}, hidden by {removal}": one for (method, removal), one in found.items()}
    first = next(iter(found.values()), None)
    volume = first is not None and first.saliency.ndim == 3
    centre = centre_of(first) if first is not None else None
    sections = [Section("Slices", [_SCROLL, _OWN], volumes=[slices_of(named)])] if volume else []
    for method in record["methods"]:
        maps = [map_of(found[key], name, centre) for name, key in zip(named, found, strict=True) if key[0] == method]
        if maps:
            sections.append(Section(method, [_OWN], maps))
    return sections
