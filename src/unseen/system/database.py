"""What goes wrong with an SQLite file, told apart: a full disk, a folder that is gone, another writer, damage."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path

from unseen.errors import OutputError
from unseen.system.files import unwritable
from unseen.system.schema import MalformedError

PATIENCE = 30.0
"""Seconds to wait while another process writes."""

FAULTS = (sqlite3.Error, UnicodeError, OverflowError, MemoryError, zlib.error, MalformedError)
"""What reading or writing a database raises where the file, its disk or its content is at fault."""

_PRIMARY = 0xFF
_LITTLE = 1 << 20  # bytes; a write that fails with no more than this left failed for want of space


def opened(path: Path | None, schema: str, kind: str) -> sqlite3.Connection:
    """A database with a table, made or continued; in memory only without a path.

    Args:
        path: of the file.
        schema: the statement that makes the table where it is missing.
        kind: what the file should hold, for messages.

    Raises:
        OutputError: the file cannot be written, or is of another kind.
    """
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(":memory:" if path is None else path, timeout=PATIENCE)
        database.execute(schema)
    except OSError as error:
        raise unwritable(path or Path(), error) from None
    except FAULTS as error:
        raise fault(path or Path(), error, kind) from None
    return database


def inflated(content: bytes, size: int) -> bytes | None:
    """Compressed bytes as so many plain ones, and no more memory whatever they say; ``None`` if they are not as many.

    Raises:
        zlib.error: they are damaged.
    """
    found = zlib.decompressobj().decompress(content, size + 1)
    return found if len(found) == size else None


def fault(path: Path, error: Exception, kind: str) -> OutputError:
    """What is said of a database that cannot be used, with the remedy that fits the reason.

    Args:
        path: of the database.
        error: one of :data:`FAULTS`.
        kind: what it should hold, for the message: "evaluation of unseen".
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if not path.parent.is_dir():
        return OutputError(
            f"{path.parent} was deleted or moved while it was in use, and {path.name} with it; start again"
        )
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path.parent)):
        return OutputError(
            f"the disk of {path} is full; free some space and start the same command again: it goes on where it was"
        )
    if not path.is_file() and code != sqlite3.SQLITE_CANTOPEN:
        return OutputError(f"{path} was deleted or moved while it was in use; start again")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OutputError(f"{path} is in use by another process; wait for it, or choose another folder")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return OutputError(f"{path} cannot be written ({error}); check its permissions, or choose another folder")
    return OutputError(f"{path} is no {kind} or is damaged ({error}); move it away, or choose another folder")


def check_row(row: Sequence[object], kinds: str) -> None:
    """Refuse a row whose values have other types than its columns, which SQLite does not enforce.

    Args:
        row: as SQLite gives it.
        kinds: a letter a column: ``t`` text, ``i`` integer, ``f`` finite number, ``b`` bytes; a capital where the
            value may be missing.

    Raises:
        MalformedError: a value is of another type.

    Example:
        >>> from unseen.system.database import check_row
        >>> check_row(("cat", None, 0.5), "tIf")
    """
    for place, (value, kind) in enumerate(zip(row, kinds, strict=True)):
        if value is None and kind.isupper():
            continue
        if type(value) not in _TYPES[kind.lower()] or (isinstance(value, float) and value - value != 0):
            raise MalformedError(f"column {place + 1} holds {type(value).__name__} {str(value)[:40]!r}")


_TYPES: dict[str, tuple[type, ...]] = {"t": (str,), "i": (int,), "f": (float, int), "b": (bytes,)}


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _LITTLE
    except OSError:
        return False
