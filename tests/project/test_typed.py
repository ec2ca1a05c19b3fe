"""What the type checker says does not depend on which extras are installed."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURS = SETTINGS["tool"]["mypy"]["packages"]


def imported() -> dict[str, Path]:
    """The packages that the checked files import, each with one file that does."""
    return {
        name.split(".")[0]: path
        for folder in (ROOT / "src" / "unseen", ROOT / "benchmarks")
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in names(node)
    }


def names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []


def test_every_package_of_an_extra_is_declared_to_the_type_checker() -> None:
    needed = {re.split(r"[<>=]", line)[0].lower() for line in SETTINGS["project"]["dependencies"]}
    always = {
        package
        for package, distributions in packages_distributions().items()
        if needed & {name.lower() for name in distributions}
    }
    declared = {pattern for override in SETTINGS["tool"]["mypy"]["overrides"] for pattern in override["module"]}
    optional = {
        package: path
        for package, path in imported().items()
        if package not in {*sys.stdlib_module_names, *always, *OURS}
    }
    assert {"gradio", "playwright"} <= optional.keys()
    undeclared = {package: path for package, path in optional.items() if f"{package}.*" not in declared}
    assert not undeclared, "add them to tool.mypy.overrides: the linter's environment has no extras"
