"""Photographs told apart by their content, not by their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from unseen.inputs.contents import digest


@dataclass(frozen=True)
class Subject:
    """One photograph.

    Two files of one name are two photographs, and a file that is replaced is another one: what counts is the content.
    Two files of the same content are one photograph.

    Attributes:
        digest: sha256 of the file's bytes; of a file that cannot be read, its path.
        path: where it lies; its name is for people only.
    """

    digest: str
    path: Path

    @classmethod
    def of(cls, path: Path) -> Subject:
        """The photograph that lies there now."""
        try:
            return cls(digest(path), path)
        except (OSError, ValueError):
            return cls(f"unreadable {path.absolute()}", path)

    @property
    def name(self) -> str:
        """For people."""
        return self.path.name


def subjects_of(paths: Iterable[Path]) -> tuple[tuple[Subject, ...], dict[Path, Path]]:
    """The different photographs among files, in order; and by the files left out, those of the same content."""
    found: dict[str, Subject] = {}
    same: dict[Path, Path] = {}
    for path in dict.fromkeys(paths):
        subject = Subject.of(path)
        if subject.digest in found:
            same[path] = found[subject.digest].path
        found.setdefault(subject.digest, subject)
    return tuple(found.values()), same
