"""What ``unseen explain`` says of many photographs together: a table, a contact sheet, and a few lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from unseen.system.files import replace_file
from unseen.system.names import lines_of

if TYPE_CHECKING:
    from unseen.explanation import Explanation
    from unseen.explanation.plotting.contact import Thumbnail

INDEX, SHEET = "index.csv", "contact-sheet.png"

COLUMNS = (
    "file", "sha256", "target", "probability", "unit", "part_fraction", "confidence", "verified",
    "left", "top", "width", "height", "seconds", "folder", "notes", "error",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Explained:
    """A photograph that was asked for: its row of the table, and what the contact sheet shows of it.

    Attributes:
        row: by the names of :data:`COLUMNS`; the unit is that of a value, and the box that of the first part, in pixels
            of the photograph.
        thumbnail: the map over the photograph, made small; ``None`` if it failed.
        axes: along how many it extends.
    """

    row: dict[str, Any]
    thumbnail: Thumbnail | None = None
    axes: int = 2

    @property
    def done(self) -> bool:
        """Whether it was explained."""
        return "error" not in self.row

    @classmethod
    def of(cls, photo: Path, explanation: Explanation, folder: Path) -> Explained:
        """Nothing of the explanation is kept but what is shown."""
        from unseen.explanation.plotting.contact import thumbnail

        row: dict[str, Any] = {
            "file": str(photo),
            "sha256": explanation.file_sha256,
            "target": explanation.label,
            "probability": explanation.probability,
            "unit": explanation.unit,
            "seconds": round(explanation.provenance["seconds"], 3),
            "folder": str(folder),
            "notes": "; ".join(explanation.notes),
        }
        if explanation.parts:
            part, laid = explanation.parts[0], explanation.to_dict()["original"]
            row |= {"part_fraction": part.fraction, "confidence": part.confidence, "verified": part.verified}
            box = laid["parts"][0]["box"] if laid else ()
            row |= dict(zip(("left", "top", "width", "height"), box, strict=False))
        return cls(row, thumbnail(photo.name, explanation), explanation.saliency.ndim)

    @classmethod
    def failed(cls, photo: Path, error: Exception) -> Explained:
        """What could not be explained, with the reason."""
        return cls({"file": str(photo), "error": str(error)})


def write(out: Path, explained: Sequence[Explained]) -> str:
    """Write the table and the contact sheet; what is to be said of them.

    Raises:
        OutputError: they cannot be written.
    """
    from unseen.explanation.plotting.contact import MOST, contact_sheet
    from unseen.system.pictures import png

    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS)
    table.writeheader()
    table.writerows(one.row for one in explained)
    replace_file(out / INDEX, text.getvalue().encode("utf-8", errors="backslashreplace"))
    shown = [one.thumbnail for one in explained if one.thumbnail is not None]
    if shown:
        replace_file(out / SHEET, png(contact_sheet(shown[:MOST])))
    return _said(out, explained, len(shown), MOST)


def _said(out: Path, explained: Sequence[Explained], shown: int, most: int) -> str:
    from unseen.classifier.outputs.readings import percent
    from unseen.inputs.space import worded

    rows, failed = [one.row for one in explained], sum(not one.done for one in explained)
    sizes = [row["part_fraction"] for row in rows if "part_fraction" in row]
    without, doubted = len(rows) - failed - len(sizes), sum(row.get("verified") is False for row in rows)
    facts = [f"{len(rows) - failed} explained", *([f"{failed} failed"] if failed else [])]
    facts += [f"the part shows {percent(median(sizes))} of the pixels (median)"] if sizes else []
    facts += [f"{without} without a part"] if without else []
    facts += [f"{doubted} not verified"] if doubted else []
    first = f", the first {most}" if shown > most else ""
    axes = next((one.axes for one in explained if one.done), 2)
    return lines_of([
        worded(f"{len(rows)} photographs: {', '.join(facts)}", axes),
        f"  index: {out / INDEX}",
        *([f"  contact sheet{first}: {out / SHEET}"] if shown else []),
    ])  # fmt: skip
