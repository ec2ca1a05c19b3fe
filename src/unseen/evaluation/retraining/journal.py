"""What is measured is written at once: a run that is killed goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from unseen.errors import OutputError
from unseen.system.files import replace_file

FORMAT = "unseen retraining 1"

R = TypeVar("R")


class Journal(Generic[R]):
    """Rows in one JSON file, replaced whole after every row; or in memory only.

    Args:
        path: the file, made or continued; ``None`` keeps rows in memory.
        identity: what two runs must have in common for their rows to belong together, ready for JSON.
        kind: the frozen dataclass of a row.

    Raises:
        OutputError: the file belongs to other settings or another program, or is damaged.
    """

    def __init__(self, path: Path | None, identity: dict[str, Any], kind: type[R]) -> None:
        self.path = path
        self.identity = {"format": FORMAT, **json.loads(json.dumps(identity))}
        self.rows: list[R] = []
        if path is None or not path.exists():
            return
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            found = record["identity"]
            self.rows = [kind(**row) for row in record["rows"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{path} is no record of retraining or is damaged ({error}); move it away") from None
        if found != self.identity:
            other = next(key for key in (*self.identity, *found) if found.get(key) != self.identity.get(key))
            raise OutputError(
                f"{path} was made with another {other} ({found.get(other)}, now {self.identity.get(other)}); "
                "choose another --out"
            )

    def add(self, rows: Iterable[R]) -> None:
        """Keep rows, on disk before it returns.

        Raises:
            OutputError: the file cannot be written; what was written before is kept.
        """
        self.rows += rows
        if self.path is not None:
            record = {"identity": self.identity, "rows": [asdict(row) for row in self.rows]}  # type: ignore[call-overload]
            replace_file(self.path, (json.dumps(record, indent=1, allow_nan=False) + "\n").encode())
