"""What an evaluation says, as blocks of a report."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from unseen.evaluation.judging.gallery import Judged, Selection, judged
from unseen.evaluation.judging.judgements import Judgements, sign_of
from unseen.evaluation.judging.ledger import axes_of, stream
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.outcomes import EVALUATIONS, SECONDS, Row
from unseen.evaluation.judging.plan import MetricSpec
from unseen.evaluation.judging.plan_file import FILE as PLAN
from unseen.evaluation.judging.report import report as measured
from unseen.evaluation.judging.report import tables
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Column, Picture, Report, Section, Table
from unseen.inputs.space import CALLED, worded
from unseen.metrics import METRICS, MetricEntry
from unseen.pipeline.provenance import versions
from unseen.report.gallery import alternative, pictured, values_of
from unseen.report.naming import meanings
from unseen.system.table import Table as Measured

_NUMBER = re.compile(r"[-+−]?\d")

_PICTURES = 24
"""Pictures that are shown at most; all lie in the folder."""

_JUDGED = 300
"""Maps that are shown at most: some 15 kB each."""

_ROWS = 5_000
"""Photographs × methods × removals whose values are shown at most, so that the page stays one that opens."""


def report_of(folder: Path, *, maps: bool = True) -> Report:
    """The report of an evaluation that was saved.

    Args:
        folder: where it lies.
        maps: whether every map is shown, as far as there is room.

    Raises:
        OutputError: there is none, or a damaged one.
    """
    every, axes = _Every(), axes_of(folder)
    measurements = Measurements(every.watched(stream(folder)), axes)
    kind = CALLED[axes]
    methods = [*measurements.photographs]
    return Report(
        title=f"{_counted(every.photographs, kind)}, {_counted(methods, 'method')}, "
        f"{_counted(every.removals, 'removal')} evaluated",
        asked=[
            (f"{kind}s", f"{len(every.photographs):,}"),
            ("methods", ", ".join(map(tables.labelled, methods))),
            ("hidden by", ", ".join(every.removals)),
            ("metrics", ", ".join(every.metrics)),
        ],
        answer=_answer(measurements),
        terms=meanings(methods, every.removals, kind, parts=any(gamma is not None for _, gamma in every.keys)),
        sections=[
            Section(f"Over all {kind}s", tables=[table_of(one) for one in measured.tables(measurements)]),
            Section(f"Every {kind}", tables=[every.table(axes)]),
            *_figures(folder),
            *(_pictures(folder, every) if maps else []),
        ],
        failures=[(f"{photo}, {where}", reason) for (photo, where), reason in every.failures.items()],
        command=f"unseen evaluate --plan {PLAN}" if (folder / PLAN).is_file() else None,
        made=[(f"{name} (now)", version) for name, version in versions().items()],
    )


@dataclass(eq=False)
class _Every:
    """What a report tells of single photographs, gathered while the rows go by."""

    photographs: set[str] = field(default_factory=set)
    removals: dict[str, None] = field(default_factory=dict)
    keys: dict[tuple[str, float | None], None] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    lines: dict[tuple[str, str, str], _Line] = field(default_factory=dict)
    explanations: int = 0
    last: tuple[str, str, str] | None = None

    def watched(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows; those of an explanation follow one another."""
        for row in rows:
            self._see(row)
            yield row

    @property
    def metrics(self) -> list[str]:
        """What was measured of maps and parts."""
        return [*dict.fromkeys(metric for metric, _ in self.keys if metric not in (EVALUATIONS, SECONDS))]

    def table(self, axes: int) -> Table:
        """A row for each photograph, method and removal, a column for each metric; of parts for each γ."""
        names = [*self.metrics, EVALUATIONS, SECONDS]
        keys = sorted(self.keys, key=lambda key: names.index(key[0]))
        columns = [Column(CALLED[axes]), Column("method"), Column("hidden by")]
        for metric, gamma in keys:
            at = f", γ = {gamma:g}" if gamma is not None else ""
            columns.append(Column(f"{metric}{at}", worded(_meaning(metric), axes), number=True))
        lines = [
            [line.photo, tables.labelled(method), removal, *(line.cells.get(key, "–") for key in keys)]
            for (_, method, removal), line in self.lines.items()
        ]
        note = f"Filter by a {CALLED[axes]}, a method or a removal; – is no value."
        if self.explanations > len(lines):
            note += f" The first {len(lines):,} of {self.explanations:,} are shown; unseen export writes all."
        return Table("Every value", columns, lines, note)

    def _see(self, row: Row) -> None:
        unit = row.subject, row.method, row.removal
        self.photographs.add(row.subject)
        self.removals[row.removal] = None
        self.keys[row.metric, row.confidence] = None
        self.explanations += unit != self.last
        self.last = unit
        if row.metric == SECONDS and row.value is None and len(self.failures) < _ROWS:
            self.failures[row.photo, f"{row.method} × {row.removal}"] = row.detail
        if unit in self.lines or len(self.lines) < _ROWS:
            cells = self.lines.setdefault(unit, _Line(row.photo)).cells
            cells[row.metric, row.confidence] = "–" if row.value is None else f"{row.value:.4g}"


@dataclass(eq=False)
class _Line:
    photo: str
    cells: dict[tuple[str, float | None], str] = field(default_factory=dict)


def _counted(things: Collection[str], what: str) -> str:
    return f"{len(things)} {what}{'s' * (len(things) != 1)}"


def _answer(measurements: Measurements) -> list[str]:
    """The best method by each metric that ranks them, in a sentence each."""
    judgements = Judgements(measurements)
    said = []
    for metric in judgements.metrics:
        sign = sign_of(metric)
        if not sign or len(judgements.explained) < 2:
            continue
        for removal in judgements.removals:
            means = {
                method: sum(found.values()) / len(found)
                for method in judgements.explained
                if (found := judgements.of(method, removal, metric))
            }
            if len(means) > 1:
                best = max(means, key=lambda method: sign * means[method])
                said.append(f"By {metric} under {removal} {best} is best on average ({means[best]:.3f}).")
    few = "A mean says who leads, not by how much it can be trusted: the intervals are in the tables."
    return [*said, few] if said else ["What was measured is in the tables below."]


def _entry(metric: str) -> MetricEntry | None:
    name = MetricSpec(metric).name
    found = METRICS.entries.get(name)
    return found if isinstance(found, MetricEntry) else None


def _meaning(metric: str) -> str:
    """What a metric means, which values are better, and what it gets wrong."""
    entry = _entry(metric)
    if entry is None:
        return ""
    return f"{entry.summary[0].upper()}{entry.summary[1:]}; {entry.direction}. Weakness: {entry.weakness}."


def table_of(table: Measured) -> Table:
    """A table of text, of which columns of numbers sort as numbers, and metrics tell their weakness."""
    head, *rows = table.rows
    numbers = [any(_NUMBER.match(row[place]) for row in rows) for place in range(len(head))]
    columns = [Column(name or "value", number=number) for name, number in zip(head, numbers, strict=True)]
    entry = _entry(table.title.partition(" (")[0])
    weakness = f"Weakness: {entry.weakness}." if entry else ""
    note = " ".join(filter(None, [table.note.replace("**", ""), weakness]))
    return Table(table.title, columns, rows, note)


def _pictures(folder: Path, every: _Every) -> list[Section]:
    """The map over each photograph, with what was measured of it, where maps were kept."""
    gamma = max((gamma for _, gamma in every.keys if gamma is not None), default=None)
    drawn = [
        Picture(source, alternative(one), f"{alternative(one)}. {_measured(one, gamma)}")
        for one in judged(folder, Selection(), 0, _JUDGED)
        if (source := pictured(one, gamma))
    ]
    if not drawn:
        return []
    border = "" if gamma is None else f" The border is that of the part for γ = {gamma:g}."
    words = ["The darker a place, the more it counts; each map has a scale of its own." + border]
    if every.explanations > _JUDGED:
        words.append(f"The first {_JUDGED} of {every.explanations:,} are shown; unseen app --results shows all.")
    return [Section("Every map", words, pictures=drawn)]


def _measured(one: Judged, gamma: float | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in values_of(one, gamma))


def _figures(folder: Path) -> list[Section]:
    """The pictures that the evaluation drew."""
    found = [(path, encoding.picture(path)) for path in sorted(folder.glob("*.png"))[:_PICTURES]]
    pictures = [
        Picture(source, path.stem.replace("-", " "), path.stem.replace("-", " "), wide=True)
        for path, source in found
        if source
    ]
    return [Section("Pictures", pictures=pictures)] if pictures else []
