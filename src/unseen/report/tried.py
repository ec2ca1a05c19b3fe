"""What hiding a chosen part says, as blocks of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NotRequired, TypedDict

from unseen.classifier.outputs.readings import percent, told
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Column, Picture, Report, Section, Table
from unseen.inputs.space import CALLED
from unseen.report.explained import made_of
from unseen.report.naming import meanings
from unseen.report.reading import record_of
from unseen.trials.sheet import changed
from unseen.trials.trial import View
from unseen.trials.trials import RECORD, SHEET


class _Guess(TypedDict):
    index: int
    label: str
    probability: float


class _View(TypedDict):
    reading: float
    change: float
    score: float
    holds: bool
    distance: float | None
    top: list[_Guess]
    picture: NotRequired[str]


class _Trial(TypedDict):
    removal: str
    hidden: _View | None
    shown: _View | None
    evaluations: int
    seconds: float
    notes: list[str]
    error: str | None


class _Target(TypedDict):
    label: str
    probability: float
    unit: NotRequired[str]


class _Part(TypedDict):
    name: str
    fraction: float


class _Record(TypedDict):
    words: list[str]
    photo: dict[str, Any]
    target: _Target
    part: _Part
    trials: list[_Trial]
    notes: list[str]
    provenance: dict[str, Any]


def report_of(folder: Path) -> Report:
    """The report of trials that were saved.

    Raises:
        OutputError: there are none, or damaged ones.
    """
    record: _Record = record_of(folder / RECORD, _Record)
    target, about = record["target"], record["provenance"]
    unit, kind = target.get("unit"), _kind(record["photo"])
    source = str(record["photo"].get("source", "an input"))
    said = told(target["probability"], unit)
    command = about.get("command")
    model = about.get("classifier")
    sheet = encoding.picture(folder / SHEET)
    return Report(
        title=f"{Path(source).name}: a part hidden, and shown alone",
        asked=[
            (kind, Path(source).name),
            ("model", str(model.get("name")) if isinstance(model, dict) else "unknown"),
            ("part", f"{record['part']['name']}, {percent(record['part']['fraction'])} of what the model sees"),
            ("followed", target["label"]),
        ],
        answer=[f"Of the full {kind} the model says: {target['label']}, {said}.", *record["words"]],
        terms=meanings([], [one["removal"] for one in record["trials"]], kind),
        sections=[
            *(
                [Section("On one sheet", pictures=[Picture(sheet, " ".join(record["words"]), wide=True)])]
                if sheet
                else []
            ),
            Section("What the model says", tables=[_table(record["trials"], unit, kind)]),
            *_pictures(folder, record["trials"], unit),
        ],
        notes=[*record["notes"], *(f"{one['removal']}: {note}" for one in record["trials"] for note in one["notes"])],
        failures=[(one["removal"], one["error"]) for one in record["trials"] if one["error"]],
        made=made_of(about),
        command=command if isinstance(command, str) else None,
    )


def _kind(photo: dict[str, Any]) -> str:
    """What a person calls the input, whose shape is (C, *space)."""
    shape = photo.get("shape")
    return CALLED.get(len(shape) - 1, "photograph") if isinstance(shape, list) else "photograph"


def _table(trials: list[_Trial], unit: str | None, kind: str) -> Table:
    columns = [
        Column("hidden by"),
        Column("what is visible"),
        Column("the model says"),
        Column("of the target", "The probability, or the value, of what is followed.", number=True),
        Column("change", f"Compared with the full {kind}.", number=True),
        Column(
            "distance",
            f"How far what the model's head receives is from usual {kind}s, as a multiple of how far the full {kind} "
            "is: above 1 the model is shown something that it may never have met.",
            number=True,
        ),
    ]
    rows = []
    for trial in trials:
        for name, view in (("all but the part", trial["hidden"]), ("the part alone", trial["shown"])):
            if view is not None:
                best = view["top"][0]
                said = f"{best['label']} {told(best['probability'], unit)}"
                far = "–" if view["distance"] is None else f"{view['distance']:.2f}"
                rows.append([trial["removal"], name, said, told(view["reading"], unit), _changed(view, unit), far])
    if all(row[-1] == "–" for row in rows):  # no reference was given
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table("Without the part, and of the part alone", columns, rows)


def _changed(view: _View, unit: str | None) -> str:
    return changed(View(view["reading"], view["change"], view["score"], view["holds"], ()), unit)


def _pictures(folder: Path, trials: list[_Trial], unit: str | None) -> list[Section]:
    """What the model got, for each removal that paints."""
    sections = []
    for trial in trials:
        found = []
        for name, view in (("without the part", trial["hidden"]), ("the part alone", trial["shown"])):
            file = view.get("picture") if view else None
            source = encoding.picture(folder / Path(file).name) if file else None
            if view and source:
                five = "; ".join(f"{guess['label']} {told(guess['probability'], unit)}" for guess in view["top"])
                found.append(Picture(source, f"{name}, hidden by {trial['removal']}", f"{name}: {five}"))
        if found:
            sections.append(Section(f"What the model gets: {trial['removal']}", pictures=found))
    return sections
