"""What an evaluation says, as blocks of a report."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from unseen.evaluation.judging.judgements import Judgements, sign_of
from unseen.evaluation.judging.ledger import read
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.outcomes import EVALUATIONS, SECONDS, Row
from unseen.evaluation.judging.plan import MetricSpec
from unseen.evaluation.judging.report import report as measured
from unseen.evaluation.judging.report import tables
from unseen.explanation.html import encoding
from unseen.explanation.html.blocks import Column, Picture, Report, Section, Table
from unseen.metrics import METRICS, MetricEntry
from unseen.pipeline.provenance import versions
from unseen.system.table import Table as Measured

_NUMBER = re.compile(r"[-+−]?\d")

_PICTURES = 24
"""Pictures that are shown at most; all lie in the folder."""


def report_of(folder: Path) -> Report:
    """The report of an evaluation that was saved.

    Raises:
        OutputError: there is none, or a damaged one.
    """
    rows = read(folder)
    measurements = Measurements(rows)
    methods = [*measurements.photographs]
    removals = [*dict.fromkeys(row.removal for row in rows)]
    photographs = {row.subject: row.photo for row in rows}
    failures = {(row.photo, f"{row.method} × {row.removal}"): row.detail for row in rows if _failed(row)}
    return Report(
        title=f"{_counted(photographs, 'photograph')}, {_counted(methods, 'method')}, "
        f"{_counted(removals, 'removal')} evaluated",
        asked=[
            ("photographs", str(len(photographs))),
            ("methods", ", ".join(map(tables.labelled, methods))),
            ("hidden by", ", ".join(removals)),
            ("metrics", ", ".join(_metrics(rows))),
        ],
        answer=_answer(measurements),
        sections=[
            Section("Over all photographs", tables=[_table(one) for one in measured.tables(measurements)]),
            Section("Every photograph", tables=[_values(rows)]),
            *_figures(folder),
        ],
        failures=[(f"{photo}, {where}", reason) for (photo, where), reason in failures.items()],
        made=[(f"{name} (now)", version) for name, version in versions().items()],
    )


def _counted(things: Collection[str], what: str) -> str:
    return f"{len(things)} {what}{'s' * (len(things) != 1)}"


def _failed(row: Row) -> bool:
    return row.metric == SECONDS and row.value is None


def _metrics(rows: Sequence[Row]) -> list[str]:
    return [*dict.fromkeys(row.metric for row in rows if row.metric not in (EVALUATIONS, SECONDS))]


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
    better = f"{entry.better} is better" if entry.better else "not for ranking"
    return f"{entry.summary[0].upper()}{entry.summary[1:]}; {better}. Weakness: {entry.weakness}."


def _table(table: Measured) -> Table:
    head, *rows = table.rows
    numbers = [any(_NUMBER.match(row[place]) for row in rows) for place in range(len(head))]
    columns = [Column(name or "value", number=number) for name, number in zip(head, numbers, strict=True)]
    entry = _entry(table.title.partition(" (")[0])
    weakness = f"Weakness: {entry.weakness}." if entry else ""
    note = " ".join(filter(None, [table.note.replace("**", ""), weakness]))
    return Table(table.title, columns, rows, note)


def _values(rows: Sequence[Row]) -> Table:
    """A row for each photograph, method and removal, a column for each metric; of parts for each γ."""
    names = [*_metrics(rows), EVALUATIONS, SECONDS]
    keys = [*dict.fromkeys((name, row.confidence) for name in names for row in rows if row.metric == name)]
    columns = [Column("photograph"), Column("method"), Column("hidden by")]
    for metric, gamma in keys:
        at = f", γ = {gamma:g}" if gamma is not None else ""
        columns.append(Column(f"{metric}{at}", _meaning(metric), number=True))
    found: dict[tuple[str, str, str, str], dict[tuple[str, float | None], str]] = {}
    for row in rows:
        cells = found.setdefault((row.subject, row.photo, row.method, row.removal), {})
        cells[row.metric, row.confidence] = "–" if row.value is None else f"{row.value:.4g}"
    lines = [
        [photo, tables.labelled(method), removal, *(cells.get(key, "–") for key in keys)]
        for (_, photo, method, removal), cells in found.items()
    ]
    return Table("Every value", columns, lines, "Filter by a photograph, a method or a removal; – is no value.")


def _figures(folder: Path) -> list[Section]:
    """The pictures that the evaluation drew."""
    found = [(path, encoding.picture(path)) for path in sorted(folder.glob("*.png"))[:_PICTURES]]
    pictures = [
        Picture(source, path.stem.replace("-", " "), path.stem.replace("-", " "), wide=True)
        for path, source in found
        if source
    ]
    return [Section("Pictures", pictures=pictures)] if pictures else []
