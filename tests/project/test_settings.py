"""The scripts that run the tests elsewhere: under other instructions, threads and seeds, and with other versions."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its dataclasses look for their annotations
    spec.loader.exec_module(module)
    return module


def test_settings_cover_instructions_threads_and_seeds() -> None:
    settings = script("numerics").SETTINGS.values()
    held = {tuple(sorted(item for item in setting.items() if not item[0].startswith("UNSEEN"))) for setting in settings}
    assert len(held) > 3
    for name in ("UNSEEN_TEST_THREADS", "UNSEEN_TEST_SEED"):
        assert len({setting[name] for setting in settings}) == 2


def test_a_setting_reaches_torch_the_helpers_and_hypothesis() -> None:
    asked = (
        "import torch, pytest; from helpers import processor as p; import conftest;"
        "config = type('C', (), {'option': type('O', (), {})()})(); conftest.pytest_configure(config);"
        "print(torch.backends.cpu.get_cpu_capability(), p.SEED, p.THREADS, p.UNSTEADY, config.option.hypothesis_seed)"
    )
    environment = {
        **os.environ,
        **script("numerics").SETTINGS["SSE4"],
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tests'}",
    }
    told = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.split()[-4:] == ["2", "1", "False", "2"]
    assert told.stdout.split()[0] in ("DEFAULT", "NO")  # where there is another there is this one


def test_the_oldest_versions_are_the_lower_bounds() -> None:
    floors = dict(line.split("==") for line in script("versions").floors())
    assert {"torch", "numpy", "pillow", "scikit-image"} <= floors.keys()
    assert all(re.fullmatch(r"[0-9.]+", version) for version in floors.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert len(floors) == len(project["dependencies"])
    (torch,) = (needed for needed in project["dependencies"] if needed.startswith("torch"))
    assert "<" not in torch


def test_a_python_that_is_not_here_is_skipped_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    versions = script("versions")
    assert versions.interpreter_of("3.99") is None
    monkeypatch.setattr(versions, "interpreter_of", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["versions.py"])
    assert versions.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "oldest versions, Python 3.11: skipped, because this machine has no such Python"
    assert len(lines) == 1 + len(versions.PYTHONS)


def test_tests_that_fail_fail_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    numerics = script("numerics")
    monkeypatch.setattr(
        numerics.subprocess, "run", lambda *_, env, **__: subprocess.CompletedProcess([], "MKL_CBWR" in env)
    )
    monkeypatch.delenv("MKL_CBWR", raising=False)
    assert numerics.main([]) == 1
    monkeypatch.setattr(numerics, "SETTINGS", {"as it is": numerics.SETTINGS["as it is"]})
    assert numerics.main([]) == 0
