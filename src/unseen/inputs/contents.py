"""The bytes of a photograph, from its own file or from a collection in which it lies with many others.

A collection is a tar file (a shard, as WebDataset writes them) or a folder that Hugging Face ``datasets`` saved. What
lies in one has a path as well: that of the collection, then its name, ``train-000.tar/n01440764/7.jpg``. Nothing is
unpacked: a shard's headers are read once, and then each photograph by its place.
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, runtime_checkable

from unseen.errors import PhotoError, first_line
from unseen.system.files import content_digest, stamp
from unseen.system.optional import require

SUFFIXES = tuple(f".{kind}" for kind in ("avif", "bmp", "gif", "jfif", "jp2", "jpe", "jpeg", "jpg", "pgm", "png"))
SUFFIXES += (".pnm", ".ppm", ".tif", ".tiff", ".webp")
"""What counts as a photograph when a folder or a shard is searched."""

DATA_SUFFIXES = (".npy", ".npz", ".dcm", ".dicom", ".csv", ".tsv", ".wav", ".nii", ".nii.gz")
"""How files of numbers end that are no pictures; they count where a folder holds no photograph."""

KEPT = 1 << 24
"""Bytes up to which the photograph that was read last is kept, for whoever asks for it next."""

SHARD = ".tar"
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
"""How tar files end in which nothing can be found without unpacking what lies before it."""

_DATA_SET = (("dataset_dict.json",), ("state.json", "dataset_info.json"))
"""What ``save_to_disk`` leaves in the folder of several splits, and of one."""


@runtime_checkable
class Collection(Protocol):
    """Photographs that lie together.

    Attributes:
        names: of all, in their order.
        others: by their suffix, how many files there are beside them.
    """

    names: tuple[str, ...]
    others: Counter[str]

    def content(self, name: str) -> bytes:
        """The bytes of one.

        Raises:
            OSError: there is none of this name, or it cannot be read.
        """


def collection(path: Path) -> Collection | None:
    """The collection that lies there, opened once; ``None`` where there is none.

    Raises:
        PhotoError: it is damaged, packed, or has no photographs.
        ModelError: the package that reads it is not installed.
    """
    name = path.name.lower()
    if name.endswith(PACKED) and path.is_file():
        raise PhotoError(f"{path} is compressed, and nothing in it can be found without all before it; unpack it first")
    if name.endswith(SHARD) and path.is_file():
        return _shard(path, stamp(path))
    for marks in _DATA_SET if path.is_dir() else ():
        if all((path / mark).is_file() for mark in marks):
            return _data_set(path, stamp(path / marks[0]))
    return None


@dataclass(frozen=True)
class Location:
    """Where a photograph lies, looked up once: in a file of its own, or in a collection.

    Attributes:
        path: of the photograph.
        shared: the path of the collection; ``None`` for a file of its own.
        collection: in which it lies.
        name: there.
    """

    path: Path
    shared: Path | None = None
    collection: Collection | None = None
    name: str = ""

    @classmethod
    def of(cls, path: Path) -> Location:
        """What lies at a path, be it anything; what cannot be looked up is told when it is opened.

        Raises:
            PhotoError: see :func:`collection`.
            ModelError: so.
        """
        try:
            if path.exists():
                return cls(path)
            for folder in path.parents:
                if folder.exists():
                    found = collection(folder)
                    return cls(path) if found is None else cls(path, folder, found, path.relative_to(folder).as_posix())
        except (OSError, ValueError):
            pass
        return cls(path)

    @property
    def size(self) -> int:
        """Bytes of the photograph.

        Raises:
            OSError: there is none.
            ValueError: no file can have such a path.
        """
        return self.path.stat().st_size if self.collection is None else len(self.content())

    def content(self) -> bytes:
        """The bytes, which are read once where they are asked for several times in a row.

        Raises:
            OSError: it cannot be read.
        """
        return _content(self, stamp(self.shared or self.path))

    def readable(self) -> BytesIO | Path:
        """What a decoder opens: the bytes, or the path of a large file, of which it reads what it needs.

        Raises:
            OSError: it cannot be read.
        """
        own = self.collection is None and not (self.path.is_file() and self.path.stat().st_size <= KEPT)
        return self.path if own else BytesIO(self.content())


@lru_cache(maxsize=1)
def _content(place: Location, _stamp: tuple[int, int, int]) -> bytes:
    return place.path.read_bytes() if place.collection is None else place.collection.content(place.name)


def digest(path: Path) -> str:
    """The sha256 of a photograph's bytes.

    Raises:
        OSError: it cannot be read.
        ValueError: no file can have such a path.
    """
    found = Location.of(path).readable()
    return content_digest(found) if isinstance(found, Path) else sha256(found.getbuffer()).hexdigest()


def contents_digest(paths: Iterable[Path]) -> str:
    """Of several photographs, in this order; one that cannot be read counts as such."""
    found = sha256()
    for path in paths:
        try:
            found.update(digest(path).encode())
        except OSError:
            found.update(b"unreadable")
    return found.hexdigest()


class _Shard:
    """A tar file; see :class:`Collection`."""

    def __init__(self, path: Path) -> None:
        self.path, self.others = path, Counter[str]()
        self._places: dict[str, tuple[int, int]] = {}
        try:
            with tarfile.open(path, "r:") as archive:
                for one in archive:
                    name = PurePosixPath(one.name.lstrip("/"))
                    if one.isfile() and not one.issparse() and name.suffix.lower() in SUFFIXES and name.name[0] != ".":
                        self._places[str(name)] = one.offset_data, one.size
                    elif not one.isdir():
                        self.others[name.suffix.lower() or name.name] += 1
        except (tarfile.TarError, OSError) as error:
            raise PhotoError(f"shard {path} cannot be read ({first_line(error)}); copy it again") from None
        self.names = tuple(self._places)

    def content(self, name: str) -> bytes:
        if name not in self._places:
            raise FileNotFoundError(2, f"{self.path} holds no such photograph")
        place, size = self._places[name]
        with self.path.open("rb") as file:
            file.seek(place)
            return file.read(size)


class _DataSet:
    """A folder that ``datasets`` saved: its first column of images, a name a row; see :class:`Collection`."""

    def __init__(self, path: Path) -> None:
        datasets = require("datasets", "datasets")
        try:
            loaded = datasets.load_from_disk(str(path))
        except Exception as error:  # of the many formats beneath
            raise PhotoError(f"data set {path} cannot be read ({first_line(error)}); save it again") from None
        parts = loaded if isinstance(loaded, datasets.DatasetDict) else {"": loaded}
        self.others = Counter[str]()
        self._rows: dict[str, tuple[Any, str]] = {}
        for split, rows in parts.items():
            images = [name for name, kind in rows.features.items() if isinstance(kind, datasets.Image)]
            if not images:
                raise PhotoError(
                    f"data set {path} has no column of images (it has {', '.join(rows.features)}); cast one to "
                    "datasets.Image, and save it again"
                )
            bytes_alone = rows.select_columns(images[:1]).cast_column(images[0], datasets.Image(decode=False))
            self._rows[split] = bytes_alone, images[0]
        self.names = tuple(
            f"{split}/{row:08}".lstrip("/") for split, (rows, _) in self._rows.items() for row in range(len(rows))
        )

    def content(self, name: str) -> bytes:
        split, _, row = name.rpartition("/")
        if split not in self._rows or not row.isdecimal() or int(row) >= len(self._rows[split][0]):
            raise FileNotFoundError(2, "the data set has no such row")
        rows, column = self._rows[split]
        found = rows[int(row)][column] or {}
        if found.get("bytes") is not None:
            return bytes(found["bytes"])
        if not found.get("path"):
            raise FileNotFoundError(2, "the row has no image")
        return Path(found["path"]).read_bytes()


@lru_cache(maxsize=1024)
def _shard(path: Path, _stamp: tuple[int, int, int]) -> _Shard:
    return _Shard(path)


@lru_cache(maxsize=16)
def _data_set(path: Path, _stamp: tuple[int, int, int]) -> _DataSet:
    return _DataSet(path)
