"""Maps on disk, under what they follow from: a view of classes that was interrupted goes on where it was."""

from __future__ import annotations

import sqlite3
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unseen.evaluation.judging.packing import packed, unpacked
from unseen.system.database import FAULTS, PATIENCE, check_row, fault
from unseen.system.files import unwritable
from unseen.system.schema import MalformedError

FILE = "maps.sqlite"
_KIND = "store of maps"
_SCHEMA = """CREATE TABLE IF NOT EXISTS maps (
    key TEXT PRIMARY KEY, target INTEGER, label TEXT, holds INTEGER, evaluations INTEGER, height INTEGER, width INTEGER,
    saliency BLOB, part BLOB)"""


@dataclass(frozen=True, eq=False)
class StoredMap:
    """What an explanation of one photograph leaves for its class.

    Attributes:
        target: index of the explained class.
        label: its name.
        holds: whether the model decides for it on the full photograph.
        evaluations: what the explanation cost.
        saliency: float32, shape (H, W), unscaled.
        part: the first part that suffices, bool (H, W); ``None`` where none was found.
    """

    target: int
    label: str
    holds: bool
    evaluations: int
    saliency: Tensor
    part: Tensor | None


class MapStore:
    """Maps by their keys in one SQLite file, or in memory only; every addition is on disk when it returns.

    Args:
        path: the file, made or continued; ``None`` keeps maps in memory.

    Raises:
        OutputError: the file cannot be written, or is of another kind.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path or Path()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(":memory:" if path is None else path, timeout=PATIENCE)
            self._database.execute(_SCHEMA)
        except OSError as error:
            raise unwritable(self.path, error) from None
        except FAULTS as error:
            raise fault(self.path, error, _KIND) from None

    def get(self, key: str) -> StoredMap | None:
        """The map under a key, if it is known.

        Raises:
            OutputError: the file is damaged.
        """
        try:
            row = self._database.execute("SELECT * FROM maps WHERE key = ?", (key,)).fetchone()
            return None if row is None else _read(row)
        except FAULTS as error:
            raise fault(self.path, error, _KIND) from None

    def put(self, key: str, found: StoredMap) -> None:
        """Keep a map.

        Raises:
            OutputError: the file cannot be written.
        """
        height, width, part = *found.saliency.shape, packed(found.part)[2]
        content = zlib.compress(found.saliency.float().contiguous().numpy().tobytes(), 1)
        about = (key, found.target, found.label, int(found.holds), found.evaluations)
        try:
            with self._database:
                self._database.execute(
                    "INSERT OR REPLACE INTO maps VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*about, height, width, content, part),
                )
        except FAULTS as error:
            raise fault(self.path, error, _KIND) from None

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _read(row: tuple[object, ...]) -> StoredMap:
    check_row(row, "titiiiibB")
    target, label, holds, evaluations, height, width, content, part = row[1:]
    mask = unpacked(part, height, width)  # type: ignore[arg-type]
    size = 4 * height * width  # type: ignore[operator]
    packing = zlib.decompressobj()
    values = packing.decompress(content, size + 1)  # type: ignore[arg-type]
    if len(values) != size:
        raise MalformedError(f"a map of another size than {height} × {width} pixels")
    saliency = torch.from_numpy(np.frombuffer(values, np.float32).copy()).reshape(height, width)  # type: ignore[call-overload]
    if not bool(saliency.isfinite().all()):
        raise MalformedError("a map with values that are not finite")
    return StoredMap(target, label, bool(holds), evaluations, saliency, mask)  # type: ignore[arg-type]
