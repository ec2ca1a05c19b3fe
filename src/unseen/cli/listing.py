"""``unseen list``: what can be chosen by name."""

from __future__ import annotations

import importlib
import json
import shutil
import textwrap
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from unseen.registry import Registry

_HOMES = {"models": "unseen.zoo:MODELS", "methods": "unseen.methods:METHODS", "removals": "unseen.removal:REMOVALS"}


def listing(
    what: Literal["models", "methods", "removals"],
    /,
    *,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """List the models, methods or removals that can be chosen by name.

    Parameters
    ----------
    what
        What to list.
    json
        Print one JSON array of objects: name, summary, cost, citation.
    """
    module, _, name = _HOMES[what].partition(":")
    registry: Registry[Any] = getattr(importlib.import_module(module), name)
    print(_as_json(registry) if json else _as_text(registry))
    return 0


def _as_json(registry: Registry[Any]) -> str:
    entries = [
        {"name": name, "summary": entry.summary, "cost": entry.cost, "citation": entry.citation}
        for name, entry in registry.entries.items()
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False)


def _as_text(registry: Registry[Any]) -> str:
    column = max(len(name) for name in registry) + 2
    room = max(40, shutil.get_terminal_size((110, 24)).columns - column)
    lines = []
    for name, entry in registry.entries.items():
        cost = f"cost: {entry.cost}" if entry.cost else ""
        about = [entry.summary, "; ".join(filter(None, [cost, entry.citation]))]
        wrapped = [line for text in about for line in textwrap.wrap(text, room)]
        lines += [f"{name if number == 0 else '':{column}}{line}" for number, line in enumerate(wrapped)]
    return "\n".join(lines)
