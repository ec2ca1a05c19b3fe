"""What an explanation says, as blocks of a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unseen.explanation import Explanation, wording
from unseen.explanation.html.blocks import Report, Section
from unseen.explanation.html.maps import map_of
from unseen.explanation.html.slices import slices_of
from unseen.explanation.words import effort, parts_found
from unseen.inputs.space import CALLED
from unseen.report.naming import meanings

READ_SIGNAL = "The darker a place, the more it counts; the slider fades the map to show the signal."
READ_VOLUME = (
    "The darker a place, the more it counts; the first slider fades the map. Below, each pane scrolls through the "
    "slices across one axis, with the map and the parts' borders."
)
READ_MAP = (
    "The darker a place, the more it counts; the first slider fades the map to show the photograph. The second walks "
    "along the ranking, the most responsible pixels first, and says what the model made of them. An outlined part is "
    "searched for on its own: it need not be the ranking's first pixels."
)


def report_of(folder: Path) -> Report:
    """The report of an explanation that was saved.

    Raises:
        OutputError: there is none, or a damaged one.
    """
    explanation = Explanation.load(folder)
    about = explanation.provenance
    return Report(
        title=f"{Path(source_of(about)).name}: why {explanation.label}?",
        asked=asked_of(explanation),
        answer=answer_of(explanation),
        terms=meanings(
            [explanation.method],
            [explanation.removal],
            CALLED[explanation.saliency.ndim],
            parts=bool(explanation.parts),
        ),
        sections=[_section(explanation)],
        notes=explanation.notes,
        made=[*made_of(about), ("effort", effort(explanation))],
        command=about.get("command"),
    )


def _section(explanation: Explanation) -> Section:
    axes = explanation.saliency.ndim
    if axes == 3:
        drawn, slices = map_of(explanation, "The map over three slices"), slices_of({"the map": explanation})
        return Section("Map and parts", [READ_VOLUME], [drawn], [slices])
    words = READ_MAP if axes == 2 else READ_SIGNAL
    return Section("Map and parts", [words], [map_of(explanation, f"The map over the {CALLED[axes]}")])


def asked_of(explanation: Explanation) -> list[tuple[str, str]]:
    """What was asked: photograph, model, class, method, removal."""
    about = explanation.provenance
    return [
        (CALLED[explanation.saliency.ndim], Path(source_of(about)).name),
        ("model", str(about.get("classifier", {}).get("name", "unknown"))),
        ("why", explanation.label),
        ("method", explanation.method),
        ("hidden by", explanation.removal),
    ]


def answer_of(explanation: Explanation) -> list[str]:
    """What the model says, and what was found, in plain sentences."""
    return [
        f"Of the full {CALLED[explanation.saliency.ndim]} the model says: {explanation.label}, {explanation.told}.",
        f"What {explanation.method} found by hiding parts under {explanation.removal}: {parts_found(explanation)}.",
        *(
            f"{wording.title(part)}: {' '.join(wording.sentences(part, explanation.label, explanation.unit))}"
            for part in explanation.parts
        ),
    ]


def source_of(about: Mapping[str, Any]) -> str:
    """Where the photograph came from."""
    return str(about.get("photo", {}).get("source", "a photograph"))


def made_of(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Versions and the model's fingerprint."""
    versions = [(name, str(version)) for name, version in about.get("versions", {}).items()]
    fingerprint = about.get("classifier", {}).get("fingerprint")
    return [*versions, *([("model fingerprint", str(fingerprint))] if fingerprint else [])]
