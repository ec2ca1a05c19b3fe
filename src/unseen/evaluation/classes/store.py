"""Maps on disk, under what they follow from: a view of classes that was interrupted goes on where it was."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unseen.evaluation.judging.packing import packed, space_of, space_text, unpacked
from unseen.system.database import FAULTS, check_row, fault, inflated, opened
from unseen.system.schema import MalformedError

FILE = "maps.sqlite"
_KIND = "store of maps"
_SCHEMA = """CREATE TABLE IF NOT EXISTS maps (
    key TEXT PRIMARY KEY, target INTEGER, label TEXT, holds INTEGER, evaluations INTEGER, space TEXT,
    saliency BLOB, part BLOB)"""


@dataclass(frozen=True, eq=False)
class StoredMap:
    """What an explanation of one photograph leaves for its class.

    Attributes:
        target: index of the explained class.
        label: its name.
        holds: whether the model decides for it on the full photograph.
        evaluations: what the explanation cost.
        saliency: float32, shape ``space``, unscaled.
        part: the first part that suffices, bool, shape ``space``; ``None`` where none was found.
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
        self._database = opened(path, _SCHEMA, _KIND)

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
        space, part = space_text(tuple(found.saliency.shape)), packed(found.part)[1]
        content = zlib.compress(found.saliency.float().contiguous().numpy().tobytes(), 1)
        about = (key, found.target, found.label, int(found.holds), found.evaluations)
        try:
            with self._database:
                self._database.execute(
                    "INSERT OR REPLACE INTO maps VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*about, space, content, part),
                )
        except FAULTS as error:
            raise fault(self.path, error, _KIND) from None

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _read(row: tuple[object, ...]) -> StoredMap:
    check_row(row, "titiitbB")
    target, label, holds, evaluations, space, content, part = row[1:]
    mask, shape = unpacked(space, part), space_of(space)  # type: ignore[arg-type]
    values = inflated(content, 4 * prod(shape))  # type: ignore[arg-type]
    if values is None:
        raise MalformedError(f"a map of another size than {space}")
    saliency = torch.from_numpy(np.frombuffer(values, np.float32).copy()).reshape(shape)
    if not bool(saliency.isfinite().all()):
        raise MalformedError("a map with values that are not finite")
    return StoredMap(target, label, bool(holds), evaluations, saliency, mask)  # type: ignore[arg-type]
