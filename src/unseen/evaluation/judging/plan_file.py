"""A plan as a file: everything that an evaluation is asked, to read, to share and to run again.

The keys are the fields of :class:`~unseen.evaluation.judging.plan.Plan`, but for two: ``photos`` names files and
folders, of which ``limit`` may take some at random, and ``backgrounds_from`` names those to plant on. ``[[runs]]`` are
several evaluations; each has a ``name``, its folder of results, and the keys in which it differs from what stands above
them.
"""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from unseen.classifier import Classifier
from unseen.errors import ParameterError, UnseenError, nearest
from unseen.evaluation.judging.given import FOLDERS, GivenClasses
from unseen.evaluation.judging.plan import Plan
from unseen.inputs.finding import Finding, photos_of, sample
from unseen.system.arguments import type_of
from unseen.system.names import file_name
from unseen.system.schema import MalformedError, checked

FILE = "plan.toml"

_PATHS = ("photos", "classes", "backgrounds_from", "annotations", "annotation_classes", "labels")
"""Keys that name files; relative ones are seen from the folder of the plan."""


@dataclass(frozen=True)
class PlannedRun:
    """One evaluation of a plan file.

    Attributes:
        name: of its folder, within that of the results; empty where the file has but one.
        asked: the keys and values of the file, paths made absolute.
        plan: what they stand for.
        left_out: which files and folders beside the photographs are not taken, in plain sentences.
    """

    name: str
    asked: Mapping[str, Any]
    plan: Plan
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: str, asked: Mapping[str, Any]) -> PlannedRun:
        """The run that keys and values stand for; the photographs are those that lie there now.

        Args:
            name: of the run.
            asked: see the keys of a plan file.

        Raises:
            ParameterError: a value outside its range, or a folder that is none.
            PhotoError: there are no photographs.
            UnknownNameError: a method, removal or metric that is not registered.
        """
        given = {key: _value(key, value) for key, value in asked.items()}
        limit, planted = given.pop("limit", None), given.pop("backgrounds_from", None)
        classes = GivenClasses.read(given.get("classes", ()))
        found = Finding.of(given.pop("photos", ()) or classes.photos)
        contexts = tuple(found.photos if planted is None else photos_of(planted, "backgrounds_from"))
        photos = sample(found.photos, limit, given.get("seed", 0))
        return cls(name, asked, Plan(photos=photos, contexts=contexts, **given), found.left_out)


def read_plan(path: Path) -> tuple[PlannedRun, ...]:
    """The evaluations of a plan file.

    Raises:
        ParameterError: it cannot be read, is no TOML, has a key or a value that a plan cannot have (the message names
            the line), or two runs of one name.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise ParameterError(f"plan {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ParameterError(f"plan {path} is no UTF-8 text; save it as such") from None
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"plan {path} is no TOML: {error}") from None
    runs = content.pop("runs", None)
    lines = _Lines(path, text)
    if runs is not None and (not isinstance(runs, list) or not runs or not all(isinstance(run, dict) for run in runs)):
        raise ParameterError(f"{lines.at(None, 'runs')}: runs are tables; write [[runs]] above the keys of each")
    _checked(content, _kinds(), lines, None)
    if runs is None:
        return (_run("", content, path.parent, lines, None),)
    found: list[PlannedRun] = []
    for number, own in enumerate(runs):
        _checked(own, {"name": str, **_kinds()}, lines, number)
        asked = {**content, **own}
        name = asked.pop("name", "")
        if not name or file_name(name) != name or name in [run.name for run in found]:
            raise ParameterError(
                f"{lines.at(number, 'name')}: every run needs a name of its own, which can be that of a folder"
            )
        found.append(_run(name, asked, path.parent, lines, number))
    return tuple(found)


def written(asked: Mapping[str, Any]) -> str:
    """Keys and values as a plan file that :func:`read_plan` reads; what is ``None`` is left out.

    Raises:
        ParameterError: a value that is none of a file, such as a classifier.
    """
    lines = []
    for key, value in asked.items():
        if value is None:
            continue
        plain = list(map(_plain, value)) if isinstance(value, (tuple, list)) else _plain(value)
        lines.append(f"{key} = {json.dumps(plain, ensure_ascii=False)}")
    return "\n".join(["# unseen evaluate --plan THIS_FILE repeats the evaluation", *lines, ""])


@dataclass(frozen=True)
class _Lines:
    """Where keys stand in a file."""

    path: Path
    text: str

    def at(self, run: int | None, key: str) -> str:
        """The file and the line of a key: in the n-th run, else above all; the run's own where it stands nowhere."""
        rows = self.text.splitlines()
        starts = [place for place, row in enumerate(rows) if re.match(r"\s*\[\[\s*runs\s*\]\]", row)]
        blocks = [range(first, last) for first, last in pairwise([0, *starts, len(rows)])]
        own = [] if run is None or run >= len(starts) else [blocks[run + 1]]
        named = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
        found = (place for block in (*own, blocks[0]) for place in block if named.match(rows[place]))
        return f"plan {self.path}, line {1 + next(found, own[0].start if own else 0)}"


def _run(name: str, content: Mapping[str, Any], folder: Path, lines: _Lines, number: int | None) -> PlannedRun:
    asked = {key: _resolved(key, value, folder) if key in _PATHS else value for key, value in content.items()}
    try:
        return PlannedRun.of(name, asked)
    except UnseenError as error:
        raise ParameterError(f"{lines.at(number, _meant(str(error), asked))}: {error}") from None


def _meant(message: str, asked: Mapping[str, Any]) -> str:
    """The key that a message is about: it begins with one of its values, names the key, or quotes a value."""
    words = set(re.split(r"\W+", message))
    named = (key for key in asked if words & {key, key.removesuffix("s")})
    quoted = (
        key
        for key, value in asked.items()
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, str) and one in message
    )
    lists = ((key, value) for key, value in asked.items() if isinstance(value, list))
    begun = (key for key, value in lists for one in value if re.match(rf"{re.escape(str(one))}[,: ]", message))
    return next(begun, next(named, next(quoted, "")))


def _checked(content: Mapping[str, Any], kinds: Mapping[str, Any], lines: _Lines, number: int | None) -> None:
    for key, value in content.items():
        if key not in kinds:
            raise ParameterError(f"{lines.at(number, key)}: a plan has no {key!r}; {nearest(key, kinds)}")
        try:
            checked(value, kinds[key], key)
        except MalformedError as error:
            raise ParameterError(f"{lines.at(number, key)}: {error}") from None


@cache
def _kinds() -> dict[str, Any]:
    """What each key of a plan file holds, from what the fields of a plan do."""
    hints = typing.get_type_hints(Plan)
    plain = {tuple[Path, ...]: tuple[str, ...], Path | None: str, str | Classifier: str, str | None: str}
    kinds = {field.name: hints[field.name] for field in dataclasses.fields(Plan) if field.name != "contexts"}
    return {**{name: plain.get(kind, kind) for name, kind in kinds.items()}, "limit": int, "backgrounds_from": str}


def _value(key: str, value: Any) -> Any:
    """The value as the plan takes it."""
    if key in _PATHS and key != "classes" and value is not None:
        return tuple(map(Path, value)) if key == "photos" else Path(value)
    return tuple(value) if isinstance(value, list) else value


def _resolved(key: str, value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_resolved(key, one, folder) for one in value]
    return value if key == "classes" and value == FOLDERS else str(folder.absolute() / value)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    if isinstance(value, (str, int, float, bool)):
        return value
    raise ParameterError(f"{type_of(value)} cannot be written into a plan; give the model's name")
