"""Which photographs there are, and what was left out: files, folders, lists, shards and data sets of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Annotated

import numpy as np

from unseen.errors import PhotoError
from unseen.inputs.contents import DATA_SUFFIXES, SHARD, SUFFIXES, collection
from unseen.system.options import Count, check

LIST = ".txt"
"""How a list of photographs ends: a path a line."""

_TAKEN = (SUFFIXES, DATA_SUFFIXES, (SHARD,))
"""What a folder stands for: the first of these that it holds."""

_FILES = (*SUFFIXES, *DATA_SUFFIXES)

_TOLD = 5
"""Kinds of files that are named among those left out, at most."""


def find_photos(paths: Iterable[str | PathLike[str]]) -> list[Path]:
    """Files as they are given; folders, lists, shards and data sets as the photographs that they hold.

    A folder stands for the photographs directly inside it, sorted by name; without photographs for its files of
    numbers: arrays, tables, sounds, DICOM and NIfTI; without these for its shards (``.tar``), and without any for what
    its sub-folders hold, as in data sets with a folder a class. Hidden files and links to folders are left out. A list
    (``.txt``) has a path a line, seen from its own folder, and perhaps a class after it, as ImageNet's lists.
    A photograph in a shard, or in a folder that Hugging Face ``datasets`` saved, has a path as well:
    ``train-000.tar/7.jpg``.

    Whether a file exists and is a photograph is found when it is opened, so that one bad file does not stop the
    others.

    Raises:
        PhotoError: nothing was given, or a folder, a list or a shard cannot be read or holds no photograph.
        ModelError: a data set, without the package ``datasets``.

    Example:
        >>> from PIL import Image
        >>> from unseen.inputs import find_photos
        >>> Image.new("RGB", (64, 64)).save("black.png")
        >>> [path.name for path in find_photos(["."])]
        ['black.png']
    """
    return Finding.of(paths).photos


def photos_of(place: str | PathLike[str], option: str) -> list[Path]:
    """The photographs of a folder, a list or a shard that an option names, which must be there.

    Of one that is not, a single photograph would be made (see :func:`find_photos`), and be told as too few.

    Raises:
        PhotoError: it is not there, cannot be read or holds no photograph.
    """
    try:
        there = Path(place).exists()
    except OSError:  # such as a name that is too long
        there = False
    if not there:
        raise PhotoError(f"{place} is not there; {option} names a folder, list or shard of photographs")
    return find_photos([place])


@dataclass(eq=False)
class Finding:
    """The photographs that paths stand for, and what beside them was left out.

    Attributes:
        photos: in the order in which they were found.
        others: by their suffix, how many files are no photographs.
        folders: how many folders were not entered, because photographs lie beside them.
    """

    photos: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    folders: int = 0

    @classmethod
    def of(cls, paths: Iterable[str | PathLike[str]]) -> Finding:
        """See :func:`find_photos`."""
        found, given = cls(), list(paths)
        if "" in given:
            raise PhotoError("a photograph without a name was given; name files or folders")
        for path in map(Path, given):
            found._add(path)
        if not found.photos:
            raise PhotoError("no photograph was given; name files or folders")
        return found

    @property
    def left_out(self) -> tuple[str, ...]:
        """In plain sentences; none where nothing was."""
        said = []
        if self.others:
            kinds = [f"{count:,} {suffix}" for suffix, count in self.others.most_common(_TOLD)]
            more = ", …" * (len(self.others) > _TOLD)
            said.append(f"files left out, which are no photographs: {self.others.total():,} ({', '.join(kinds)}{more})")
        if self.folders:
            said.append(
                f"folders not entered, because photographs lie beside them: {self.folders:,}; name them to take what "
                "they hold"
            )
        return tuple(said)

    def _add(self, path: Path) -> None:
        """What a path stands for."""
        if _is_folder(path):
            before = len(self.photos)
            self._add_folder(path)
            if len(self.photos) == before:
                kinds = f"{' '.join(SUFFIXES)}), nor {' '.join(DATA_SUFFIXES)}, nor shards"
                raise PhotoError(f"folder {path} holds no photographs ({kinds}, nor does a folder in it")
        elif path.suffix.lower() == LIST:
            self._add_list(path)
        elif not self._add_collection(path):
            self.photos.append(path)

    def _add_folder(self, folder: Path) -> None:
        if self._add_collection(folder):
            return
        try:
            names = sorted(path for path in folder.iterdir() if path.name[0] != ".")
        except OSError as error:
            raise PhotoError(f"folder {folder} cannot be read: {error.strerror}") from None
        files = [path for path in names if path.is_file()]
        inside = [path for path in names if path.is_dir() and not path.is_symlink()]
        kinds = ([path for path in files if path.name.lower().endswith(some)] for some in _TAKEN)
        taken = next(filter(None, kinds), [])
        self.others.update(map(_kind, files))
        self.others -= Counter(map(_kind, taken))
        if not taken:
            for path in inside:
                self._add_folder(path)
            return
        self.folders += len(inside)
        if _kind(taken[0]) != SHARD:
            self.photos += taken
            return
        for path in taken:
            self._add_collection(path)

    def _add_collection(self, path: Path) -> bool:
        """Whether it is one, whose photographs are added."""
        found = collection(path)
        if found is None:
            return False
        self.others.update(found.others)
        self.photos.extend(path / name for name in found.names)
        if not found.names:
            raise PhotoError(f"{path} holds no photographs ({' '.join(SUFFIXES)})")
        return True

    def _add_list(self, path: Path) -> None:
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise PhotoError(f"list {path} cannot be read: {error.strerror}; check the path") from None
        except UnicodeDecodeError:
            raise PhotoError(f"list {path} is no UTF-8 text; save it as such, a path a line") from None
        named = [name for _, name, _ in listed(path, text)]
        if not named:
            raise PhotoError(f"list {path} names no photographs; write a path a line, seen from the list's folder")
        for name in named:
            if name.lower().endswith(LIST):
                raise PhotoError(f"list {path} names another list, {name}; name photographs, folders or shards in it")
            self._add(path.parent / name)


Limit = Annotated[int, Count("how many photographs are taken; leave it out to take all")]


def sample(photos: Sequence[Path], limit: int | None, seed: int) -> tuple[Path, ...]:
    """``limit`` photographs in a random order, or all; a larger limit begins with those of a smaller one.

    Raises:
        ParameterError: a limit below 1.

    Example:
        >>> from unseen.inputs.finding import sample
        >>> from pathlib import Path
        >>> five = [Path(f"{number}.jpg") for number in range(5)]
        >>> sample(five, 4, seed=0)[:2] == sample(five, 2, seed=0)
        True
    """
    check("limit", limit, Limit | None)
    order = np.random.default_rng(seed).permutation(len(photos)).tolist()
    return tuple(photos[index] for index in order[:limit])


def listed(path: Path, text: str) -> Iterator[tuple[str, str, str]]:
    """The lines of a list: the place of each, for messages, a path, and the class after it, which may be empty.

    What follows the last tab is the class; without tabs the last word, if what stands before it ends as a file of
    numbers or a photograph does, and the line does not. Empty lines and those that begin with ``#`` are left out.

    Args:
        path: of the list.
        text: that it holds.

    Raises:
        PhotoError: where the path ends cannot be told, for want of a tab; the message names the line.

    Example:
        >>> from pathlib import Path
        >>> from unseen.inputs.finding import listed
        >>> list(listed(Path("val.txt"), "7.jpg 65"))
        [('val.txt, line 1', '7.jpg', '65')]
    """
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line or line[0] == "#":
            continue
        where = f"{path}, line {number}"
        name, _, label = map(str.strip, line.rpartition("\t" if "\t" in line else " "))
        if "\t" in line or (name.lower().endswith(_FILES) and not line.lower().endswith(_FILES)):
            yield where, name, label
        elif not line.lower().endswith(_FILES) and any(f"{suffix} " in line.lower() for suffix in _FILES):
            raise PhotoError(f"{where}: where the path ends cannot be told; put a tab between the path and the class")
        else:
            yield where, line, ""


def _kind(path: Path) -> str:
    return path.suffix.lower() or path.name


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # told when it is opened
        return False
