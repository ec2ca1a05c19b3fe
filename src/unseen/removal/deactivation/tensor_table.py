"""What is known of tensors, kept by identity and forgotten when a tensor is."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Generic, TypeVar

from torch import Tensor

T = TypeVar("T")


class TensorTable(Generic[T]):
    """A mapping from live tensors to values, by identity.

    Does what torch's ``WeakTensorKeyDictionary`` does for tensors that Python holds, at a fraction of the cost, which
    counts where every function that a network calls looks its arguments up.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Tensor], T]] = {}

    def __setitem__(self, tensor: Tensor, value: T) -> None:
        key, entries = id(tensor), self._entries

        def forget(reference: weakref.ref[Tensor]) -> None:
            """Uses names of its own only: when Python ends, tensors outlive the names of modules."""
            if key in entries and entries[key][0] is reference:
                del entries[key]

        entries[key] = (weakref.ref(tensor, forget), value)

    def get(self, tensor: Tensor) -> T | None:
        """The value of a tensor, ``None`` if nothing is known of it."""
        entry = self._entries.get(id(tensor))
        return entry[1] if entry is not None and entry[0]() is tensor else None

    def __iter__(self) -> Iterator[Tensor]:
        for reference, _ in list(self._entries.values()):
            tensor = reference()
            if tensor is not None:
                yield tensor
