"""What the names in a report stand for, for a reader who has never seen the tool."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from unseen.explainers.catalogue import METHODS
from unseen.inputs.space import CALLED, worded
from unseen.registry import Registry
from unseen.removal import REMOVALS

GAMMA = (
    "γ",
    "how much a part must do, as a share of the rise from what the model says when nothing is visible to what it "
    "says of everything: at γ = 0.5 half of that rise must be kept, or taken away",
)


def meanings(
    methods: Iterable[str], removals: Iterable[str], kind: str = CALLED[2], *, parts: bool = False
) -> list[tuple[str, str]]:
    """Each name with its meaning; one that is not registered here, as of a newer version, is left out.

    Args:
        methods: their specs.
        removals: theirs.
        kind: of the inputs, one of ``CALLED``; of others it is said as of photographs.
        parts: whether parts are told of, each with its γ.

    Example:
        >>> from unseen.report.naming import meanings
        >>> meanings([], ["black", "black", "no-longer-known"])
        [('black', 'a way to hide: black pixels')]
    """
    axes = next((axes for axes, called in CALLED.items() if called == kind), 2)
    found = [*_of(METHODS, methods, "a method"), *_of(REMOVALS, removals, "a way to hide")]
    found = [(name, worded(meaning, axes)) for name, meaning in found]
    return [*found, GAMMA] if parts else found


def _of(registry: Registry[Any], specs: Iterable[str], kind: str) -> list[tuple[str, str]]:
    names = dict.fromkeys(spec.partition(":")[0] for spec in specs)
    return [(name, f"{kind}: {registry.entries[name].summary}") for name in names if name in registry.entries]
