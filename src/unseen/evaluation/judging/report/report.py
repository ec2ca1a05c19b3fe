"""What an evaluation shows: tables for the terminal and for the manual, pictures, and all means as one CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from unseen.evaluation.judging.judgements import Judgements
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.plan import JUDGED_BESIDE
from unseen.evaluation.judging.report.hiding import tables_of_hiding
from unseen.evaluation.judging.report.maps import tables_of_maps
from unseen.evaluation.judging.report.tables import costs_of, notes_of, tables_of
from unseen.evaluation.judging.report.values import ROBUSTNESS, MethodValues
from unseen.inputs.space import worded
from unseen.system.files import replace_file
from unseen.system.names import distinct_names
from unseen.system.table import Table


def as_text(measurements: Measurements, width: int = 110) -> str:
    """All tables, for a terminal of so many columns."""
    return "\n\n".join(table.as_text(width) for table in tables(measurements))


def as_markdown(measurements: Measurements) -> str:
    """All tables, for a manual."""
    return "\n\n".join(table.as_markdown() for table in tables(measurements)) + "\n"


def tables(measurements: Measurements) -> Iterator[Table]:
    """Every table that the measurements allow: of parts, removals, maps, costs and notes."""
    names = {spec for values in per_method(measurements) for spec in (values.method, *values.removals)}
    said = partial(worded, axes=measurements.axes, names=names)
    for table in _tables(measurements):
        head, *rows = table.rows
        yield Table(said(table.title), [[said(cell) for cell in head], *rows], said(table.note))


def _tables(measurements: Measurements) -> Iterator[Table]:
    methods, judgements = per_method(measurements), Judgements(measurements)
    for values in methods:
        yield from tables_of(values)
    yield from tables_of_hiding(judgements)
    yield from tables_of_maps(judgements)
    yield costs_of(methods)
    if measurements.noted:
        yield notes_of(measurements)


def write(measurements: Measurements, folder: Path) -> list[Path]:
    """Write ``report.md``, ``tables.csv`` and pictures for each metric and method; return the files.

    Raises:
        OutputError: the folder cannot be written.
    """
    from unseen.evaluation.judging.report.figures import by_size, curves
    from unseen.system.pictures import png

    files = {"report.md": as_markdown(measurements).encode(), "tables.csv": as_csv(measurements).encode()}
    methods = [values for values in per_method(measurements) if values.method not in JUDGED_BESIDE]
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


def as_csv(measurements: Measurements) -> str:
    """One line per method, removal, metric and γ: mean, interval and number of photographs.

    Of a metric whose values are classes, the mean is its number for the set of photographs.
    """
    judgements = Judgements(measurements)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["method", "removal", "metric", "confidence", "mean", "low", "high", "photographs"])
    for values in per_method(measurements):
        for key in values.cells():
            mean = judgements.over_set(key) or values.mean(*key[1:])
            lines.writerow([*key, mean.value, mean.low, mean.high, mean.n])
    return text.getvalue()


def per_method(measurements: Measurements) -> list[MethodValues]:
    """What was measured, by method, in their order, the controls last."""
    methods = sorted(measurements.photographs, key=lambda method: method in JUDGED_BESIDE)
    return [MethodValues(method, measurements) for method in methods]
