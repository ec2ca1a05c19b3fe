"""What is measured is written at once: a run that is killed goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, Protocol, TypedDict, TypeVar, runtime_checkable

from unseen.errors import OutputError
from unseen.system.files import exclusive, replace_file
from unseen.system.schema import MalformedError, checked, read_json

FORMAT = "unseen retraining 1"


@runtime_checkable
class Keyed(Protocol):
    """A row that knows what it is about."""

    def key(self) -> Hashable:
        """What was measured; two rows of one key say the same."""


R = TypeVar("R", bound=Keyed)


class _Record(TypedDict):
    identity: dict[str, Any]
    rows: list[Any]


class Journal(Generic[R]):
    """Rows in one JSON file, replaced whole after every row; or in memory only.

    Several runs may write into one file at once: each reads what the others wrote before it adds its own, under a lock,
    and refuses where they have begun something else.

    Args:
        path: the file, made or continued; ``None`` keeps rows in memory.
        identity: what two runs must have in common for their rows to belong together, ready for JSON.
        kind: the frozen dataclass of a row.

    Raises:
        OutputError: the file belongs to other settings or another program, or is damaged.
    """

    def __init__(self, path: Path | None, identity: dict[str, Any], kind: type[R]) -> None:
        self.path, self._kind = path, kind
        self.identity = {"format": FORMAT, **json.loads(json.dumps(identity))}
        self.rows: list[R] = [] if path is None else self._read(path)

    def _read(self, path: Path) -> list[R]:
        try:
            record: _Record = read_json(path, _Record)
            found, rows = record["identity"], checked(record["rows"], list[self._kind], "rows")  # type: ignore[name-defined]
        except FileNotFoundError:
            return []
        except (OSError, MalformedError) as error:
            raise OutputError(f"{path} is no record of retraining or is damaged ({error}); move it away") from None
        if found != self.identity:
            other = next(key for key in (*self.identity, *found) if found.get(key) != self.identity.get(key))
            raise OutputError(
                f"{path} was made with another {other} ({found.get(other)}, now {self.identity.get(other)}); "
                "choose another --out"
            )
        return [*{row.key(): row for row in rows}.values()]

    def add(self, rows: Iterable[R]) -> None:
        """Keep rows, on disk before it returns.

        Raises:
            OutputError: the file cannot be written; what was written before is kept.
        """
        if self.path is None:
            self.rows += rows
            return
        with exclusive(self.path.parent, "another run"):
            known = {row.key(): row for row in (*self._read(self.path), *rows)}
            self.rows = [*known.values()]
            record = {"identity": self.identity, "rows": [asdict(row) for row in self.rows]}  # type: ignore[call-overload]
            replace_file(self.path, (json.dumps(record, indent=1, allow_nan=False) + "\n").encode())
