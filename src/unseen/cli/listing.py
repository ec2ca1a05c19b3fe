"""``unseen list``: what can be chosen by name."""

from __future__ import annotations

import importlib
import json
import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from unseen.cli.messages import say
from unseen.registry import Entry, Registry
from unseen.system.names import lines_of
from unseen.system.spelling import Option

HELP = """List what can be chosen by name, and what each takes.

WHAT is models, methods, removals, metrics, criteria or outputs; with NAME only
that one is shown, with its options, their defaults and ranges.

  unseen list methods
  unseen list methods causal
  unseen list removals blur
  unseen list metrics --json
"""
_HOMES = {
    "models": "unseen.classifier.zoo:MODELS",
    "methods": "unseen.explainers.catalogue:METHODS",
    "removals": "unseen.removal:REMOVALS",
    "metrics": "unseen.metrics:METRICS",
    "criteria": "unseen.criteria:CRITERIA",
    "outputs": "unseen.classifier.outputs:OUTPUTS",
}


def listing(
    what: Literal["models", "methods", "removals", "metrics", "criteria", "outputs"],
    name: str | None = None,
    /,
    *,
    json: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """List the models, methods, removals, metrics, criteria or outputs that can be chosen by name.

    Parameters
    ----------
    what
        What to list.
    name
        Only this one, with the options that it takes after a colon.
    json
        Print JSON: an array of objects (name, summary, cost, citation; of metrics also judges, better, range, needs
        and weakness), or the object of NAME, with its options.
    """
    module, _, attribute = _HOMES[what].partition(":")
    registry: Registry[Any] = getattr(importlib.import_module(module), attribute)
    if name is not None:
        say(_one_as_json(registry, name) if json else _one_as_text(registry, name))
    elif json:
        say(_dump([_about(name, entry) for name, entry in registry.entries.items()]))
    else:
        say(_as_text(registry.entries))
        if what not in ("models", "criteria"):
            say(f"\nOptions of one: unseen list {what} NAME")
    return 0


def _about(name: str, entry: Entry) -> dict[str, Any]:
    return {"name": name, **entry.facts}


def _options(registry: Registry[Any], name: str) -> tuple[Option, ...]:
    """What a spec may set; what judges parts or trains networks is set by the options of its command."""
    return registry.options(name) if getattr(registry[name], "judges", "map") == "map" else ()


def _dump(value: object) -> str:
    """In ASCII, which every terminal and every redirected stream carries unchanged."""
    return json.dumps(value, indent=2)


def _one_as_json(registry: Registry[Any], name: str) -> str:
    options = [asdict(option) for option in _options(registry, name)]
    return _dump({**_about(name, registry[name]), "options": options})


def _one_as_text(registry: Registry[Any], name: str) -> str:
    options = _options(registry, name)
    rows = [row for option in options for row in _rows(option)]
    example = ",".join(f"{option.name}=…" for option in options[:2])
    title = f"Options, as in {name}:{example}" if rows else "It takes no options."
    return "\n".join([_as_text({name: registry[name]}), "", title, *rows])


def _rows(option: Option) -> list[str]:
    """What an option takes, and below it what it is."""
    takes = f"{option.values}, {option.range}" if option.range else option.values
    default = f" (default {option.default})" if option.default is not None else ""
    room = max(40, shutil.get_terminal_size((110, 24)).columns - 6)
    return [f"  {option.name}={takes}{default}", *(f"      {line}" for line in textwrap.wrap(option.meaning, room))]


def _as_text(entries: Mapping[str, Entry]) -> str:
    column = max(map(len, entries)) + 2
    room = max(30, shutil.get_terminal_size((110, 24)).columns - column)
    lines = []
    for name, entry in entries.items():
        wrapped = [line for text in (entry.summary, *entry.remarks) for line in textwrap.wrap(text, room)]
        lines += [f"{name if number == 0 else '':{column}}{line}" for number, line in enumerate(wrapped)]
    return lines_of(lines)
