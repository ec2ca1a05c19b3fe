"""Arrays that outputs need beside their options: a mask, features of reference; of a file, or as they are given."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from unseen.classifier.outputs.base import Outputs
from unseen.errors import ParameterError, PhotoError
from unseen.inputs.reading import stored
from unseen.system.arguments import type_of
from unseen.system.options import Meaning

Given = str | object
"""The path of a file, or the numbers themselves: an array, a tensor, lists."""

Digest = Annotated[
    str | None,
    Meaning("the sha256 of those numbers, or its beginning: filled in when they are read, refused if it differs"),
]


class Numbers(NamedTuple):
    """What was given, ready to compute with and to record.

    ``values`` are float32; ``path`` is the file's, or ``None`` where the numbers themselves were given; ``digest`` is
    the beginning of the sha256 of values and shape, 12 digits.
    """

    values: Float[Tensor, ...]
    path: str | None
    digest: str


def read(name: str, given: object, digest: str | None = None) -> Numbers:
    """The numbers of a file, or of an array.

    Args:
        name: of the option, for messages.
        given: see :data:`Given`.
        digest: that they must have.

    Raises:
        ParameterError: they cannot be read, are not finite, or are not those of the digest.

    Example:
        >>> from unseen.classifier.outputs.arrays import read
        >>> read("reference", [0.0, 1.0]).values
        tensor([0., 1.])
    """
    path = str(given) if isinstance(given, str | Path) else None
    try:
        found = np.asarray(stored(path, 1, declared=True).values if path is not None else _plain(given))
        values = np.ascontiguousarray(found, dtype=np.float32)
    except PhotoError as error:
        raise ParameterError(f"{name} cannot be read: {error}") from None
    except (TypeError, ValueError, RuntimeError):
        what = path or type_of(given)
        raise ParameterError(
            f"{name} is {what}, no array of numbers; give a file that numpy.save wrote, or one"
        ) from None
    if not values.size or not np.isfinite(values).all():
        raise ParameterError(f"{name} must hold finite numbers, and at least one")
    own = sha256(f"{values.shape}".encode() + values.tobytes()).hexdigest()
    if digest is not None and not own.startswith(digest):
        raise ParameterError(
            f"{name} holds other numbers (sha256 {own[:12]}) than those that were meant (sha256 {digest[:12]}); give "
            "that file, or leave the digest out"
        )
    return Numbers(torch.from_numpy(values.copy()), path, own[:12])


def _plain(given: object) -> object:
    return given.detach().float().cpu().numpy() if isinstance(given, Tensor) else given


class FromArray(Outputs):
    """Outputs one of whose options is an array, which is read once.

    Afterwards the option is the file's path, or ``"array"``, and ``sha256`` is the array's.
    """

    sha256: Digest
    _held: Numbers

    @property
    def spelled(self) -> bool:  # type: ignore[override]
        """See :attr:`Outputs.spelled`."""
        return self._held.path is not None

    def _hold(self, option: str) -> Numbers:
        found = read(option, getattr(self, option), self.sha256)
        for name, value in (("_held", found), ("sha256", found.digest), (option, found.path or "array")):
            object.__setattr__(self, name, value)
        return found
