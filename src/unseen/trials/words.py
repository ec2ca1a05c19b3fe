"""What came of hiding a part and of showing it alone, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unseen.classifier.decision import Decision
from unseen.classifier.outputs.readings import told
from unseen.trials.trial import RemovalTrial, View

_SAID = "the model says {}", "the model does not say {}"
_STAYS = "the decision about {} holds", "the decision about {} does not hold"
"""Of a probability and of a value: that a decision holds, and that it does not."""


def told_of(decision: Decision, trials: Sequence[RemovalTrial]) -> tuple[str, ...]:
    """One sentence on hiding the part, one on showing it alone, and what follows from both."""
    without = {trial.removal: trial.hidden for trial in trials if trial.hidden is not None}
    alone = {trial.removal: trial.shown for trial in trials if trial.shown is not None}
    if not without or not alone:
        return ("No removal could be tried.",)
    label, unit = decision.label, decision.classifier.outputs.unit
    said = _SAID if unit is None else _STAYS
    said = said[0].format(label), said[1].format(label)
    sentences = [
        f"Without the part {_decides(without, *said)}: {_range(without, unit)}, after "
        f"{told(decision.probability, unit)} on the full {decision.kind}.",
        f"Of the part alone {_decides(alone, *said)}: {_range(alone, unit)}.",
    ]
    return (*sentences, _conclusion(without, alone, label)) if decision.holds else tuple(sentences)


def _decides(views: Mapping[str, View], holds: str, fails: str) -> str:
    """When the model decides for the target: "the model says cat under ad, not under grey"."""
    holding = [name for name, view in views.items() if view.holds]
    failing = [name for name, view in views.items() if not view.holds]
    if holding and failing:
        return f"{holds} under {_listed(holding)}, not under {_listed(failing)}"
    several = "every removal that was tried" if len(views) > 1 else _listed([*views])
    return f"{holds if holding else fails} under {several}"


def _conclusion(without: Mapping[str, View], alone: Mapping[str, View], label: str) -> str:
    """What the removals agree on."""
    left, enough = ({view.holds for view in views.values()} for views in (without, alone))
    needed = {True: f"the part is not needed for {label}", False: f"the part is needed for {label}"}
    suffices = {True: f"it suffices for {label}", False: f"it does not suffice for {label}"}
    facts = [
        needed[left.pop()] if len(left) == 1 else "whether the part is needed depends on what stands in its place",
        suffices[enough.pop()] if len(enough) == 1 else "whether it suffices depends on what stands around it",
    ]
    return f"So under these removals {'; '.join(facts)}."


def _range(views: Mapping[str, View], unit: str | None) -> str:
    readings = [view.reading for view in views.values()]
    low, high = told(min(readings), unit), told(max(readings), unit)
    return low if low == high else f"{low} to {high}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
