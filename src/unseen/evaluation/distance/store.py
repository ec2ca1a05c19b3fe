"""Feature vectors on disk, under what they follow from: what was computed once is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier import Classifier
from unseen.removal.memory import digest
from unseen.system.database import FAULTS, check_row, fault, opened
from unseen.system.schema import MalformedError

FILE = "features.sqlite"
_KIND = "store of features"
_SCHEMA = "CREATE TABLE IF NOT EXISTS features (key TEXT PRIMARY KEY, vector BLOB NOT NULL)"


class FeatureStore:
    """Vectors by their keys in one SQLite file, or in memory only; every addition is on disk when it returns.

    Args:
        path: the file, made or continued; ``None`` keeps vectors in memory.

    Raises:
        OutputError: the file cannot be written, or is of another kind.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._connection = opened(path, _SCHEMA, _KIND)

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
            self.add(new)
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
                    found[key] = _vector(row)
        except FAULTS as error:
            raise fault(self.path or Path(), error, _KIND) from None
        return found

    def lacks(self, keys: Sequence[str]) -> bool:
        """Whether the vector of any of these keys is not known.

        Raises:
            OutputError: the file cannot be read.
        """
        return len(self._known(keys)) < len(set(keys))

    def add(self, vectors: Mapping[str, Float[Tensor, " C"]]) -> None:
        """Keep vectors by their keys.

        Raises:
            OutputError: the file cannot be written.
        """
        rows = [(key, vector.float().numpy().tobytes()) for key, vector in vectors.items()]
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?)", rows)
        except FAULTS as error:
            raise fault(self.path or Path(), error, _KIND) from None


def _vector(row: tuple[object, ...]) -> Tensor:
    check_row(row, "b")
    content = row[0]
    assert isinstance(content, bytes)
    if not content or len(content) % 4:
        raise MalformedError(f"a vector of {len(content)} bytes")
    vector = torch.from_numpy(np.frombuffer(content, np.float32).copy())
    if not bool(vector.isfinite().all()):
        raise MalformedError("a vector with values that are not finite")
    return vector


def identity_of(classifier: Classifier) -> str:
    """What features follow from besides what is shown; it may read all weights, so ask once."""
    return f"{classifier.name} {classifier.fingerprint} {classifier.preprocessing}"


def key_of(identity: str, image: Float[Tensor, "C *space"], removal: str = "", mask: Tensor | None = None) -> str:
    """What a feature vector follows from: network, preprocessing, photograph, removal and mask, as one short text.

    Args:
        identity: of the classifier whose features they are, see :func:`identity_of`.
        image: the photograph.
        removal: the name of the removal, and the digest of what it reads; empty where nothing is hidden.
        mask: shape (H, W); none where nothing is hidden.
    """
    content = blake2b(digest_size=16)
    content.update(f"{identity} {removal} ".encode())
    content.update(digest(image))
    content.update(b"" if mask is None else digest(mask))
    return content.hexdigest()
