"""Results on disk: one SQLite file; a photograph × method × removal is written when it is there.

Every write is one transaction, so a run that is killed loses what was in progress and nothing else, and goes on where
it was. What the results depend on is noted in the file and read again within every write, so that two evaluations that
were started together do not mix. A photograph is known by the sha256 of its file. The tables are plain:
``explanations`` (one a photograph, method and removal, with the photograph's name), ``parts`` (one for each γ, its mask
packed and compressed) and ``measurements`` (one for each metric, of a part one for each γ; a share of contexts with its
hits). ``photographs`` and ``maps`` hold small pictures for people; see :mod:`unseen.evaluation.judging.thumbnail`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from unseen.errors import OutputError
from unseen.evaluation.judging.identity import difference, merged
from unseen.evaluation.judging.outcomes import JudgedPart, Measurement, Outcome, Row
from unseen.evaluation.judging.packing import packed, unpacked
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.rows import rows_of
from unseen.evaluation.judging.subject import Subject
from unseen.inputs.space import ANY
from unseen.system.database import FAULTS, PATIENCE, check_row, fault
from unseen.system.files import unwritable
from unseen.system.schema import MalformedError, parse_json

FILE = "results.sqlite"
FORMAT = "unseen evaluation 6"

SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE explanations (
    digest TEXT, method TEXT, removal TEXT, photo TEXT, path TEXT, reason TEXT, target INTEGER, label TEXT,
    probability REAL, evaluations INTEGER, seconds REAL, engine TEXT, notes TEXT,
    PRIMARY KEY (digest, method, removal));
CREATE TABLE parts (
    digest TEXT, method TEXT, removal TEXT, confidence REAL, reason TEXT, verified INTEGER,
    space TEXT, mask BLOB, PRIMARY KEY (digest, method, removal, confidence));
CREATE TABLE measurements (
    digest TEXT, method TEXT, removal TEXT, confidence REAL, metric TEXT, value REAL, n INTEGER, hits INTEGER,
    asked INTEGER, reason TEXT, PRIMARY KEY (digest, method, removal, confidence, metric));
"""
PICTURES = """
CREATE TABLE IF NOT EXISTS photographs (digest TEXT PRIMARY KEY, photo BLOB);
CREATE TABLE IF NOT EXISTS maps (
    digest TEXT, method TEXT, removal TEXT, height INTEGER, width INTEGER, levels BLOB,
    PRIMARY KEY (digest, method, removal));
"""
TABLES = ("explanations", "parts", "measurements")
KIND = "evaluation of unseen"
_UNIT = "digest = ? AND method = ? AND removal = ?"


class Ledger:
    """The results of a plan in ``folder/results.sqlite``, made or continued.

    Args:
        folder: where the file lies.
        plan: what is evaluated; photographs, methods, removals, metrics and the number of backgrounds may differ from
            those of the results that lie there.
        identity: see :func:`~unseen.evaluation.judging.identity.identity_of`; that of the results that lie there must
            not contradict it. A ledger that holds only failures accepts any plan.

    Raises:
        OutputError: the file belongs to another plan or program, is damaged, or cannot be written.
    """

    def __init__(self, folder: Path, plan: Plan, identity: Mapping[str, Any]) -> None:
        self.path = folder / FILE
        self.identity = {"format": FORMAT, **identity}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from None
        try:
            self._database = sqlite3.connect(self.path, timeout=PATIENCE)
            with self._writing():
                if not self._database.execute("SELECT name FROM sqlite_master").fetchall():
                    for statement in SCHEMA.split(";"):
                        self._database.execute(statement)
                    note(self._database, identity=self.identity)
                before = about(self._database, "identity", dict[str, Any])
                if before.get("format") == FORMAT and not self._holds_results():
                    self._clear()
                    before = self.identity
                self._check(before)
                for statement in PICTURES.split(";"):
                    self._database.execute(statement)
                order = {"photo": [_text(subject.digest) for subject in plan.subjects], **plan.order}
                note(self._database, identity=merged(before, self.identity), plan=plan.to_dict(), order=order)
                self._forget_failures(plan.subjects)
        except FAULTS as error:
            raise fault(self.path, error, KIND) from None

    def _check(self, before: Mapping[str, Any]) -> None:
        other = difference(before, self.identity)
        if other is not None:
            what, known, now = other
            raise OutputError(
                f"{self.path.parent} holds an evaluation with {IN_WORDS.get(what, f'another {what}')} "
                f"({_short(known)}, now {_short(now)}); choose another --out"
            )

    def _clear(self) -> None:
        for table in TABLES:
            self._database.execute(f"DELETE FROM {table}")

    def _forget_failures(self, subjects: tuple[Subject, ...]) -> None:
        """Of a file that failed and has another content now, the failure tells nothing any more."""
        for subject in subjects:
            old = self._database.execute(
                "SELECT digest, method, removal FROM explanations WHERE reason != '' AND path = ? AND digest != ?",
                (_text(subject.path.absolute()), _text(subject.digest)),
            ).fetchall()
            for unit in old:
                self._delete(unit)

    def forget_others(self, targets: Mapping[str, int | None]) -> int:
        """Forget what is known of photographs explained as another class, whatever the method; tell how much it was.

        Args:
            targets: by digest, the class as which a photograph is explained now; ``None`` as none.

        Raises:
            OutputError: the file cannot be written.
        """
        query = "SELECT digest, method, removal FROM explanations WHERE reason = '' AND digest = ? AND target IS NOT ?"
        try:
            with self._writing():
                asked = ((_text(digest), now) for digest, now in targets.items())
                old = [unit for values in asked for unit in self._database.execute(query, values).fetchall()]
                for unit in old:
                    self._delete(unit, (*TABLES, "maps"))
        except FAULTS as error:
            raise fault(self.path, error, KIND) from None
        return len(old)

    def _delete(self, unit: tuple[str, str, str], tables: Sequence[str] = TABLES) -> None:
        for table in tables:
            self._database.execute(f"DELETE FROM {table} WHERE {_UNIT}", unit)

    def _holds_results(self) -> bool:
        return bool(self._database.execute("SELECT 1 FROM explanations WHERE reason = '' LIMIT 1").fetchone())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield

    def write(self, *outcomes: Outcome) -> None:
        """Put outcomes in the place of what was known of their photographs, methods and removals, in one transaction.

        Raises:
            OutputError: the file cannot be written; or another evaluation has taken it since, with which this one would
                mix: what is written was written by that one.
        """
        try:
            with self._writing():
                self._check(about(self._database, "identity", dict[str, Any]))
                for outcome in outcomes:
                    self._write(outcome)
        except FAULTS as error:
            raise fault(self.path, error, KIND) from None

    def _write(self, outcome: Outcome) -> None:
        unit = (_text(outcome.subject.digest), outcome.method, outcome.removal)
        named = (_text(outcome.subject.name), _text(outcome.subject.path.absolute()))
        said = (outcome.reason, outcome.target, outcome.label, outcome.probability)
        told = (*said, outcome.evaluations, outcome.seconds, outcome.engine, json.dumps(outcome.notes))
        self._delete(unit)
        self._insert("explanations", [(*unit, *named, *told)])
        for part in outcome.parts:
            key = (*unit, part.confidence)
            self._insert("parts", [(*key, part.reason, int(part.verified), *packed(part.mask))])
            self._measured(key, part.measurements)
        self._measured((*unit, None), outcome.measurements)
        drawn = outcome.thumbnail
        if drawn is not None:
            self._insert("photographs", [(unit[0], drawn.photo)], "INSERT OR IGNORE")
            self._insert("maps", [(*unit, *drawn.size, drawn.levels)], "INSERT OR REPLACE")

    def _insert(self, table: str, rows: list[tuple[object, ...]], how: str = "INSERT") -> None:
        for row in rows:
            self._database.execute(f"{how} INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    def _measured(self, key: tuple[str, str, str, float | None], measurements: dict[str, Measurement]) -> None:
        rows = [(*key, metric, m.value, m.n, m.hits, m.asked, m.reason) for metric, m in measurements.items()]
        self._insert("measurements", [*rows])

    def outcome(self, subject: Subject, method: str, removal: str) -> Outcome | None:
        """What is known of one photograph, method and removal.

        Raises:
            OutputError: the file is damaged.
        """
        try:
            return self._outcome(subject, method, removal)
        except FAULTS as error:
            raise fault(self.path, error, KIND) from None

    def _outcome(self, subject: Subject, method: str, removal: str) -> Outcome | None:
        unit = (_text(subject.digest), method, removal)
        found = self._database.execute(
            "SELECT reason, target, label, probability, evaluations, seconds, notes, engine FROM explanations "
            f"WHERE {_UNIT}",
            unit,
        ).fetchone()
        if found is None:
            return None
        check_row(found, "titfiftt")
        *said, notes, engine = found
        outcome = Outcome(subject, method, removal, *said)
        outcome.engine = engine
        outcome.note(*parse_json(notes, tuple[str, ...]))
        outcome.measurements = self._measurements(unit, None)
        parts = f"SELECT confidence, reason, verified, space, mask FROM parts WHERE {_UNIT}"
        for row in self._database.execute(parts, unit).fetchall():
            check_row(row, "ftiTB")
            confidence, reason, verified, space, mask = row
            measurements = self._measurements(unit, confidence)
            visible = unpacked(space, mask)
            outcome.parts.append(JudgedPart(confidence, visible, bool(verified), reason, measurements))
        return outcome

    def _measurements(self, unit: tuple[str, str, str], confidence: float | None) -> dict[str, Measurement]:
        query = "SELECT metric, value, n, hits, asked, reason FROM measurements"
        found = {}
        for row in self._database.execute(
            f"{query} WHERE {_UNIT} AND confidence IS ? ORDER BY rowid", (*unit, confidence)
        ).fetchall():
            check_row(row, "tFiiit")
            metric, *values = row
            found[metric] = Measurement(*values)
        return found

    def check(self) -> None:
        """See that all is there and belongs to this plan.

        Raises:
            OutputError: the file is damaged, or another evaluation has taken it.
        """
        try:
            self._check(about(self._database, "identity", dict[str, Any]))
        except FAULTS as error:
            raise fault(self.path, error, KIND) from None

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def read(folder: str | PathLike[str]) -> list[Row]:
    """All rows of :func:`stream`.

    Raises:
        OutputError: there is no evaluation, or it is damaged.
    """
    return list(stream(folder))


def stream(folder: str | PathLike[str]) -> Iterator[Row]:
    """The rows that an evaluation left in a folder, for :class:`~unseen.evaluation.judging.measurements.Measurements`.

    They come in the order of the plan that ran last: by photograph, method, removal, and metric, whatever order they
    were evaluated in; what only earlier plans had follows, by name. Few are in memory at a time.

    Raises:
        OutputError: there is no evaluation, or it is damaged.
    """
    with lying(folder) as database:
        yield from rows_of(database, about(database, "order", dict[str, list[str]]))


@contextmanager
def lying(folder: str | PathLike[str]) -> Iterator[sqlite3.Connection]:
    """The database that an evaluation left in a folder; inside, what is wrong with it is told.

    Raises:
        OutputError: there is none, or it is damaged.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise OutputError(f"{folder} holds no {FILE}; name the folder that unseen evaluate wrote (--out)")
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
            yield database
    except FAULTS as error:
        raise fault(path, error, KIND) from None


def axes_of(folder: str | PathLike[str]) -> int:
    """Of the inputs that were evaluated into a folder: 1 signals, 2 photographs, 3 volumes.

    Raises:
        OutputError: there is no ledger, or a damaged one.
    """
    with lying(folder) as database:
        identity = about(database, "identity", dict[str, Any])
    axes = identity.get("axes")
    return int(axes) if axes in ANY else 2


def about(database: sqlite3.Connection, key: str, kind: Any) -> Any:
    """What the file says of itself: its ``identity``, the ``plan`` that ran last, the ``order`` of its rows.

    Args:
        database: of the ledger.
        key: one of these.
        kind: of what form it is; see :mod:`unseen.system.schema`.

    Raises:
        MalformedError: there is nothing, or of another form.
    """
    noted = database.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
    if noted is None:
        raise MalformedError(f"nothing is noted of its {key}")
    check_row(noted, "t")
    return parse_json(noted[0], kind)


def note(database: sqlite3.Connection, **what: object) -> None:
    """Write down what the file says of itself; see :func:`about`."""
    for key, value in what.items():
        database.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, json.dumps(value)))


IN_WORDS = {
    "confidence": "other confidence thresholds",
    "target": "another target (--target, --classes)",
    "part": "parts of another role (--part)",
    "contexts": "other photographs to plant on (--backgrounds-from)",
    "annotations": "other annotations",
    "labels": "other labels",
    "outputs": "another meaning of the model's numbers (--outputs)",
    "preprocessing": "another preprocessing of the model",
    "fingerprint": "other weights of the model",
    "structure": "other layers of the model, or other code",
    "format": "another format",
    "methods": "another version of the methods",
}


def _text(value: object) -> str:
    """A file's name need not be Unicode, which the database wants."""
    return str(value).encode(errors="surrogateescape").decode(errors="backslashreplace")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"
