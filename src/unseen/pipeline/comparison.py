"""What a comparison holds: a cell for every method under every removal, for one decision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.classifier.decision import Decision
from unseen.classifier.outputs.readings import told
from unseen.errors import UnseenError
from unseen.explainers.catalogue import METHODS
from unseen.explanation import Explanation
from unseen.explanation.html.blocks import Picture
from unseen.explanation.html.encoding import address
from unseen.explanation.html.maps import map_of
from unseen.explanation.html.rendering import cell as html_cell
from unseen.pipeline.provenance import repeating
from unseen.pipeline.sheet import sheet
from unseen.registry import Registry
from unseen.removal import REMOVALS
from unseen.system.pictures import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class Cell:
    """One method under one removal.

    Attributes:
        method: the method's spec, as it was asked for.
        removal: the removal's spec, as it was asked for.
        explanation: what was found, or ``None`` if it failed.
        error: why it failed, or ``None``.
        folder: where the explanation was saved, if it was.
    """

    method: str
    removal: str
    explanation: Explanation | None = None
    error: UnseenError | None = None
    folder: Path | None = None

    def __repr__(self) -> str:
        found = repr(self.explanation) if self.error is None else str(self.error)
        return f"<Cell: {self.method} × {self.removal}: {found}>"

    def to_dict(self) -> dict[str, Any]:
        """What it cost and reached, ready for JSON; without explanation, why there is none."""
        about = self.explanation.provenance if self.explanation else {}
        curve = self.explanation.curve if self.explanation else None
        return {
            "method": self.method,
            "removal": self.removal,
            "evaluations": about.get("evaluations"),
            "seconds": round(about["seconds"], 3) if about else None,
            "areas": {"insertion": curve.insertion_area, "deletion": curve.deletion_area} if curve else None,
            "folder": self.folder.name if self.folder else None,
            "error": str(self.error) if self.error else None,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Every method under every removal, for one decision.

    Attributes:
        decision: what the model says of the photograph, decided once for all cells.
        methods: their specs, as they were asked for; the columns.
        removals: their specs, as they were asked for; the rows.
        removal_independent: those methods whose map does not depend on the removal.
        cells: row by row, as far as they are over.
    """

    decision: Decision
    methods: tuple[str, ...]
    removals: tuple[str, ...]
    removal_independent: frozenset[str] = frozenset()
    cells: tuple[Cell, ...] = ()

    def __repr__(self) -> str:
        said = f"{self.decision.label} {told(self.decision.probability, self.decision.classifier.outputs.unit)}"
        lost = f", {len(self.failures)} failed" if self.failures else ""
        return f"<Comparison: {said}, {len(self.methods)} methods × {len(self.removals)} removals{lost}>"

    @property
    def rows(self) -> dict[str, tuple[Cell | None, ...]]:
        """Removal → its cells in the order of the methods, ``None`` for one that is not over; removals with any."""
        over = {(cell.removal, cell.method): cell for cell in self.cells}
        rows = {removal: tuple(over.get((removal, method)) for method in self.methods) for removal in self.removals}
        return {removal: row for removal, row in rows.items() if any(row)}

    @property
    def failures(self) -> tuple[Cell, ...]:
        """The cells without explanation."""
        return tuple(cell for cell in self.cells if cell.explanation is None)

    def to_dict(self) -> dict[str, Any]:
        """Photograph, model, decision and every cell without its arrays, ready for JSON."""
        decision = self.decision
        return {
            "photo": decision.photo_record,
            "prepared": decision.prepared.to_dict() if decision.prepared else None,
            "classifier": decision.classifier.name,
            "target": {"index": decision.target, "label": decision.label, "probability": decision.probability},
            "top": decision.top,
            "methods": list(self.methods),
            "removals": list(self.removals),
            "cells": [cell.to_dict() for cell in self.cells],
            "command": self.command,
        }

    @property
    def command(self) -> str | None:
        """The command line that repeats it; ``None`` before anything was found, or where something has no name."""
        found = next((cell.explanation for cell in self.cells if cell.explanation is not None), None)
        if found is None:
            return None
        specs: list[tuple[Registry[Any], str]] = [
            *((METHODS, one) for one in self.methods),
            *((REMOVALS, one) for one in self.removals),
        ]
        words = ["--methods", ",".join(self.methods), "--removals", ",".join(self.removals)]
        words += ["--seed", str(found.provenance["request"]["seed"])]
        return repeating("compare", self.decision.photo, self.decision.classifier, self.decision.asked, specs, words)

    def plot(self) -> Figure:
        """The maps as one sheet: columns are methods, rows are removals."""
        return sheet(self)

    def _repr_png_(self) -> bytes:
        return png(self.plot())

    def _repr_html_(self) -> str:
        title = f"{self.decision.label}: {', '.join(self.methods)} compared"
        maps = [
            map_of(cell.explanation, f"{cell.method}, hidden by {cell.removal}")
            for cell in self.cells
            if cell.explanation is not None
        ]
        return html_cell(title, maps, Picture(address(self._repr_png_()), title))
