"""The rows of an evaluation, indexed once: everything that tables, tests and pictures ask comes from here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unseen.evaluation.judging.outcomes import EVALUATIONS, Row


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
        rows: of any methods, removals and metrics, in the order in which tables are to show them.

    Attributes:
        values: by key, the value of every photograph that has one, by its subject; empty where none has.
        reasons: by key, why a photograph has no value.
        targets: by key, the explained class of every photograph that has a value.
        counts: by key, of how many trials the value of every photograph is a share; 1 where it is none.
        photographs: by method, the photographs that it was asked about.
        notes: by method and removal, the sentences that were noted of each photograph's explanation.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.values: dict[Key, dict[str, float]] = {}
        self.reasons: dict[Key, dict[str, str]] = {}
        self.targets: dict[Key, dict[str, int]] = {}
        self.counts: dict[Key, dict[str, int]] = {}
        self.photographs: dict[str, set[str]] = {}
        self.notes: dict[tuple[str, str], dict[str, list[str]]] = {}
        for row in rows:
            key = Key(row.method, row.removal, row.metric, row.confidence)
            values = self.values.setdefault(key, {})
            self.photographs.setdefault(row.method, set()).add(row.subject)
            if row.value is None:
                self.reasons.setdefault(key, {})[row.subject] = row.detail
            else:
                values[row.subject] = row.value
                if row.metric == EVALUATIONS and row.detail:
                    self.notes.setdefault((row.method, row.removal), {})[row.subject] = row.detail.splitlines()
                self.counts.setdefault(key, {})[row.subject] = row.n
                self.targets.setdefault(key, {})[row.subject] = row.target
