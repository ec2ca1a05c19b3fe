"""What can be chosen on the page: names only, so that nobody makes the server read a file by what they write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unseen.classifier import Classifier
from unseen.errors import UnseenError
from unseen.explainers.catalogue import METHODS
from unseen.explanation.roles import Asked
from unseen.pipeline.explain import check_applicable
from unseen.registry import Registry
from unseen.removal import REMOVALS

Choice = tuple[str, str]
"""What is shown, and the value that stands for it."""

TOP = -1
"""Stands for the model's top class, where otherwise an index stands."""

_POOLED = {
    "ad:pooled": "the same, with each layer masked at its own resolution, so that the network sees a cut-out",
    "ad:pooled,fill=neighbour": "the same, and what is switched off reads as the mean of its neighbours that are not",
}
"""Forms of ``ad``, and what is told of them."""
_EXAMPLES = ("coffee.png", "chelsea.png", "motorcycle_left.png", "rocket.jpg")


@dataclass(frozen=True)
class Goal:
    """What kind of part is looked for.

    Attributes:
        part: roles of the parts.
        robustness: the share of other backgrounds on which a further part must hold; ``None`` asks for none.
    """

    part: tuple[Asked, ...]
    robustness: float | None = None


GOALS: Mapping[str, Goal] = {
    "what is enough, and what the model cannot do without": Goal(("sufficient", "necessary")),
    "what is enough to keep the class": Goal(("sufficient",)),
    "what the model cannot do without": Goal(("necessary",)),
    "a part that is both enough and needed": Goal(("both",)),
    "a part that is enough on 90 % of other backgrounds, too": Goal(("sufficient",), 0.9),
}
"""By what they are called on the page; the first is the default."""


def methods(classifier: Classifier) -> list[Choice]:
    """The methods that have a rule for the classifier."""
    return _listed(METHODS, lambda name: check_applicable(classifier, METHODS.create(name), REMOVALS.create("grey")))


def removals(classifier: Classifier) -> list[Choice]:
    """The removals that have a rule for the classifier, and need nothing of the user's."""

    def check(name: str) -> None:
        removal = REMOVALS.create(name)
        check_applicable(classifier, METHODS.create("occlusion"), removal)
        _ = removal.content  # which a removal that reads files does not have before it is told which

    found = _listed(REMOVALS, check)
    pooled = [(f"{spec} – {words}", spec) for spec, words in _POOLED.items()]
    return [*found[:1], *pooled, *found[1:]] if found and found[0][1] == "ad" else found


def meaning(removal: str) -> str:
    """What a removal that can be chosen does."""
    base, _, form = removal.partition(":")
    return "; ".join([REMOVALS.entries[base].summary, *([_POOLED[removal]] if form else [])])


def classes(classifier: Classifier) -> list[tuple[str, int]]:
    """The model's classes or findings by name, each with its index, and first its top class; names need not differ."""
    return [("the model's top class", TOP), *((label, index) for index, label in enumerate(classifier.labels or ()))]


def target_of(classifier: Classifier, chosen: int) -> str | int | None:
    """What was chosen as the pipeline takes it: by its name where that is unique, as commands are read by people."""
    if chosen == TOP:
        return None
    label = classifier.label(chosen)
    unique = (classifier.labels or ()).count(label) == 1 and not label.strip().lstrip("-").isdecimal()
    return label if unique else chosen


def examples() -> list[Path]:
    """Photographs that are at hand everywhere: those in scikit-image."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [folder / name for name in _EXAMPLES if (folder / name).is_file()]


def _listed(registry: Registry[Any], check: Callable[[str], None]) -> list[Choice]:
    found = []
    for name, entry in registry.entries.items():
        try:
            check(name)
        except UnseenError:
            continue
        found.append((f"{name} – {entry.summary}", name))
    return found
