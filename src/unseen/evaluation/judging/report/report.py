"""What an evaluation shows: tables for the terminal and for the manual, pictures, and all means as one CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from unseen.evaluation.judging.judgements import Judgements
from unseen.evaluation.judging.ledger import Row
from unseen.evaluation.judging.plan import JUDGED_BESIDE
from unseen.evaluation.judging.report.hiding import tables_of_hiding
from unseen.evaluation.judging.report.maps import tables_of_maps
from unseen.evaluation.judging.report.tables import Table, costs_of, tables_of
from unseen.evaluation.judging.report.values import ROBUSTNESS, Values
from unseen.system.files import replace_file
from unseen.system.names import distinct_names


def as_text(rows: Sequence[Row], width: int = 110) -> str:
    """All tables, for a terminal of so many columns."""
    return "\n\n".join(table.as_text(width) for table in tables(rows))


def as_markdown(rows: Sequence[Row]) -> str:
    """All tables, for a manual."""
    return "\n\n".join(table.as_markdown() for table in tables(rows)) + "\n"


def tables(rows: Sequence[Row]) -> Iterator[Table]:
    """Every table that the measurements allow: of parts, of removals, of maps, and of what they cost."""
    methods = per_method(rows)
    for values in methods:
        yield from tables_of(values)
    yield from tables_of_hiding(Judgements(rows))
    yield from tables_of_maps(rows)
    yield costs_of(methods)


def write(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write ``report.md``, ``tables.csv`` and pictures for each metric and method; return the files.

    Raises:
        OutputError: the folder cannot be written.
    """
    from unseen.evaluation.judging.report.figures import by_size, curves
    from unseen.system.pictures import png

    files = {"report.md": as_markdown(rows).encode(), "tables.csv": as_csv(rows).encode()}
    methods = [values for values in per_method(rows) if values.method not in JUDGED_BESIDE]
    suffixes = distinct_names("".join(c if c.isalnum() else "-" for c in values.method) for values in methods)
    for values, name in zip(methods, suffixes, strict=True):
        suffix = f"-{name}" if len(methods) > 1 else ""
        for metric in values.drawn:
            files[f"{metric}{suffix}.png"] = png(curves(values, metric))
            if metric in ROBUSTNESS and values.has("size"):
                files[f"{metric}-by-size{suffix}.png"] = png(by_size(values, metric))
    for name, content in files.items():
        replace_file(folder / name, content)
    return [folder / name for name in files]


def as_csv(rows: Sequence[Row]) -> str:
    """One line per method, removal, metric and γ: mean, interval and number of photographs.

    Of a metric whose values are classes, the mean is its number for the set of photographs.
    """
    judgements = Judgements(rows)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["method", "removal", "metric", "confidence", "mean", "low", "high", "photographs"])
    for values in per_method(rows):
        for removal, metric, gamma in values.cells():
            over_set = judgements.over_set((values.method, removal, metric)) if gamma is None else None
            mean = over_set or values.mean(removal, metric, gamma)
            lines.writerow([values.method, removal, metric, gamma, mean.value, mean.low, mean.high, mean.n])
    return text.getvalue()


def per_method(rows: Sequence[Row]) -> list[Values]:
    """The rows by method, in their order, the controls last."""
    found = dict.fromkeys(row.method for row in rows)
    return [Values(method, rows) for method in sorted(found, key=lambda method: method in JUDGED_BESIDE)]
