"""The plan of the house: which room may know which, read from the imports of every file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import unseen

SOURCE = Path(unseen.__file__).parent
CORRIDOR = (
    ("errors", "registry", "system"),
    ("inputs",),
    ("classifier",),
    ("removal",),
    ("explanation",),
    ("explainers",),
    ("pipeline",),
    ("metrics", "criteria"),
    ("evaluation",),
    ("trials",),
    ("report",),
    ("app",),
    ("cli",),
)
"""From the ground up: a package imports from those before it; packages of one step do not know each other."""


@cache
def files() -> dict[str, Path]:
    """Every module by its dotted name, stubs included: a face's stub says what it imports."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = ("unseen", *path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str) -> Iterator[str]:
    """The modules of the project that a module names in any import: at the top, in a function, for types only."""
    path = files()[name]
    for place in (path, path.with_suffix(".pyi")):
        if not place.exists():
            continue
        for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name in files())
            elif isinstance(node, ast.ImportFrom):
                base = f"{name}.{node.module}" if node.level else node.module or ""
                within = [f"{base}.{alias.name}" for alias in node.names]
                yield from (module for module in within if module in files())
                if base in files() and any(module not in files() for module in within):
                    yield base


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def floor(name: str) -> int:
    return next(number for number, step in enumerate(CORRIDOR) if room(name) in step)


def test_every_room_has_its_place_on_the_corridor() -> None:
    rooms = {room(name) for name in files()} - {"", "__main__"}
    assert rooms == {room for step in CORRIDOR for room in step}


@pytest.mark.parametrize("name", [name for name in files() if room(name) not in ("", "__main__")])
def test_no_import_goes_against_the_corridor(name: str) -> None:
    wrong = [
        other
        for other in imported(name)
        if room(other) == ""
        or floor(other) > floor(name)
        or (floor(other) == floor(name) and room(other) != room(name))
    ]
    ground = floor(name) == 0
    wrong = [other for other in wrong if not (ground and floor(other) == 0)]
    assert not wrong, f"{files()[name]} imports {wrong}, which stand behind it on the corridor {CORRIDOR}"


def circles() -> list[list[str]]:
    """Groups of modules that import each other, directly or through others (Tarjan, "Depth-first search", 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in imported(name):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            members = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(members) > 1 or name in imported(name):
                found.append(sorted(members))

    for name in files():
        if name not in index:
            visit(name)
    return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles() == []


def test_few_modules_stand_beside_the_packages() -> None:
    assert len([*SOURCE.glob("*.py")]) <= 4


PROJECT = Path(__file__).parents[1]
LONG_FOR_A_REASON: dict[str, str] = {}
"""Functions that may be long, as ``path:name``, and why."""


def python_files() -> list[Path]:
    folders = ("src", "tests", "tests_zoo", "benchmarks", "scripts", "docs")
    return [path for folder in folders for path in sorted((PROJECT / folder).rglob("*.py"))]


@pytest.mark.parametrize("path", python_files(), ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_files_and_functions_are_short_enough_to_read_at_once(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, "split the file by ideas"
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        name = f"{path.relative_to(PROJECT).as_posix()}:{node.name}"
        assert lines <= 60 or name in LONG_FOR_A_REASON, f"{name} has {lines} lines; split it by ideas"
