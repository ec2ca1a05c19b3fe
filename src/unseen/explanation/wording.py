"""What is said of a part in words: what it does, how often chance does the same, and on how many backgrounds."""

from __future__ import annotations

from collections.abc import Mapping

from unseen.classifier.outputs.readings import told
from unseen.explanation.findings import Part
from unseen.explanation.roles import Role

TITLES: Mapping[Role, str] = {
    "sufficient": "What suffices",
    "necessary": "What is necessary",
    "both": "What suffices and is necessary",
    "robust": "What holds on other backgrounds",
}


def title(part: Part) -> str:
    """What kind of part it is; of a further one its number."""
    return f"{TITLES[part.role]}{f', no. {part.rank + 1}' if part.rank else ''}"


def does(part: Part, label: str, unit: str | None = None) -> str:
    """What the part does, as a sentence; ``unit`` is that of a value, ``None`` of a probability."""
    stays = f"the model still says {label}" if unit is None else f"the decision about {label} holds"
    if part.role == "robust":
        return f"Planted on other backgrounds, this part is enough on most of them: {stays}."
    if part.role == "sufficient":
        return f"Shown nothing but this part, {stays}."
    without = _without(part, label, unit)
    if part.role == "necessary":
        return f"Without this part {without}."
    return f"Shown nothing but this part, {stays}; without it {without}."


def by_chance(part: Part) -> str | None:
    """How often other sets of pixels do the same, as a sentence; ``None`` where none was tried."""
    found = part.by_chance
    if found is None:
        return None
    others = f"{found.tried} other places of its size and shape"
    if found.finds_it_too:
        return f"Chance finds it too: {found.passing} of {others} do the same. It says little."
    return f"{found.passing or 'None'} of {others} {'does' if found.passing < 2 else 'do'} the same."


def backgrounds(part: Part) -> str | None:
    """On how many other backgrounds the part does what it says, as a sentence; ``None`` where none was tried."""
    found = part.robustness
    if found is None:
        return None
    if part.role == "necessary":
        return f"With {found.kind} in its place, the decision is gone in {found.holding} of {found.contexts} cases."
    return f"Planted on {found.kind}, it is enough in {found.holding} of {found.contexts} cases."


def sentences(part: Part, label: str, unit: str | None = None) -> list[str]:
    """All that is said of a part."""
    return [said for said in (does(part, label, unit), by_chance(part), backgrounds(part)) if said]


def _without(part: Part, label: str, unit: str | None) -> str:
    if unit is not None:
        return f"{label} is {told(part.instead.probability, unit)} instead" if part.instead else f"{label} changes"
    if part.instead is None or part.instead.label == label:
        return f"the model is much less sure of {label}"
    return f"the model says {part.instead.label} instead"
