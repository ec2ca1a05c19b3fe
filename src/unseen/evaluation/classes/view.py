"""What the decisions for each class have in common: told, kept and drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.evaluation.classes.figures import sheet
from unseen.evaluation.classes.places import Place
from unseen.evaluation.classes.summary import ClassSummary
from unseen.system.files import check_writable, replace_file
from unseen.system.pictures import inline, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT, VERSION = "unseen classes", 2
RECORD = "classes.json"

DRAWN = 50
"""Classes that get a picture at most, those first of which a place is named."""


@dataclass(frozen=True, eq=False, repr=False)
class ClassView:
    """Every class that has enough photographs.

    Attributes:
        classes: those of which a place is named first, by the share of decisions that hang on it; then by photographs.
        small: by label, photographs of the classes that have too few.
        failed: by file, why a photograph was left out.
        notes: plain sentences that the reader must know.
        provenance: versions, model, what was asked, and evaluations.

    Example:
        >>> from unseen.evaluation.classes.view import ClassView
        >>> ClassView(classes=()).words
        ('No place is named.',)
    """

    classes: tuple[ClassSummary, ...]
    small: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<ClassView: {len(self.classes)} classes; {' '.join(self.words)}>"

    @property
    def named(self) -> tuple[tuple[ClassSummary, Place], ...]:
        """The places that are named, that which changes the largest share of decisions first."""
        found = [(one, kind.place) for one in self.classes for kind in one.named if kind.place is not None]
        return tuple(sorted(found, key=lambda pair: -pair[1].share))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What came of all classes, in plain sentences."""
        told = [sentence for one in self.classes for sentence in one.words[1:] if one.named]
        if not told:
            several = f" in any of {len(self.classes)} classes" if len(self.classes) > 1 else ""
            told = [f"No place is named{several}."]
        return (*told, *self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the maps, ready for JSON."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "words": list(self.words),
            "classes": [one.to_dict() for one in self.classes],
            "small": dict(self.small),
            "failed": dict(self.failed),
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }

    def plot(self, number: int = 0) -> Figure:
        """One class as a sheet: its mean map, where its parts lie, and each kind of maps with its box and examples.

        Args:
            number: place in ``classes``.
        """
        return sheet(self.classes[number])

    def save(self, folder: str | Path) -> dict[str, Path]:
        """Write the record, ``classes.json``, and a picture for each class; return the files by what they hold.

        Raises:
            OutputError: the folder cannot be written.
        """
        place = Path(folder)
        check_writable(place)
        record, files = self.to_dict(), {"record": place / RECORD}
        for number, (one, about) in enumerate(zip(self.classes[:DRAWN], record["classes"], strict=False), 1):
            about["picture"] = f"class-{number}.png"
            files[f"picture {number}"] = place / about["picture"]
            replace_file(place / about["picture"], png(sheet(one)))
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        replace_file(place / RECORD, f"{text}\n".encode(errors="backslashreplace"))
        return files

    def _repr_html_(self) -> str:
        pictures = [inline(png(sheet(one)), " ".join(one.words)) for one in self.classes[:DRAWN]]
        return "\n".join(pictures)
