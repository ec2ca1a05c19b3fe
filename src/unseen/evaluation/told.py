"""What a command tells of many photographs, kept beside its results, so that a report can be made of it at any time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypedDict

from unseen.errors import OutputError
from unseen.system.files import replace_file
from unseen.system.schema import MalformedError, read_json
from unseen.system.table import Table

FORMAT = "unseen tables 1"
SUFFIX = ".tables.json"


class _Table(TypedDict):
    title: str
    rows: list[list[str]]
    note: str


class _Record(TypedDict):
    format: str
    title: str
    asked: list[tuple[str, str]]
    answer: list[str]
    tables: list[_Table]
    failed: list[tuple[str, str]]
    pictures: list[str]
    versions: dict[str, str]
    command: str | None


@dataclass(frozen=True)
class Told:
    """What a command tells.

    Attributes:
        title: in a few words.
        asked: names and values.
        answer: in plain sentences.
        tables: what was measured; rows of equally many cells.
        failed: what could not be measured, and why.
        pictures: names of files beside it.
        versions: by package.
        command: what repeats it.

    Example:
        >>> from pathlib import Path
        >>> from unseen.evaluation.told import Told
        >>> from unseen.system.table import Table
        >>> told = Told("one thing measured", [], ["It is 1."], [Table("", [["what", "value"], ["it", "1"]])])
        >>> Told.load(told.save(Path("."), "thing")).answer
        ['It is 1.']
    """

    title: str
    asked: Sequence[tuple[str, str]]
    answer: Sequence[str]
    tables: Sequence[Table]
    failed: Sequence[tuple[str, str]] = ()
    pictures: Sequence[str] = ()
    versions: tuple[tuple[str, str], ...] = ()
    command: str | None = None

    def save(self, folder: Path, name: str) -> Path:
        """Write it under a name into a folder; return the file.

        Raises:
            OutputError: the folder cannot be written.
        """
        record: dict[str, Any] = {"format": FORMAT, **asdict(self), "versions": dict(self.versions)}
        path = folder / f"{name}{SUFFIX}"
        replace_file(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode(errors="backslashreplace"))
        return path

    @classmethod
    def load(cls, path: Path) -> Told:
        """Read it back.

        Raises:
            OutputError: it cannot be read, is damaged, or of another kind.
        """
        try:
            record: _Record = read_json(path, _Record)
            tables = [Table(one["title"], one["rows"], one["note"]) for one in record["tables"]]
            if record["format"] != FORMAT or any(len({*map(len, one.rows)}) != 1 for one in tables):
                raise MalformedError("of another format")
        except OSError as error:
            raise OutputError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
        except MalformedError as error:
            raise OutputError(f"{path} is damaged or of another kind ({error}); make it again") from None
        return cls(
            record["title"],
            record["asked"],
            record["answer"],
            tables,
            record["failed"],
            record["pictures"],
            tuple(record["versions"].items()),
            record["command"],
        )
