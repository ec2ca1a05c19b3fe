"""Every example in a docstring is run, as whoever copies it would: after the lines of the page *API*, and nothing else."""

from __future__ import annotations

import copy
import doctest
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import unseen
from unseen.criteria import CRITERIA
from unseen.explainers import METHODS
from unseen.metrics import METRICS
from unseen.removal import REMOVALS

SOURCE = Path(unseen.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "api.md"
REGISTRIES = (METHODS, REMOVALS, METRICS, CRITERIA)

WITHOUT = {
    "unseen.explainers.method.Method": "a contract; the page 'Extend it' has examples of what keeps it",
    "unseen.cli.app.main": "the command line",
    "unseen.removal.generative.mae_zip.MaeZip": "needs the extra transformers and a trained autoencoder",
    "unseen.removal.generative.masked_autoencoder.MaskedAutoencoder": "the same",
}
"""What has no example, and why."""


def modules() -> list[str]:
    """Those whose docstrings have examples."""
    paths = [path for path in sorted(SOURCE.rglob("*.py")) if ">>> " in path.read_text("utf-8")]
    names = [".".join(("unseen", *path.relative_to(SOURCE).with_suffix("").parts)) for path in paths]
    return [name.removesuffix(".__init__") for name in names]


def offered() -> Iterator[Callable[..., Any]]:
    """Functions and classes that the packages hand on, and those that the registries name."""
    for stub in sorted(SOURCE.rglob("__init__.pyi")):
        face = importlib.import_module(".".join(("unseen", *stub.parent.relative_to(SOURCE).parts)))
        yield from (thing for name in face.__all__ if _is_defined(thing := getattr(face, name)))
    for registry in REGISTRIES:
        yield from (entry.load() for entry in registry.entries.values())


def _is_defined(thing: object) -> bool:
    return inspect.isclass(thing) or inspect.isfunction(thing)


@pytest.fixture(scope="module")
def beginning() -> dict[str, Any]:
    """What the lines of the page define."""
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(found) == 1
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(found[0], str(PAGE), "exec"), names)
    return names


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("name", modules())
def test_examples_come_out_as_they_are_written(
    name: str, beginning: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for registry in REGISTRIES:  # an example registers a name
        monkeypatch.setitem(registry.__dict__, "entries", copy.copy(registry.entries))
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    told: list[str] = []
    examples = doctest.DocTestFinder().find(module, globs=beginning)
    failed = sum(runner.run(example, out=told.append).failed for example in examples)
    assert not failed, "".join(told)


def test_every_function_and_class_that_a_user_calls_has_an_example() -> None:
    lacking = {f"{one.__module__}.{one.__qualname__}" for one in offered() if ">>> " not in (one.__doc__ or "")}
    assert lacking == set(WITHOUT), f"add an example: {sorted(lacking - set(WITHOUT))}"
