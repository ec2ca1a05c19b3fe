"""An explanation in words: what was explained, what was found, and what it took; a line each."""

from __future__ import annotations

from unseen.classifier.outputs.readings import percent, told
from unseen.explanation.plotting.drawn import Drawn
from unseen.explanation.roles import Role
from unseen.inputs.space import UNITS

_DO: dict[Role, tuple[str, str]] = {
    "sufficient": ("suffice", "alone"),
    "necessary": ("are necessary", "without them"),
    "both": ("suffice and are necessary", "alone"),
    "robust": ("hold on other backgrounds", "alone"),
}
"""What pixels of a part do, and of what the model says what is told."""

_SAID = 3
"""Parts of which the size is said."""


def headline(explanation: Drawn) -> str:
    """The class, how sure the model is of it, and who says so: "espresso 95.3 %, causal under ad"."""
    said = told(explanation.probability, explanation.unit)
    return f"{explanation.label} {said}, {explanation.method} under {explanation.removal}"


def parts_found(explanation: Drawn) -> str:
    """How much suffices, and what the model says of it alone; of many parts the first."""
    if not explanation.parts:
        return "no part was found"
    units = UNITS[explanation.saliency.ndim]
    told = [
        f"{percent(part.fraction)} of the {units} {_DO[part.role][0]} (γ = {part.confidence_threshold:g}): "
        f"{_DO[part.role][1]} {percent(part.confidence)}{'' if part.verified else ', NOT verified'}"
        for part in explanation.parts[:_SAID]
    ]
    more = len(explanation.parts) - len(told)
    return "; ".join([*told, *([f"{more} more parts"] if more else [])])


def effort(explanation: Drawn) -> str:
    """Evaluations, seconds, and how many notes there are to read."""
    about, notes = explanation.provenance, len(explanation.notes)
    facts = [
        f"{about['evaluations']:,} evaluations" if "evaluations" in about else None,
        f"{about['seconds']:.1f} s" if "seconds" in about else None,
        f"{notes} note{'' if notes == 1 else 's'}: {explanation.notes[0]}" if notes else None,
    ]
    return ", ".join(fact for fact in facts if fact) or "nothing is recorded of what it took"
