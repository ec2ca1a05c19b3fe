"""Results on disk: one SQLite file, written one photograph × method × removal at a time.

Every write is one transaction, so a run that is killed loses what was in progress and nothing else, and goes on where
it was. The tables are plain: ``explanations`` (one a photograph, method and removal), ``parts`` (one for each γ, its
mask packed and compressed) and ``measurements`` (one for each metric, of a part one for each γ; a share of contexts
with its hits).
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from unseen.errors import OutputError
from unseen.evaluation.judging.plan import Plan

FILE = "results.sqlite"
FORMAT = "unseen evaluation 2"

EVALUATIONS = "evaluations"
SECONDS = "seconds"
"""The row that every photograph × method × removal has; without value it tells why nothing came of it."""

_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE explanations (
    photo TEXT, method TEXT, removal TEXT, reason TEXT, target INTEGER, label TEXT, probability REAL,
    evaluations INTEGER, seconds REAL, PRIMARY KEY (photo, method, removal));
CREATE TABLE parts (
    photo TEXT, method TEXT, removal TEXT, confidence REAL, reason TEXT, verified INTEGER,
    height INTEGER, width INTEGER, mask BLOB, PRIMARY KEY (photo, method, removal, confidence));
CREATE TABLE measurements (
    photo TEXT, method TEXT, removal TEXT, confidence REAL, metric TEXT, value REAL, n INTEGER, hits INTEGER,
    asked INTEGER, reason TEXT, PRIMARY KEY (photo, method, removal, confidence, metric));
"""
_TABLES = ("explanations", "parts", "measurements")


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        photo: file name.
        method: spec.
        removal: spec.
        metric: spec.
        confidence: the γ that was asked for; ``None`` for what belongs to the whole explanation.
        value: ``None`` where there is none.
        n: contexts that it averages, else 1.
        detail: why there is no value, else empty.
        target: index of the class that is explained; −1 where nothing could be.
    """

    photo: str
    method: str
    removal: str
    metric: str
    confidence: float | None
    value: float | None
    n: int = 1
    detail: str = ""
    target: int = -1


@dataclass(frozen=True)
class Measurement:
    """A value, or the reason why there is none; of a share also the hits among ``n`` contexts, of ``asked``."""

    value: float | None
    n: int = 1
    hits: int = 0
    asked: int = 1
    reason: str = ""


@dataclass(eq=False)
class JudgedPart:
    """The part for one γ, bool mask (H, W), or the reason why there is none."""

    confidence: float
    mask: Tensor | None
    verified: bool = False
    reason: str = ""
    measurements: dict[str, Measurement] = field(default_factory=dict)


@dataclass(eq=False)
class Outcome:
    """What came of one photograph, method and removal; ``reason`` tells why nothing came of it.

    ``measurements`` are those of the map, by metric; those of parts lie with the parts.
    """

    photo: str
    method: str
    removal: str
    reason: str = ""
    target: int = -1
    label: str = ""
    probability: float = 0.0
    evaluations: int = 0
    seconds: float = 0.0
    parts: list[JudgedPart] = field(default_factory=list)
    measurements: dict[str, Measurement] = field(default_factory=dict)


class Ledger:
    """The results of a plan in ``folder/results.sqlite``, made or continued.

    Args:
        folder: where the file lies.
        plan: what is evaluated. Results that lie there already must have the same model and seed and, if both plans
            use them, the same thresholds, contexts and annotations; photographs, methods, removals, metrics and the
            number of backgrounds may differ. Where nothing but failures lies, any plan goes on.
        fingerprint: of the model's weights.

    Raises:
        OutputError: the file belongs to another plan or program, is damaged, or cannot be written.
    """

    def __init__(self, folder: Path, plan: Plan, fingerprint: str) -> None:
        self.path = folder / FILE
        now = {"format": FORMAT, "fingerprint": fingerprint, **plan.identity}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path)
            with self._writing():
                if not self._database.execute("SELECT name FROM sqlite_master").fetchall():
                    for statement in _SCHEMA.split(";"):
                        self._database.execute(statement)
                    self._note(identity=now)
                (found,) = self._database.execute("SELECT value FROM about WHERE key = 'identity'").fetchone()
                before = dict(json.loads(found))
                if before != now and before.get("format") == FORMAT and not self._holds_results():
                    self._clear()
                    before = now
                other = next((key for key in now if _differ(key, before.get(key), now[key])), None)
                if other is None:
                    kept = {key: value if value is not None else before.get(key) for key, value in now.items()}
                    self._note(identity=kept, plan=plan.to_dict(), order=plan.order)
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise OutputError(f"{self.path} is no evaluation of unseen or is damaged ({error}); move it away") from None
        except OSError as error:
            raise OutputError(f"cannot write into {folder} ({error.strerror}); choose another folder") from None
        if other is not None:
            self.close()
            raise OutputError(
                f"{folder} holds an evaluation with {_IN_WORDS.get(other, f'another {other}')} "
                f"({_short(before.get(other))}, now {_short(now[other])}); choose another --out"
            )

    def _note(self, **about: object) -> None:
        for key, value in about.items():
            self._database.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, json.dumps(value)))

    def _clear(self) -> None:
        for table in _TABLES:
            self._database.execute(f"DELETE FROM {table}")

    def _holds_results(self) -> bool:
        return bool(self._database.execute("SELECT 1 FROM explanations WHERE reason = '' LIMIT 1").fetchone())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield

    def write(self, outcome: Outcome) -> None:
        """Put one outcome in the place of what was known of its photograph, method and removal."""
        unit = (outcome.photo, outcome.method, outcome.removal)
        try:
            with self._writing():
                for table in _TABLES:
                    self._database.execute(f"DELETE FROM {table} WHERE photo = ? AND method = ? AND removal = ?", unit)
                self._database.execute(
                    "INSERT INTO explanations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*unit, outcome.reason, outcome.target, outcome.label, outcome.probability, outcome.evaluations,
                     outcome.seconds),
                )  # fmt: skip
                for part in outcome.parts:
                    key = (*unit, part.confidence)
                    about = (part.reason, part.verified, *_packed(part.mask))
                    self._database.execute("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*key, *about))
                    self._measured(key, part.measurements)
                self._measured((*unit, None), outcome.measurements)
        except sqlite3.Error as error:
            raise OutputError(f"{self.path} cannot be written ({error}); what was written before is kept") from None

    def _measured(self, key: tuple[str, str, str, float | None], measurements: dict[str, Measurement]) -> None:
        self._database.executemany(
            "INSERT INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(*key, metric, m.value, m.n, m.hits, m.asked, m.reason) for metric, m in measurements.items()],
        )

    def outcome(self, photo: str, method: str, removal: str) -> Outcome | None:
        """What is known of one photograph, method and removal."""
        unit = (photo, method, removal)
        where = "WHERE photo = ? AND method = ? AND removal = ?"
        found = self._database.execute(
            f"SELECT reason, target, label, probability, evaluations, seconds FROM explanations {where}", unit
        ).fetchone()
        if found is None:
            return None
        outcome = Outcome(*unit, *found)
        outcome.measurements = self._measurements(unit, None)
        for confidence, reason, verified, height, width, mask in self._database.execute(
            f"SELECT confidence, reason, verified, height, width, mask FROM parts {where}", unit
        ).fetchall():
            measurements = self._measurements(unit, confidence)
            visible = _unpacked(mask, height, width)
            outcome.parts.append(JudgedPart(confidence, visible, bool(verified), reason, measurements))
        return outcome

    def _measurements(self, unit: tuple[str, str, str], confidence: float | None) -> dict[str, Measurement]:
        found = self._database.execute(
            "SELECT metric, value, n, hits, asked, reason FROM measurements "
            "WHERE photo = ? AND method = ? AND removal = ? AND confidence IS ? ORDER BY rowid",
            (*unit, confidence),
        )
        return {metric: Measurement(*values) for metric, *values in found}

    def rows(self) -> list[Row]:
        """Every measurement, in the order of the plan; see :func:`read`."""
        return _rows(self._database)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def read(folder: str | PathLike[str]) -> list[Row]:
    """The rows that an evaluation left in a folder: :func:`unseen.evaluation.judging.agreement.agreement` takes them.

    They come in the order of the plan that ran last: by photograph, method, removal, and metric, whatever order they
    were evaluated in; what only earlier plans had follows, by name.

    Raises:
        OutputError: there is no evaluation, or it is damaged.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise OutputError(f"{folder} holds no {FILE}; name the folder that unseen evaluate wrote (--out)")
    database = sqlite3.connect(path)
    try:
        return _rows(database)
    except sqlite3.Error as error:
        raise OutputError(f"{path} is no evaluation of unseen or is damaged ({error})") from None
    finally:
        database.close()


def _rows(database: sqlite3.Connection) -> list[Row]:
    rows: list[Row] = []
    query = "SELECT photo, method, removal, reason, evaluations, seconds, target FROM explanations"
    for photo, method, removal, reason, evaluations, seconds, target in database.execute(query).fetchall():
        unit = (photo, method, removal)
        values = {EVALUATIONS: evaluations, SECONDS: seconds}
        rows += [Row(*unit, name, None, None if reason else v, 1, reason, target) for name, v in values.items()]
        rows += [
            Row(*unit, metric, confidence, value, n, reason or ("" if n else _NO_CONTEXT), target)
            for confidence, metric, value, n, reason in database.execute(
                "SELECT confidence, metric, value, n, reason FROM measurements "
                "WHERE photo = ? AND method = ? AND removal = ? ORDER BY rowid",
                unit,
            )
        ]
    noted = database.execute("SELECT value FROM about WHERE key = 'order'").fetchone()
    order: dict[str, list[str]] = json.loads(noted[0]) if noted else {}
    order["metric"] = [EVALUATIONS, SECONDS, *order.get("metric", ())]
    places = {name: {value: place for place, value in enumerate(values)} for name, values in order.items()}

    def place(row: Row) -> list[tuple[int, str]]:
        named = {name: getattr(row, name) for name in ("photo", "method", "removal", "metric")}
        return [(places.get(name, {}).get(value, len(order.get(name, ()))), value) for name, value in named.items()]

    return sorted(rows, key=place)


_NO_CONTEXT = "there is no photograph of another class to plant on; give more photographs (--backgrounds-from)"
_USED_BY_SOME = ("confidence", "contexts", "annotations")
_IN_WORDS = {
    "confidence": "other confidence thresholds",
    "contexts": "other photographs to plant on (--backgrounds-from)",
    "annotations": "other annotations",
    "labels": "other labels",
    "fingerprint": "other weights of the model",
    "format": "another format",
}


def _differ(key: str, before: object, now: object) -> bool:
    """Whether two plans contradict each other: not where one of them does not use what the other does."""
    return before != now and not (key in _USED_BY_SOME and (before is None or now is None))


def _packed(mask: Tensor | None) -> tuple[int | None, int | None, bytes | None]:
    if mask is None:
        return None, None, None
    return mask.shape[0], mask.shape[1], zlib.compress(np.packbits(mask.numpy()).tobytes())


def _unpacked(packed: bytes | None, height: int | None, width: int | None) -> Tensor | None:
    if packed is None or height is None or width is None:
        return None
    bits = np.unpackbits(np.frombuffer(zlib.decompress(packed), np.uint8), count=height * width)
    return torch.from_numpy(bits.astype(bool)).reshape(height, width)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"
