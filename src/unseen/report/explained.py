"""What an explanation says, as blocks of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen.classifier.outputs.readings import percent
from unseen.explainers.sufficient.extraction import rank
from unseen.explanation import Explanation, Part, wording
from unseen.explanation.plotting import pixels
from unseen.explanation.plotting.columns import reading_of
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.plotting.flat import Flat, flat
from unseen.explanation.plotting.sparse import widened
from unseen.explanation.words import effort, parts_found
from unseen.report import encoding
from unseen.report.blocks import Map, Outline, Report, Section

_WITHOUT_CURVE = tuple(np.linspace(0, 1, 51).round(4).tolist())
"""Shares of the walk where the model was not asked."""

READ_MAP = (
    "The darker a place, the more it counts; the first slider fades the map to show the photograph. The second walks "
    "along the ranking, the most responsible pixels first, and says what the model made of them."
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
        sections=[Section("Map and parts", [READ_MAP], [map_of(explanation, "The map over the photograph")])],
        notes=explanation.notes,
        made=[*made_of(about), ("effort", effort(explanation))],
        command=about.get("command"),
    )


def asked_of(explanation: Explanation) -> list[tuple[str, str]]:
    """What was asked: photograph, model, class, method, removal."""
    about = explanation.provenance
    return [
        ("photograph", source_of(about)),
        ("model", str(about.get("classifier", {}).get("name", "unknown"))),
        ("why", explanation.label),
        ("method", explanation.method),
        ("hidden by", explanation.removal),
    ]


def answer_of(explanation: Explanation) -> list[str]:
    """What the model says, and what was found, in plain sentences."""
    return [
        f"Of the full photograph the model says: {explanation.label}, {explanation.told}.",
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


def map_of(explanation: Explanation, title: str) -> Map:
    """The map with its parts, and what the model says along its ranking."""
    drawn = flat(explanation)
    height, width = (int(side) for side in drawn.saliency.shape)
    curve, unit = explanation.curve, explanation.unit
    fractions = curve.fractions if curve else _WITHOUT_CURVE
    shown, hidden = ([percent(value) for value in values] for values in _readings(explanation))
    walked = explanation.saliency.ndim == 2
    bands = pixels.bands_of(explanation.provenance)
    return Map(
        title=title,
        words=[*explanation.evidence, *([drawn.caption] if isinstance(drawn, Flat) else [])],
        photo=encoding.photograph(pixels.photograph(drawn.image, bands)),
        colours=encoding.colours(drawn.saliency),
        steps=encoding.steps(order_of(explanation), (height, width), fractions) if walked else "",
        size=(height, width),
        key=_key(drawn),
        label=explanation.label if unit is None else f"{explanation.label} (how far the decision is kept)",
        fractions=fractions,
        shown=shown,
        hidden=hidden,
        parts=[_outline(part, explanation) for part in drawn.parts],
        heights=list(zip(curve.insertion, curve.deletion, strict=True)) if curve else (),
    )


def _readings(explanation: Explanation) -> tuple[Sequence[float], Sequence[float]]:
    """What the model said along the ranking, of the first pixels alone and without them."""
    curve = explanation.curve
    return (curve.insertion, curve.deletion) if curve else ((), ())


def order_of(explanation: Explanation) -> NDArray[np.int64]:
    """The pixels in the order in which the method showed and hid them."""
    about = explanation.provenance
    blur = float(about.get("method", {}).get("blur") or 0) * min(explanation.saliency.shape)
    seed = int(about.get("request", {}).get("seed", 0))
    return rank(explanation.saliency, blur=blur, seed=seed).order.numpy()


def _key(drawn: Drawn) -> str:
    width = widened(drawn.saliency)[1]
    dots = f"; dots and thin lines, drawn {width} pixels wide" if width > 1 else ""
    return f"{reading_of(pixels.limits(drawn.saliency))}{dots}"


def _outline(part: Part, explanation: Explanation) -> Outline:
    words = wording.sentences(part, explanation.label, explanation.unit)
    numbers = f"{percent(part.fraction)} of the pixels; {'' if part.verified else 'NOT '}verified"
    title = f"{wording.title(part)}, γ = {part.confidence_threshold:g}"
    return Outline(title, encoding.border(part.mask), [*words, numbers])
