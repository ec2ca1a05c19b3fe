"""The rows of an evaluation, indexed once: everything that tables, tests and pictures ask comes from here.

What is kept of a row is a few numbers, so that there may be many millions.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from unseen.evaluation.judging.outcomes import EVALUATIONS, Row

_Value = TypeVar("_Value", int, float)

_NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?")


class Key(NamedTuple):
    """What was measured: specs of method, removal and metric, or what an explanation cost.

    ``confidence`` is γ of the part; ``None`` for what is measured of a map or of the explanation.
    """

    method: str
    removal: str
    metric: str
    confidence: float | None = None


class Measurements:
    """Values and reasons by what was measured, and by photograph.

    Args:
        rows: of any methods, removals and metrics, in the order in which tables are to show them; each is read once.
        axes: of the inputs, which say what tables and pictures call them.

    Attributes:
        values: by key, the value of every photograph that has one, by its subject; empty where none has.
        reasons: by key, why a photograph has no value.
        targets: by key, the explained class of every photograph that has a value.
        counts: by key, of how many trials the value of every photograph is a share; 1 where it is none.
        valued: the keys of which any photograph has a value.
        photographs: by method, the numbers of the photographs that it was asked about.
        noted: by method and removal, how many explanations have notes.
        sentences: of the notes; those that differ in numbers alone once, by what they have in common.
    """

    def __init__(self, rows: Iterable[Row], axes: int = 2) -> None:
        self.axes = axes
        subjects: dict[str, int] = {}
        cells: dict[Key, _Cell] = {}
        self.reasons: dict[Key, dict[str, str]] = {}
        self.photographs: dict[str, set[int]] = {}
        self.noted: Counter[tuple[str, str]] = Counter()
        self.sentences: dict[str, str] = {}
        for row in rows:
            number = subjects.setdefault(row.subject, len(subjects))
            key = Key(row.method, row.removal, row.metric, row.confidence)
            cell = cells.setdefault(key, _Cell())
            self.photographs.setdefault(row.method, set()).add(number)
            if row.value is None:
                self.reasons.setdefault(key, {})[row.subject] = row.detail
                continue
            cell.add(number, row.value, row)
            if row.metric == EVALUATIONS and row.detail:
                self.noted[row.method, row.removal] += 1
                for sentence in row.detail.splitlines():
                    self.sentences.setdefault(_NUMBER.sub("…", sentence), sentence)
        self.valued = {key for key, cell in cells.items() if cell.subjects}
        names = [*subjects]
        self.values = _ByKey(names, cells, lambda cell: cell.values)
        self.counts = _ByKey(names, cells, lambda cell: cell.counts)
        self.targets = _ByKey(names, cells, lambda cell: cell.targets)


@dataclass(eq=False, slots=True)
class _Cell:
    """What was measured under one key, a few bytes a photograph."""

    subjects: array[int] = field(default_factory=lambda: array("i"))
    values: array[float] = field(default_factory=lambda: array("d"))
    counts: array[int] = field(default_factory=lambda: array("i"))
    targets: array[int] = field(default_factory=lambda: array("i"))

    def add(self, subject: int, value: float, row: Row) -> None:
        self.subjects.append(subject)
        self.values.append(value)
        self.counts.append(row.n)
        self.targets.append(row.target)


class _ByKey(Mapping[Key, dict[str, _Value]]):
    """One of the numbers by key and subject; what a key has is put together when it is asked for."""

    def __init__(
        self, subjects: Sequence[str], cells: Mapping[Key, _Cell], column: Callable[[_Cell], array[_Value]]
    ) -> None:
        self._subjects, self._cells = subjects, cells
        self._column: Callable[[_Cell], array[_Value]] = column

    def __getitem__(self, key: Key) -> dict[str, _Value]:
        cell = self._cells[key]
        return {self._subjects[number]: value for number, value in zip(cell.subjects, self._column(cell), strict=True)}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)
