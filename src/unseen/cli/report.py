"""What ``unseen explain`` and ``compare`` print on stdout: tables for people, JSON objects for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.plotting.columns import percent

if TYPE_CHECKING:
    from unseen.comparing import Comparison
    from unseen.explanation import Explanation, Part

_HEADER = f"{'class':24} {'probability':>11}  {'part':13} {'γ':>5} {'pixels':>8} {'confidence':>10}  {'verified':>8}"


def as_object(photo: Path, explanation: Explanation, files: Mapping[str, Path]) -> dict[str, Any]:
    """The explanation as the JSON object that scripts read; the full record is among its files."""
    record = explanation.to_dict()
    return {
        "photo": str(photo),
        **{key: record[key] for key in ("target", "method", "removal", "parts", "notes")},
        "evaluations": explanation.provenance["evaluations"],
        "seconds": round(explanation.provenance["seconds"], 3),
        "files": {what: str(path) for what, path in files.items()},
    }


def as_table(photo: Path, explanation: Explanation, files: Mapping[str, Path]) -> str:
    """A short table for people: one row a part, what must be known, and where the pictures are."""
    about = explanation.provenance
    subject = f"{_cut(explanation.label, 24):24} {percent(explanation.probability):>11}"
    rows = [subject + _part_cells(part) for part in explanation.parts] or [f"{subject}  no part was found"]
    return "\n".join([
        f"{photo}  ({about['evaluations']:,} evaluations, {about['seconds']:.1f} s)",
        f"  {_HEADER}",
        *(f"  {row}" for row in rows),
        *([f"  map: {', '.join(explanation.evidence)}"] if explanation.evidence else []),
        *(f"  note: {note}" for note in explanation.notes),
        f"  pictures: {files['panel']}",
    ])  # fmt: skip


def as_comparison(photo: Path, comparison: Comparison, folder: Path) -> str:
    """A short table for people: one row a cell, and where the sheet is; why a cell failed is told on stderr."""
    from unseen.comparing import RECORD, SHEET

    rows = [("method", "removal", "evaluations", "seconds", "insertion", "deletion")]
    for cell in comparison.cells:
        about = cell.to_dict()
        areas = about["areas"]
        measured = (f"{areas['insertion']:.3f}", f"{areas['deletion']:.3f}") if areas else ("–", "–")
        spent = (
            ("failed", "–") if cell.explanation is None else (f"{about['evaluations']:,}", f"{about['seconds']:.1f}")
        )
        rows.append((cell.method, cell.removal, *spent, *measured))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    decision = comparison.decision
    return "\n".join([
        f"{photo}  ({decision.label} {percent(decision.probability)})",
        *(
            "  " + "  ".join(f"{text:{'<' if place < 2 else '>'}{widths[place]}}" for place, text in enumerate(row))
            for row in rows
        ),
        f"  sheet: {folder / SHEET}",
        f"  record: {folder / RECORD}",
    ])  # fmt: skip


def _part_cells(part: Part) -> str:
    kind = f"{part.role} {part.rank + 1}" if part.rank else part.role
    verdict = "yes" if part.verified else "NO"
    return (
        f"  {kind:13} {part.confidence_threshold:>5g} {percent(part.fraction):>8} {percent(part.confidence):>10}"
        f"  {verdict:>8}"
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
