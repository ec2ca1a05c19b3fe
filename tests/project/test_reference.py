"""The API reference has a place for every public name; Sphinx itself checks that every reference is resolved."""

from __future__ import annotations

import ast
from itertools import pairwise

import pytest
import reference


def test_every_module_is_on_a_page() -> None:
    on_pages = {module for package in reference.PACKAGES for module in reference.modules(package)}
    every = {
        ".".join(("unseen", *path.relative_to(reference.SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        for path in reference.SOURCE.rglob("*.py")
    }
    programs = {module for module in every if module.startswith(("unseen.cli", "unseen.app"))}
    assert every - on_pages - programs == {"unseen", "unseen.__main__"}


@pytest.mark.parametrize("package", reference.PACKAGES)
def test_what_a_face_hands_on_is_documented(package: str) -> None:
    for name in reference.face(package):
        module, _, last = name.rpartition(".")
        path = reference.SOURCE.joinpath(*module.split(".")[1:])
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        body = ast.parse(path.read_text("utf-8")).body
        defined = {
            node.name: ast.get_docstring(node) for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        for node, after in pairwise(body):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            for target in targets:
                if (
                    isinstance(target, ast.Name)
                    and isinstance(after, ast.Expr)
                    and isinstance(after.value, ast.Constant)
                ):
                    defined[target.id] = str(after.value.value)
        assert defined.get(last), f"{name} needs a docstring where it is defined"


def test_a_reference_by_the_face_leads_to_the_definition() -> None:
    assert reference.home_of("unseen.Part") == "unseen.explanation.findings.Part"
    assert reference.home_of("unseen.Explanation.save") == "unseen.explanation.explanation.Explanation.save"
    assert reference.home_of("unseen.nothing") is None
