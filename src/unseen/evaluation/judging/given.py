"""The class that people gave to each photograph: by its folder, or in a table, a COCO file, or ImageNet's list."""

from __future__ import annotations

import csv
import os.path
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NotRequired, TypedDict

from unseen.classifier import Classifier
from unseen.errors import ParameterError, PhotoError, UnseenError, first_line
from unseen.evaluation.judging.subject import Subject
from unseen.inputs.finding import listed
from unseen.system.schema import MalformedError, parse_json

FOLDERS = "folders"
"""In the place of a file: the class of a photograph is the name of its folder."""

COLUMNS = ("photo", "class")
"""Of a table."""


class _Named(TypedDict):
    id: int | str
    name: str


class _Image(TypedDict):
    id: int | str
    file_name: str


class _Object(TypedDict):
    image_id: int | str
    category_id: int | str
    area: NotRequired[float]


class _Coco(TypedDict):
    images: list[_Image]
    categories: list[_Named]
    annotations: list[_Object]


@dataclass(frozen=True)
class Given:
    """What a source says of one photograph.

    Attributes:
        folder: of the source.
        photo: the photograph's path as it is written there, seen from the folder.
        name: of the class: a label, or its index.
        where: the source and the place in it, for messages.
    """

    folder: Path
    photo: str
    name: str
    where: str

    @property
    def path(self) -> Path:
        """Of the photograph."""
        return self.folder / self.photo

    @property
    def ends(self) -> set[tuple[str, ...]]:
        """The ends that the photograph's path may have, all of it among them, and what lies below the folder."""
        path, folder = _absolute(self.path), _absolute(self.folder)
        return {path.parts, path.relative_to(folder).parts if path.is_relative_to(folder) else path.parts}


@dataclass(eq=False)
class GivenClasses:
    """The class of each photograph.

    Args:
        entries: of all sources but folders.
        folders: whether a photograph that no source names is of the class of its folder.
    """

    entries: Sequence[Given]
    folders: bool
    _by_end: dict[tuple[str, ...], list[Given]] = field(default_factory=dict, init=False)
    _targets: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for entry in self.entries:
            for end in entry.ends:
                self._by_end.setdefault(end, []).append(entry)

    @classmethod
    def read(cls, sources: Iterable[str]) -> GivenClasses:
        """What the sources say.

        Args:
            sources: ``"folders"``, or files: a table (``.csv``, ``.tsv``) with the columns ``photo`` and ``class``, a
                COCO file (``.json``), of which a photograph is of the category that takes the largest area, or a list
                (``.txt``) with a class after each path. Paths are seen from the file; classes are labels or indices.

        Raises:
            ParameterError: a file cannot be read, or is none of these; the message names the line.
        """
        entries, named = list[Given](), list(sources)
        for source in named:
            if source != FOLDERS:
                text = _text(Path(source))
                entries += _READERS[_suffix(source)](Path(source), text)
        return cls(entries, FOLDERS in named)

    @classmethod
    def checked(cls, sources: Sequence[str], photos: Sequence[Path], model: Classifier) -> GivenClasses | None:
        """What the sources say of these photographs; ``None`` where there are no sources.

        Raises:
            ParameterError: see :meth:`read` and :meth:`target`; or the sources know none of the photographs.
        """
        if not sources:
            return None
        found, reasons = cls.read(sources), list[PhotoError]()
        for photo in photos:
            try:
                found.target(photo, model)
            except PhotoError as error:
                reasons.append(error)
        if photos and len(reasons) == len(photos):
            raise ParameterError(f"the classes belong to none of the photographs: {reasons[0]}")
        return found

    @property
    def photos(self) -> list[Path]:
        """The photographs that the sources name, each once."""
        return list(dict.fromkeys(entry.path for entry in self.entries))

    def of(self, photo: Path) -> Given:
        """What is said of a photograph: by the entry that has most of its path; see :attr:`Given.ends`.

        Raises:
            PhotoError: no source names it.
            ParameterError: two entries that have as much of its path contradict each other.
        """
        parts = _absolute(photo).parts
        named = next(filter(None, (self._by_end.get(parts[start:]) for start in range(len(parts)))), [])
        found = {entry.name: entry for entry in named}
        if len(found) > 1:
            first, second, *_ = found.values()
            raise ParameterError(
                f"{photo} is {first.name!r} in {first.where} and {second.name!r} in {second.where}; leave one of them"
            )
        if found:
            return next(iter(found.values()))
        if self.folders:
            return Given(photo.parent, photo.name, _absolute(photo).parent.name, f"the folder of {photo}")
        raise PhotoError(f"no class is given for {photo}; add a line for it to the file of the classes")

    def target(self, photo: Path, model: Classifier) -> int:
        """The index of a photograph's class.

        Raises:
            PhotoError: see :meth:`of`.
            ParameterError: so; or the model has no such class, the message names the line.
        """
        given = self.of(photo)
        if given.name not in self._targets:
            try:
                self._targets[given.name] = model.target_index(given.name)
            except UnseenError as error:
                raise ParameterError(f"{given.where}: {error}") from None
        return self._targets[given.name]

    def targets(self, subjects: Iterable[Subject], model: Classifier) -> dict[str, int | None]:
        """By digest, the :meth:`target` of each photograph; ``None`` where no source names it."""
        found: dict[str, int | None] = {}
        for subject in subjects:
            try:
                found[subject.digest] = self.target(subject.path, model)
            except PhotoError:
                found[subject.digest] = None
        return found


def _text(path: Path) -> str:
    if _suffix(str(path)) not in _READERS:
        raise ParameterError(
            f"classes are given by {path.name}, which is no table (.csv, .tsv), COCO file (.json) or list (.txt); "
            f"name one of these, or {FOLDERS}"
        )
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ParameterError(f"classes {path} cannot be read ({error.strerror}); check the path") from None
    except UnicodeDecodeError:
        raise ParameterError(f"classes {path} is no UTF-8 text; save it as such") from None


def _table(path: Path, text: str) -> Iterator[Given]:
    """Rows of a table whose first line names its columns."""
    delimiter = "\t" if _suffix(str(path)) == ".tsv" else ","
    lines = csv.reader(text.splitlines(), delimiter=delimiter)
    try:
        head = [name.strip().lower() for name in next(lines, [])]
        if not set(COLUMNS) <= set(head):
            raise ParameterError(
                f"{path}, line 1: the columns are {', '.join(head) or 'none'}; name two of them {' and '.join(COLUMNS)}"
            )
        places = [head.index(name) for name in COLUMNS]
        for row in filter(None, lines):
            photo, name = (row[place].strip() if place < len(row) else "" for place in places)
            where = f"{path}, line {lines.line_num}"
            if not photo or not name:
                raise ParameterError(f"{where}: no {COLUMNS[bool(photo)]}; write both, or leave the line out")
            yield Given(path.parent, photo, name, where)
    except csv.Error as error:
        raise ParameterError(f"{path}, line {lines.line_num}: {first_line(error)}; write it as CSV") from None


def _list(path: Path, text: str) -> Iterator[Given]:
    """Lines of a path and a class, as ImageNet's; see :func:`listed`."""
    try:
        for where, photo, name in listed(path, text):
            if not name:
                raise ParameterError(f"{where}: no class after the path; write PATH CLASS, with a tab between them")
            yield Given(path.parent, photo, name, where)
    except PhotoError as error:
        raise ParameterError(str(error)) from None


def _coco(path: Path, text: str) -> Iterator[Given]:
    """The category of each photograph that takes the largest area, or of which there are the most objects."""
    try:
        content: _Coco = parse_json(text, _Coco)
    except MalformedError as error:
        raise ParameterError(f"{path} holds no annotations in COCO's format: {error}") from None
    names = {category["id"]: category["name"] for category in content["categories"]}
    areas: dict[int | str, dict[int | str, float]] = {}
    for number, one in enumerate(content["annotations"]):
        if one["category_id"] not in names:
            raise ParameterError(
                f"{path}: annotations[{number}] is of the category {one['category_id']}, which 'categories' does not "
                "have; add it there"
            )
        of_photo, kind = areas.setdefault(one["image_id"], {}), one["category_id"]
        of_photo[kind] = of_photo.get(kind, 0.0) + one.get("area", 1.0)
    for number, image in enumerate(content["images"]):
        found = areas.get(image["id"])
        if found:
            largest = max(found, key=found.__getitem__)
            yield Given(path.parent, image["file_name"], names[largest], f"{path}: images[{number}]")


_READERS = {".csv": _table, ".tsv": _table, ".txt": _list, ".json": _coco}


def _suffix(source: str) -> str:
    return PurePosixPath(source).suffix.lower()


def _absolute(path: Path) -> Path:
    """The path from the root, without ``..``; links are not followed, for what they lead to has other names."""
    return Path(os.path.abspath(path))  # noqa: PTH100
