"""Tells the meaning, range and default of options, which their fields declare, where a class is documented."""

from __future__ import annotations

import dataclasses
import functools
import sys
import typing
from typing import Any

import sphinx.util.typing

from unseen.system.options import Options, declared, meaning


def add_options(_app: Any, what: str, _name: str, thing: Any, _options: Any, lines: list[str]) -> None:
    """Insert a section Args before what is raised, or at the end."""
    options = isinstance(thing, type) and issubclass(thing, Options) and dataclasses.is_dataclass(thing)
    if what != "class" or not options or "Args:" in lines:  # names of types are no classes, and come as such
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


def types_alone(function: Any) -> Any:
    """Of Sphinx's writers of annotations: what else an option's annotation declares stands among the arguments."""

    @functools.wraps(function)
    def written(annotation: Any, *args: Any, **kwargs: Any) -> str:
        while typing.get_origin(annotation) is typing.Annotated and meaning(annotation):
            annotation = typing.get_args(annotation)[0]
        return str(function(annotation, *args, **kwargs))

    return written


def setup(app: Any) -> dict[str, bool]:
    """Before napoleon reads the sections."""
    for name in ("stringify_annotation", "restify"):
        function = getattr(sphinx.util.typing, name)
        for module in [module for key, module in sys.modules.items() if key.startswith("sphinx.")]:
            if getattr(module, name, None) is function:
                setattr(module, name, types_alone(function))
    app.connect("autodoc-process-docstring", add_options, priority=400)
    return {"parallel_read_safe": True}
