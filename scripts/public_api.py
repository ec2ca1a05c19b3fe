"""Prints the public API, a line for each name: what packages hand on, and what registries hold with its options.

`make api` keeps it in tests/project/public-api.txt, where a test compares it with the code: a change of the API is seen
in review, and never happens by accident.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import unseen

SOURCE = Path(unseen.__file__).parent
REGISTRIES = {
    "model": "unseen.classifier.zoo:MODELS",
    "method": "unseen.explainers:METHODS",
    "removal": "unseen.removal:REMOVALS",
    "metric": "unseen.metrics:METRICS",
    "criterion": "unseen.criteria:CRITERIA",
}


def faces() -> Iterator[str]:
    """The packages that hand on names from their modules."""
    for stub in sorted(SOURCE.rglob("__init__.pyi")):
        yield ".".join(("unseen", *stub.parent.relative_to(SOURCE).parts))


def described(name: str, thing: Any) -> Iterator[str]:
    """A function or class with its signature, and a class with its public methods and properties."""
    if inspect.isclass(thing):
        fields = {f.name for f in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else set()
        yield f"{name}{signature(thing)}"
        for key, member in sorted(vars(thing).items()):
            if key.startswith("_") or key in fields:
                continue
            if isinstance(member, (property, cached_property)):
                yield f"{name}.{key}"
            elif callable(getattr(thing, key)):
                yield f"{name}.{key}{signature(getattr(thing, key))}"
    elif callable(thing):
        yield f"{name}{signature(thing)}"
    else:
        yield name


def signature(thing: Any) -> str:
    """Names, kinds and defaults of the parameters; types are in the reference."""
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    plain = [parameter.replace(annotation=parameter.empty) for parameter in found.parameters.values()]
    return str(found.replace(parameters=plain, return_annotation=found.empty))


def entries() -> Iterator[str]:
    """What the registries hold, with options and their defaults."""
    for kind, place in REGISTRIES.items():
        module, _, attribute = place.partition(":")
        registry = getattr(importlib.import_module(module), attribute)
        for name, entry in sorted(registry.entries.items()):
            if entry.target.startswith("unseen."):
                options = registry.options(name) if kind != "model" else ()
                yield f"{kind} {name}: {', '.join(f'{o.name}={o.default}' for o in options)}".rstrip(": ")


def lines() -> Iterator[str]:
    """The whole API; what several packages hand on is described once."""
    known: dict[int, str] = {}
    for face in faces():
        module = importlib.import_module(face)
        for name in sorted(module.__all__):
            thing = getattr(module, name)
            first = known.setdefault(id(thing), f"{face}.{name}")
            if first == f"{face}.{name}":
                yield from described(first, thing)
            else:
                yield f"{face}.{name} is {first}"
    yield from entries()


if __name__ == "__main__":
    print("\n".join(lines()))
