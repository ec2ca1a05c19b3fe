"""What ``unseen explain`` and ``compare`` print on stdout: tables for people, JSON objects for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen.classifier.outputs.readings import percent, told
from unseen.explanation.plotting.mixture import READINGS, Ingredient, facts_of, mixture_of, record_of
from unseen.explanation.wording import sentences, title
from unseen.inputs.space import UNITS
from unseen.system.names import lines_of
from unseen.system.table import aligned

if TYPE_CHECKING:
    from unseen.explanation import Explanation, Part
    from unseen.pipeline.comparison import Comparison

_BEFORE = f"{'part':13} {'γ':>5}"
_BEHIND = f"{'confidence':>10}  {'verified':>8} {'by chance':>9} {'backgrounds':>11}"


def as_object(photo: Path, explanation: Explanation, files: Mapping[str, Path]) -> dict[str, Any]:
    """The explanation as the JSON object that scripts read; the full record is among its files."""
    record = explanation.to_dict()
    mixture = record_of(explanation)
    return {
        "photo": str(photo),
        **{key: record[key] for key in ("target", "method", "removal", "parts", "notes")},
        **({"mixture": mixture} if mixture is not None else {}),
        "original": _original(record["original"]),
        "evaluations": explanation.provenance["evaluations"],
        "seconds": round(explanation.provenance["seconds"], 3),
        "files": {what: str(path) for what, path in files.items()},
    }


def _original(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """What lies where on the photograph: boxes alone; polygons and run lengths are in the record's file."""
    if record is None:
        return None
    kept = {key: record[key] for key in ("size", "file_sha256", "seen")}
    return {**kept, "boxes": [part["box"] for part in record["parts"]]}


def as_table(photo: Path, explanation: Explanation, files: Mapping[str, Path]) -> str:
    """A short table for people: one row a part, what must be known, and where the pictures are."""
    about = explanation.provenance
    parts = f"{_BEFORE} {UNITS[explanation.saliency.ndim]:>8} {_BEHIND}"
    header = f"{'target':24} {'probability' if explanation.unit is None else 'value':>11}  {parts}"
    subject = f"{_cut(explanation.label, 24):24} {explanation.told:>11}"
    rows = [subject + _part_cells(part) for part in explanation.parts] or [f"{subject}  no part was found"]
    known = facts_of(explanation)
    told = about.get("classifier", {}).get("notes", ())  # of the model, when it was loaded
    said = ((part, sentences(part, explanation.label, explanation.unit)) for part in explanation.parts)
    return lines_of([
        f"{photo}  ({about['evaluations']:,} evaluations, {about['seconds']:.1f} s)",
        *(f"  {title(part)}: {' '.join(lines)}" for part, lines in said),
        f"  {header}",
        *(f"  {row}" for row in rows),
        *([f"  map: {', '.join(known)}"] if known else []),
        *_mixture_lines(explanation),
        *(f"  note: {note}" for note in explanation.notes if note not in told),
        f"  pictures: {files['panel']}",
        *([f"  report: {files['report']}"] if "report" in files else []),
    ])  # fmt: skip


def as_comparison(photo: Path, comparison: Comparison, folder: Path) -> str:
    """A short table for people: one row a cell, and where the sheet is; why a cell failed is told on stderr."""
    from unseen.pipeline.compare import RECORD, SHEET
    from unseen.report.writing import REPORT

    rows = [("method", "removal", "evaluations", "seconds", "insertion", "deletion")]
    for cell in comparison.cells:
        about = cell.to_dict()
        areas = about["areas"]
        measured = (f"{areas['insertion']:.3f}", f"{areas['deletion']:.3f}") if areas else ("–", "–")
        spent = (
            ("failed", "–") if cell.explanation is None else (f"{about['evaluations']:,}", f"{about['seconds']:.1f}")
        )
        rows.append((cell.method, cell.removal, *spent, *measured))
    decision = comparison.decision
    return lines_of([
        f"{photo}  ({decision.label} {told(decision.probability, decision.classifier.outputs.unit)})",
        *(f"  {line}" for line in aligned(rows, left=(0, 1))),
        f"  sheet: {folder / SHEET}",
        f"  record: {folder / RECORD}",
        f"  report: {folder / REPORT}",
    ])  # fmt: skip


def _mixture_lines(explanation: Explanation) -> list[str]:
    """What was mixed: a row a method, then what the mixture gains; nothing for what is no mixture."""
    mixture = mixture_of(explanation)
    if mixture is None:
        return []

    def lost(one: Ingredient) -> list[str]:
        return [one.told(loss) for loss in mixture.measured]

    rows = [("mixed", "weight", "95 % interval", "contribution", *mixture.measured)]
    for one in mixture.methods:
        weight, low, high, share = (f"{100 * value:z.1f}" for value in (one.weight, *one.interval, one.contribution))
        rows.append((one.name, f"{weight} %", f"{low} – {high} %", f"{share} %", *lost(one)))
    rows += [(one.name, "", "", "", *lost(one)) for one in (mixture.equal, mixture.mixed)]
    readings = "; ".join(f"{loss}: {READINGS[loss]}" for loss in mixture.measured)
    return [
        *(f"  {line}" for line in aligned(rows)),
        *([f"  held out from the fit, less is better; {readings}"] if readings else []),
        f"  gain: {mixture.verdict}",
    ]


def _part_cells(part: Part) -> str:
    kind = f"{part.role} {part.rank + 1}" if part.rank else part.role
    verdict, chance, holds, none = "yes" if part.verified else "NO", part.by_chance, part.robustness, "–"
    gamma = none if part.asked is None else f"{part.confidence_threshold:g}"
    return (
        f"  {kind:13} {gamma:>5} {percent(part.fraction):>8} {percent(part.confidence):>10}"
        f"  {verdict:>8} {_counted(chance.passing, chance.tried) if chance else none:>9}"
        f" {_counted(holds.holding, holds.contexts) if holds else none:>11}"
    )


def _counted(some: int, tried: int) -> str:
    return f"{some} of {tried}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
