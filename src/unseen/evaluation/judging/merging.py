"""Ledgers of several runs as one: of parts of the photographs, of other methods, from other machines.

The database does the work, so that memory does not grow with the rows.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseen.errors import OutputError, ParameterError
from unseen.evaluation.judging.identity import difference, merged
from unseen.evaluation.judging.ledger import FILE, IN_WORDS, KIND, PICTURES, SCHEMA, TABLES, about, lying, note
from unseen.system.database import FAULTS, PATIENCE, fault
from unseen.system.files import unwritable


@dataclass(frozen=True)
class Merged:
    """What came together.

    Attributes:
        explanations: that the ledger now holds.
        taken: by folder, how many came from it; what an earlier one had, also as another class, or failed here and is
            known there, did not.
        otherwise: by folder, how many were left because an earlier one explains the photograph as another class.
    """

    explanations: int
    taken: Mapping[Path, int]
    otherwise: Mapping[Path, int]


def merge(folders: Sequence[Path], into: Path) -> Merged:
    """Put the results of several folders into one, which is made or added to.

    Of a photograph × method × removal that several have, the first that did not fail is kept; of a photograph that they
    explain as different classes, what the first has. Results that depend on different things (model, thresholds, seed,
    contexts, …) do not belong together, and nothing is merged.

    Args:
        folders: that ``unseen evaluate`` wrote; at least one.
        into: another folder.

    Raises:
        ParameterError: no folder, or one of them is that of the result.
        OutputError: a folder holds no results, or results that do not belong with the others; the database cannot be
            read or written.

    Example:
        >>> from pathlib import Path
        >>> from unseen.evaluation.judging.merging import merge
        >>> merge([Path("nowhere")], Path("all"))
        Traceback (most recent call last):
        unseen.errors.OutputError: nowhere holds no results.sqlite; name the folder that unseen evaluate wrote (--out)
    """
    if not folders:
        raise ParameterError("no results to merge; name the folders that unseen evaluate wrote")
    if into.absolute() in [folder.absolute() for folder in folders]:
        raise ParameterError(f"{into} is one of the folders that are merged; choose another --out")
    target = into / FILE
    known = [(folder, _identity(folder)) for folder in folders]
    if target.is_file():
        known.insert(0, (into, _identity(into)))
    together = _checked(known)
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(into, error) from None
    try:
        with closing(sqlite3.connect(target, timeout=PATIENCE)) as database:
            if not database.execute("SELECT name FROM sqlite_master").fetchall():
                database.executescript(SCHEMA)
            database.executescript(PICTURES)
            added = {folder: _add(database, folder / FILE) for folder in folders}
            with database:
                note(database, identity=together)
            (count,) = database.execute("SELECT count(*) FROM explanations").fetchone()
            taken, otherwise = ({folder: numbers[i] for folder, numbers in added.items()} for i in (0, 1))
            return Merged(int(count), taken, otherwise)
    except FAULTS as error:
        raise fault(target, error, KIND) from None


def _identity(folder: Path) -> dict[str, Any]:
    with lying(folder) as database:
        found: dict[str, Any] = about(database, "identity", dict[str, Any])
        return found


def _checked(known: Sequence[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    """The identity of all results, if they belong together."""
    (first, together), *others = known
    for folder, identity in others:
        other = difference(together, identity)
        if other is not None:
            what, before, now = other
            raise OutputError(
                f"{folder} and {first} do not belong together: {IN_WORDS.get(what, f'another {what}')} "
                f"({str(now)[:60]} and {str(before)[:60]}); merge them into different folders"
            )
        together = merged(together, identity)
    return together


_OTHER_CLASS = (
    "EXISTS (SELECT 1 FROM main.explanations AS old WHERE old.digest = new.digest AND old.target != new.target AND "
    "old.reason = '' AND new.reason = '')"
)
"""An earlier run explains the photograph of a new row as another class."""


def _add(database: sqlite3.Connection, source: Path) -> tuple[int, int]:
    """Take over what is not known yet, or failed; how many that were, and how many are of other classes."""
    database.execute("ATTACH ? AS other", (str(source),))
    try:
        with database:
            database.execute("BEGIN IMMEDIATE")
            (otherwise,) = database.execute(
                f"SELECT count(*) FROM other.explanations AS new WHERE {_OTHER_CLASS}"
            ).fetchone()
            database.execute(
                "CREATE TEMP TABLE taken AS SELECT digest, method, removal FROM other.explanations AS new WHERE NOT "
                "EXISTS (SELECT 1 FROM main.explanations AS old WHERE old.digest = new.digest AND old.method = "
                "new.method AND old.removal = new.removal AND (old.reason = '' OR new.reason != '')) AND NOT "
                f"{_OTHER_CLASS}"
            )
            drawn = database.execute("SELECT 1 FROM other.sqlite_master WHERE name = 'maps'").fetchone()
            for table in (*TABLES, *(("maps",) if drawn else ())):
                same = " AND ".join(f"taken.{name} = {table}.{name}" for name in ("digest", "method", "removal"))
                which = f"EXISTS (SELECT 1 FROM taken WHERE {same})"
                database.execute(f"DELETE FROM main.{table} WHERE {which}")
                database.execute(f"INSERT INTO main.{table} SELECT * FROM other.{table} AS {table} WHERE {which}")
            if drawn:
                database.execute("INSERT OR IGNORE INTO main.photographs SELECT * FROM other.photographs")
            (count,) = database.execute("SELECT count(*) FROM taken").fetchone()
            database.execute("DROP TABLE taken")
            _note_order(database)
        return int(count), int(otherwise)
    finally:
        database.execute("DETACH other")


def _note_order(database: sqlite3.Connection) -> None:
    """Rows come in the order of the first plan, then of the next."""
    rows = database.execute("SELECT value FROM main.about WHERE key = 'order'").fetchall()
    rows += database.execute("SELECT value FROM other.about WHERE key = 'order'").fetchall()
    together: dict[str, dict[str, None]] = {}
    for (text,) in rows:
        for name, values in json.loads(text).items():
            together.setdefault(name, {}).update(dict.fromkeys(values))
    note(database, order={name: list(values) for name, values in together.items()})
    plan = database.execute("SELECT value FROM other.about WHERE key = 'plan'").fetchone()
    if plan is not None:
        database.execute("INSERT OR IGNORE INTO main.about VALUES ('plan', ?)", plan)
