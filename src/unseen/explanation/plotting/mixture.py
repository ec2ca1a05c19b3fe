"""What a mixture of methods consists of and what it gains, read from its record; in words for pictures and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from unseen.explanation.plotting.drawn import Drawn

EQUAL, MIXED = "equal weights", "mixture"
"""Names of the mean of all methods and of what was made of them."""

LOSSES = {"sensitivity": "steadier", "infidelity": "more faithful"}
"""What is measured on observations that the weights were not fitted to, and what a method with less of it is."""

READINGS = {
    "sensitivity": "how far the map moves with faint noise",
    "infidelity": "what it misses of the cost of hiding",
}

_GOALS = {"both": "robustness and faithfulness"}


@dataclass(frozen=True)
class Ingredient:
    """A method in a mixture, or what it is compared with.

    Attributes:
        name: spec of the method, ``EQUAL`` or ``MIXED``.
        losses: measured on observations held out, by name; the smaller the better.
        weight: from 0 to 1; the weights of a mixture sum to 1.
        interval: the middle 95 % of the weight over resamples.
        contribution: share in the map; the shares sum to 1, and one that others cancel is negative.
    """

    name: str
    losses: Mapping[str, float]
    weight: float = 0.0
    interval: tuple[float, float] = (0.0, 0.0)
    contribution: float = 0.0

    @property
    def subject(self) -> str:
        """The start of a sentence on it."""
        return f"{self.name} are" if self.name == EQUAL else f"{self.name} alone is"

    def told(self, loss: str) -> str:
        """A loss as tables and pictures show it."""
        if loss not in self.losses:
            return "–"
        value = self.losses[loss]
        return f"{value:.0f}" if value >= 9.95 else f"{value:#.2g}"

    def rounded(self, loss: str) -> float:
        """A loss as precisely as it is told, so that words agree with figures; infinite if it is not known."""
        return float(self.told(loss)) if loss in self.losses else inf

    def all_rounded(self, losses: Iterable[str]) -> list[float]:
        """Several losses as precisely as they are told."""
        return [self.rounded(loss) for loss in losses]


@dataclass(frozen=True)
class Mixture:
    """The methods of a mixture, and its losses beside those of equal weights.

    Attributes:
        facts: what it was made for and from.
        methods: in descending order of their weights.
        equal: the mean of all.
        mixed: the mixture.
    """

    facts: tuple[str, ...]
    methods: tuple[Ingredient, ...]
    equal: Ingredient
    mixed: Ingredient

    @property
    def measured(self) -> tuple[str, ...]:
        """The losses that are known."""
        return tuple(self.mixed.losses)

    def best(self, loss: str) -> Ingredient:
        """What has least of a loss, as precisely as it is told: the mixture, equal weights or a method alone."""
        return min((self.mixed, self.equal, *self.methods), key=lambda one: one.rounded(loss))

    @property
    def verdict(self) -> str:
        """Whether it is better than each method alone and than equal weights; plainly so if it is not."""
        if not self.measured:
            return "too few observations to tell what the mixture gains"
        mine = self.mixed.all_rounded(self.measured)
        rivals = [(one, one.all_rounded(self.measured)) for one in (*self.methods, self.equal)]
        at = " at both" if len(mine) > 1 else ""
        for one, its in rivals:
            if its != mine and all(theirs <= ours for theirs, ours in zip(its, mine, strict=True)):
                return f"{one.subject} better{at} than the mixture"
        for one, its in rivals:
            if its == mine:
                return f"{one.subject} as good as the mixture"
        ahead = [(self.best(loss), word) for loss, word in LOSSES.items() if loss in self.measured]
        better = " and ".join(f"{one.subject} {word}" for one, word in ahead if one is not self.mixed)
        if better:
            return f"nothing is better{at} than the mixture; {better}"
        return "the mixture is better than every method alone and than equal weights"


def mixture_of(explanation: Drawn) -> Mixture | None:
    """What is mixed in an explanation; ``None`` if nothing is."""
    record = record_of(explanation)
    if record is None:
        return None
    methods = [
        Ingredient(one["method"], _losses(one), one["weight"], (one["low"], one["high"]), one["contribution"])
        for one in record["methods"]
    ]
    held = record["held_out"]
    return Mixture(
        _facts(record),
        tuple(sorted(methods, key=lambda one: -one.weight)),
        Ingredient(EQUAL, _losses(held["mean"])),
        Ingredient(MIXED, _losses(held["mixture"])),
    )


def record_of(explanation: Drawn) -> Mapping[str, Any] | None:
    """The record of the mixture, if the explanation is one."""
    record: Mapping[str, Any] = explanation.provenance.get("search", {}).get("map", {})
    return record if "held_out" in record and record.get("methods") else None


def facts_of(explanation: Drawn) -> tuple[str, ...]:
    """What is known of the map in a few words, whatever made it."""
    mixture = mixture_of(explanation)
    return explanation.evidence if mixture is None else mixture.facts


def _facts(record: Mapping[str, Any]) -> tuple[str, ...]:
    balance = f", λ {record['lambda']:g}" if "lambda" in record else ""
    return (
        f"mixed for {_GOALS.get(record['goal'], record['goal'])}{balance}",
        *([_counted(record["nearby"], "photograph") + " nearby"] if "nearby" in record else []),
        *([f"parts hidden {_counted(record['hidden'], 'time')}"] if "hidden" in record else []),
        *([f"drawn towards equal weights, strength {record['strength']:g}"] if record["strength"] else []),
    )


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _losses(values: Mapping[str, Any]) -> dict[str, float]:
    return {loss: values[loss] for loss in LOSSES if values.get(loss) is not None}
