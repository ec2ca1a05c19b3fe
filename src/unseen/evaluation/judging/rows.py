"""The rows of a ledger in the order of its plan: one explanation at a time, so that memory does not grow with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from unseen.evaluation.judging.outcomes import EVALUATIONS, SECONDS, Row
from unseen.system.database import check_row
from unseen.system.schema import parse_json

_EXPLANATIONS = """
SELECT digest, method, removal, photo, reason, evaluations, seconds, target, notes FROM explanations ORDER BY
    place('photo', digest), photo, place('method', method), method, place('removal', removal), removal, rowid
"""
_MEASUREMENTS = """
SELECT confidence, metric, value, n, reason FROM measurements
WHERE digest = ? AND method = ? AND removal = ? ORDER BY rowid
"""
_NO_CONTEXT = "there is no photograph of another class to plant on; give more photographs (--backgrounds-from)"


def rows_of(database: sqlite3.Connection, order: Mapping[str, Sequence[str]]) -> Iterator[Row]:
    """Every row: by photograph, method, removal, and metric; what the order does not name follows, by name.

    Args:
        database: of the ledger.
        order: of digests of photographs, of methods, removals and metrics.

    Raises:
        MalformedError: the file is damaged.
        sqlite3.Error: so.
    """
    places = {name: {value: place for place, value in enumerate(values)} for name, values in order.items()}

    def place(name: str, value: str) -> int:
        known = places.get(name, {})
        return known.get(value, len(known))

    database.create_function("place", 2, place)
    for row in database.execute(_EXPLANATIONS):
        check_row(row, "tttttifit")
        digest, method, removal, photo, reason, evaluations, seconds, target, notes = row
        noted = "\n".join(" ".join(sentence.split()) for sentence in parse_json(notes, tuple[str, ...]))
        for name, value, more in ((EVALUATIONS, evaluations, noted), (SECONDS, seconds, "")):
            told = None if reason else float(value)
            yield Row(photo, method, removal, name, None, told, 1, reason or more, target, digest)
        found = database.execute(_MEASUREMENTS, (digest, method, removal)).fetchall()
        for some in found:
            check_row(some, "FtFit")
        for confidence, metric, value, n, why in sorted(found, key=lambda some: (place("metric", some[1]), some[1])):
            detail = why or ("" if n else _NO_CONTEXT)
            yield Row(photo, method, removal, metric, confidence, value, n, detail, target, digest)
