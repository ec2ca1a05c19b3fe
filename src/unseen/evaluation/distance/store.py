"""Feature vectors on disk, under what they follow from: what was computed once is not computed again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.errors import OutputError
from unseen.removal.batched import digest

FILE = "features.sqlite"
PATIENCE = 30.0
"""Seconds to wait while another run writes."""


class FeatureStore:
    """Vectors by their keys in one SQLite file, or in memory only; every addition is on disk when it returns.

    Args:
        path: the file, made or continued; ``None`` keeps vectors in memory.

    Raises:
        OutputError: the file cannot be written, or is of another kind.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(":memory:" if path is None else path, timeout=PATIENCE)
            self._connection.execute("CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, vector BLOB NOT NULL)")
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"cannot write {path} ({error}); if another run writes it, wait; else move it away, or choose another"
            ) from None

    def get(
        self, keys: Sequence[str], compute: Callable[[Sequence[int]], Float[Tensor, "n C"]]
    ) -> Float[Tensor, "N C"]:
        """The vectors of these keys, in order.

        Args:
            keys: see :func:`key_of`; at least one.
            compute: the vectors of those keys, by their place, that are not known yet.

        Raises:
            OutputError: the file cannot be read or written.
        """
        known = self._known(keys)
        places = [place for place, key in enumerate(keys) if key not in known]
        if places:
            new = dict(zip((keys[place] for place in places), compute(places), strict=True))
            self._add(new)
            known.update(new)
        return torch.stack([known[key] for key in keys])

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _known(self, keys: Sequence[str]) -> dict[str, Tensor]:
        found = {}
        try:
            for key in keys:
                row = self._connection.execute("SELECT vector FROM features WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    found[key] = torch.from_numpy(np.frombuffer(row[0], np.float32).copy())
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise OutputError(f"{self.path} cannot be read ({error}); move it away") from None
        return found

    def _add(self, vectors: Mapping[str, Tensor]) -> None:
        rows = [(key, vector.float().numpy().tobytes()) for key, vector in vectors.items()]
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise OutputError(f"cannot write {self.path} ({error}); what was computed before is kept") from None


def key_of(classifier: Classifier, image: Float[Tensor, "3 H W"], removal: str = "", mask: Tensor | None = None) -> str:
    """What a feature vector follows from: network, preprocessing, photograph, removal and mask, as one short text.

    What a folder or a file holds that the removal names is not looked into.

    Args:
        classifier: whose features they are.
        image: the photograph.
        removal: the name of the removal; empty where nothing is hidden.
        mask: shape (H, W); none where nothing is hidden.
    """
    content = blake2b(digest_size=16)
    content.update(f"{classifier.fingerprint} {classifier.preprocessing} {removal} ".encode())
    content.update(digest(image))
    content.update(b"" if mask is None else digest(mask))
    return content.hexdigest()
