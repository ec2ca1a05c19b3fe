"""A ledger as one table in a Parquet file, for pandas, DuckDB, Polars and Spark; memory does not grow with the rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unseen.evaluation.judging.ledger import lying
from unseen.system.files import scratch, unwritable
from unseen.system.optional import require

BATCH = 50_000
"""Rows that are held in memory at a time."""

COLUMNS = {
    "digest": "string", "photo": "string", "path": "string", "method": "string", "removal": "string",
    "metric": "string", "confidence": "double", "value": "double", "n": "int64", "hits": "int64", "reason": "string",
    "target": "int64", "label": "string", "probability": "double", "evaluations": "int64", "seconds": "double",
    "engine": "string",
}  # fmt: skip
"""A row a measurement, with what is known of its explanation."""

_QUERY = """
SELECT m.digest, e.photo, e.path, m.method, m.removal, m.metric, m.confidence, m.value, m.n, m.hits, m.reason,
    e.target, e.label, e.probability, e.evaluations, e.seconds, e.engine
FROM measurements AS m JOIN explanations AS e USING (digest, method, removal) ORDER BY m.rowid
"""


def export(folder: Path, file: Path) -> int:
    """Write every measurement of an evaluation into a Parquet file; return how many there are.

    Args:
        folder: that ``unseen evaluate`` wrote.
        file: is written when all is there, and replaced if it exists.

    Raises:
        ModelError: pyarrow is not installed.
        OutputError: there is no evaluation, it is damaged, or the file cannot be written.
    """
    arrow, parquet = require("pyarrow", "parquet"), require("pyarrow.parquet", "parquet")
    schema = arrow.schema([(name, arrow.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    count = 0
    with lying(folder) as database:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with scratch(file.parent) as place:
                with parquet.ParquetWriter(place / file.name, schema, compression="zstd") as writer:
                    for rows in _batches(database.execute(_QUERY)):
                        columns = [list(column) for column in zip(*rows, strict=True)]
                        writer.write_batch(arrow.record_batch(columns, schema))
                        count += len(rows)
                (place / file.name).replace(file)
        except arrow.ArrowException as error:  # a value of another type than its column's
            raise sqlite3.DatabaseError(str(error)) from None
        except OSError as error:
            raise unwritable(file, error) from None
    return count


def _batches(rows: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    while some := rows.fetchmany(BATCH):
        yield some
