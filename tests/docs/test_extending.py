"""Every example of the page *Extend it* is installed as a package and run by the command that stands below it."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import unseen

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
NAMES = {
    "checks": ("removals", "Checks"),
    "centre": ("methods", "Centre"),
    "mean_cam": ("methods", "MeanCam"),
    "spread": ("metrics", "ENTRY"),
    "finite": ("criteria", "not_constant"),
    "tiny": ("models", "load"),
}
"""What each module of the page adds: the group of its entry point, and the attribute."""
LISTED = {"finite": "not-constant", "mean_cam": "mean-cam"}


def examples() -> dict[str, tuple[str, str]]:
    """The code and the command of each module, by its name."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"```python\n# my_unseen/(\w+)\.py\n(.*?)```\n\n```console\n\$ (.*?)\n```", text, re.DOTALL)
    return {name: (code, command) for name, code, command in found}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    for name, (code, _) in examples().items():
        (folder / "my_unseen").mkdir(exist_ok=True)
        (folder / "my_unseen" / f"{name}.py").write_text(code, encoding="utf-8")
    points = [
        f"[unseen.{group}]\n{LISTED.get(name, name)} = my_unseen.{name}:{attribute}\n"
        for name, (group, attribute) in NAMES.items()
        if name != "mean_cam"
    ]
    text = "".join(points).replace("[unseen.methods]\n", "[unseen.methods]\nmean-cam = my_unseen.mean_cam:MeanCam\n")
    info = folder / "my_unseen-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-unseen\nVersion: 1\n")
    (info / "entry_points.txt").write_text(text)
    Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(folder / "photo.jpg")
    return folder


ONE_AFTER_THE_OTHER = """
import contextlib, io, json, sys
from unseen.cli.app import main

done = {}
for name, words in json.loads(sys.argv[1]).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    done[name] = code, out.getvalue(), err.getvalue()
json.dump(done, open("done.json", "w", encoding="utf-8"))
"""


@pytest.fixture(scope="module")
def done(package: Path) -> dict[str, tuple[int, str, str]]:
    """What each command came to: exit status, output, messages. One process, whose start costs more than they do."""
    asked = {name: shlex.split(command)[1:] for name, (_, command) in examples().items()}
    asked["list"] = ["list", "removals", "checks"]
    path = os.pathsep.join([str(package), str(Path(unseen.__file__).parents[1])])
    subprocess.run(
        [sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(asked)],
        cwd=package, env={**os.environ, "PYTHONPATH": path}, check=True,
    )  # fmt: skip
    return json.loads((package / "done.json").read_text(encoding="utf-8"))


def test_the_page_has_an_example_of_each_kind() -> None:
    assert set(examples()) == set(NAMES)
    assert all(len(code.splitlines()) <= 30 for code, _ in examples().values())


@pytest.mark.parametrize("name", NAMES)
def test_the_command_below_an_example_runs(name: str, done: dict[str, tuple[int, str, str]]) -> None:
    code, out, err = done[name]
    assert code == 0, out + err
    assert "left out" not in err


@pytest.mark.parametrize("name", NAMES)
def test_the_same_is_registered_in_one_line(name: str, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group, attribute = NAMES[name]
    known = getattr(unseen, group.upper())
    monkeypatch.setattr(known, "entries", dict(known.entries), raising=False)  # read before the package can be found
    monkeypatch.syspath_prepend(str(package))
    thing = getattr(importlib.import_module(f"my_unseen.{name}"), attribute)
    facts = {"better": "lower", "range": "0 to 1", "weakness": "blind"} if group == "metrics" else {}
    known.register(f"my-{name}", thing.target if group == "metrics" else thing, **facts)
    assert known[f"my-{name}"].summary
    assert known.load(f"my-{name}") is not None


def test_options_are_listed_with_their_meaning(done: dict[str, tuple[int, str, str]]) -> None:
    _, out, _ = done["list"]
    assert "side=an integer, at least 1 (default 4)" in out
    assert "the side of a square in pixels" in out
