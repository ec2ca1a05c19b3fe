"""Every photograph × method × removal of an evaluation with its pictures and values, some at a time.

The database selects, sorts and counts, so that a page of a large evaluation costs what a page of a small one does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from torch import Tensor

from unseen.evaluation.judging.judgements import sign_of
from unseen.evaluation.judging.ledger import lying
from unseen.evaluation.judging.packing import unpacked
from unseen.evaluation.judging.thumbnail import Thumbnail
from unseen.system.database import check_row


@dataclass(frozen=True)
class Offered:
    """What can be selected in an evaluation.

    Attributes:
        methods: specs, the controls among them.
        removals: specs.
        measures: metrics, each with the γ of the part that it judges, or ``None``.
        gammas: of parts, ascending.
    """

    methods: tuple[str, ...]
    removals: tuple[str, ...]
    measures: tuple[tuple[str, float | None], ...]
    gammas: tuple[float, ...]


@dataclass(frozen=True)
class Selection:
    """Which photographs × methods × removals are shown, and in which order.

    Attributes:
        photograph: what the photograph's name, or its class, contains; empty for all.
        methods: specs; empty for all.
        removals: specs; empty for all.
        measure: the metric and γ by whose value they are sorted; by default by name.
        worst: whether the worst comes first; without it the best. Of a metric that does not rank, the least and the
            largest.
    """

    photograph: str = ""
    methods: tuple[str, ...] = ()
    removals: tuple[str, ...] = ()
    measure: tuple[str, float | None] | None = None
    worst: bool = False


@dataclass(frozen=True, eq=False)
class Judged:
    """One photograph × method × removal.

    Attributes:
        photo: the file's name.
        label: of the class that is explained.
        method: spec.
        removal: spec.
        reason: why nothing came of it, else empty.
        thumbnail: photograph and map; ``None`` where they were not kept.
        parts: by γ, masks of bool, shape (H, W).
        values: (metric, γ or ``None``, value or ``None``).
    """

    photo: str
    label: str
    method: str
    removal: str
    reason: str
    thumbnail: Thumbnail | None
    parts: dict[float, Tensor]
    values: tuple[tuple[str, float | None, float | None], ...]


def offered(folder: str | PathLike[str]) -> Offered:
    """What can be selected in the evaluation in a folder.

    Raises:
        OutputError: there is none, or it is damaged.
    """
    with lying(folder) as database:

        def named(what: str) -> tuple[str, ...]:
            return tuple(
                name for (name,) in database.execute(f"SELECT {what} FROM explanations GROUP BY 1 ORDER BY min(rowid)")
            )

        measures = database.execute(
            "SELECT metric, confidence FROM measurements GROUP BY 1, 2 ORDER BY min(rowid)"
        ).fetchall()
        for measure in measures:
            check_row(measure, "tF")
        gammas = {gamma for _, gamma in measures if gamma is not None}
        return Offered(named("method"), named("removal"), tuple(measures), tuple(sorted(gammas)))


def counted(folder: str | PathLike[str], selection: Selection) -> int:
    """How many there are.

    Raises:
        OutputError: there is no evaluation, or it is damaged.
    """
    where, values = _where(selection)
    with lying(folder) as database:
        (count,) = database.execute(f"SELECT count(*) FROM explanations AS e WHERE {where}", values).fetchone()
        return int(count)


def judged(folder: str | PathLike[str], selection: Selection, start: int, count: int) -> list[Judged]:
    """Those from one place on, so many at most.

    Raises:
        OutputError: there is no evaluation, or it is damaged.
    """
    where, values = _where(selection)
    joined, order = "", "e.photo, e.digest, e.rowid"
    of_order: tuple[str | float | None, ...] = ()
    if selection.measure is not None:
        metric, gamma = selection.measure
        joined = (
            "LEFT JOIN measurements AS m ON m.digest = e.digest AND m.method = e.method AND m.removal = e.removal "
            "AND m.metric = ? AND m.confidence IS ?"
        )
        of_order = metric, gamma
        down = "DESC" if (sign_of(metric) > 0) != selection.worst else "ASC"
        order = f"m.value IS NULL, m.value {down}, {order}"
    query = (
        "SELECT e.digest, e.method, e.removal, e.photo, e.label, e.reason FROM explanations AS e "
        f"{joined} WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
    )
    with lying(folder) as database:
        rows = database.execute(query, (*of_order, *values, count, start)).fetchall()
        drawn = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'maps'").fetchone() is not None
        return [_judged(database, row, drawn) for row in rows]


def _where(selection: Selection) -> tuple[str, tuple[str, ...]]:
    """The rows of ``explanations AS e`` that are selected, as SQL, and what stands for its question marks."""
    named = selection.photograph.strip().lower()
    conditions, values = ["1"], list[str]()
    if named:
        conditions.append("(instr(lower(e.photo), ?) OR instr(lower(e.label), ?))")
        values += [named, named]
    for column, specs in (("method", selection.methods), ("removal", selection.removals)):
        if specs:
            conditions.append(f"e.{column} IN ({', '.join('?' * len(specs))})")
            values += specs
    return " AND ".join(conditions), tuple(values)


def _judged(database: sqlite3.Connection, row: Sequence[object], drawn: bool) -> Judged:
    check_row(row, "tttttt")
    digest, method, removal, photo, label, reason = row
    unit = (digest, method, removal)
    at = "digest = ? AND method = ? AND removal = ?"
    parts = {}
    for part in database.execute(f"SELECT confidence, space, mask FROM parts WHERE {at}", unit).fetchall():
        check_row(part, "fTB")
        gamma, space, bits = part
        mask = unpacked(space, bits)
        if mask is not None:
            parts[float(gamma)] = mask
    values = database.execute(f"SELECT metric, confidence, value FROM measurements WHERE {at} ORDER BY rowid", unit)
    measured = values.fetchall()
    for value in measured:
        check_row(value, "tFF")
    thumbnail = _thumbnail(database, unit) if drawn else None
    return Judged(photo, label, method, removal, reason, thumbnail, parts, tuple(measured))  # type: ignore[arg-type]


def _thumbnail(database: sqlite3.Connection, unit: tuple[object, ...]) -> Thumbnail | None:
    found = database.execute(
        "SELECT photo, height, width, levels FROM maps JOIN photographs USING (digest) "
        "WHERE digest = ? AND method = ? AND removal = ?",
        unit,
    ).fetchone()
    if found is None:
        return None
    check_row(found, "biib")
    photo, height, width, levels = found
    return Thumbnail(photo, (height, width), levels)
