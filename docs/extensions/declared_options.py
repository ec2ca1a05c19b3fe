"""Tells the meaning, range and default of options, which their fields declare, where a class is documented."""

from __future__ import annotations

import dataclasses
from typing import Any

from unseen.system.options import Options, declared, meaning


def add_options(_app: Any, what: str, _name: str, thing: Any, _options: Any, lines: list[str]) -> None:
    """Insert a section Args before what is raised, or at the end."""
    if what != "class" or not issubclass(thing, Options) or not dataclasses.is_dataclass(thing) or "Args:" in lines:
        return
    said = {name: meaning(kind) for name, kind in declared(thing).items()}
    defaults = {f.name: f.default for f in dataclasses.fields(thing)}
    rows = []
    for name, one in said.items():
        if one is not None:
            default = "" if defaults[name] is dataclasses.MISSING else f"; by default {defaults[name]}"
            rows.append(f"    {name}: {one.meaning}{f' ({one.range})' if one.range else ''}{default}.")
    if rows:
        place = next((i for i, line in enumerate(lines) if line in ("Raises:", "Example:", "Attributes:")), len(lines))
        lines[place:place] = [*([] if place < len(lines) else [""]), "Args:", *rows, ""]


def setup(app: Any) -> dict[str, bool]:
    """Before napoleon reads the sections."""
    app.connect("autodoc-process-docstring", add_options, priority=400)
    return {"parallel_read_safe": True}
