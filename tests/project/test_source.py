"""What must hold of every source file, whatever it is about."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import unseen

SOURCE = Path(unseen.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


def assigned_names(tree: ast.Module) -> list[str]:
    """The names that a module's own statements assign, in their order."""
    targets: list[ast.expr] = []
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            targets += statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets.append(statement.target)
    return [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_constant_is_assigned_twice(path: Path) -> None:
    """The second value would replace the first in all functions, above and below."""
    names = assigned_names(ast.parse(path.read_text(encoding="utf-8")))
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_no_article_is_written_before_the_name_of_a_type(path: Path) -> None:
    """It would be "a int": ``type_of`` and ``with_article`` know which one it takes."""
    assert not re.findall(r"\ban? \{(?:type|described)\(", path.read_text(encoding="utf-8"))
