from __future__ import annotations

import json
from pathlib import Path

import pytest

from unseen.cli import main

PLAN = """photos = ["."]
model = "toy:sides"
methods = ["occlusion:window=0.5"]
removals = ["black", "grey"]
metrics = ["size"]
confidence = [0.5]
controls = false
device = "cpu"
"""


@pytest.fixture
def plan(bright_left: Path) -> Path:
    path = bright_left.parent / "plan.toml"
    path.write_text(PLAN, "utf-8")
    return path


def test_a_plan_is_told_and_what_it_takes(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(plan)]) == 0
    head, row = capsys.readouterr().out.splitlines()[1:3]
    assert head.split() == ["run", "model", "photographs", "explainers", "removals", "cells"]
    assert row.split() == ["plan", "toy:sides", "1", "1", "2", "2"]
    assert main(["plan", str(plan), "--estimate", "--workers", "2", "--json"]) == 0
    (told,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert told["cells"] == 2
    assert told["evaluations"] > 10
    assert told["seconds"] > 0
    assert told["bytes"] > 1000
    assert [path.name for path in plan.parent.iterdir() if path.is_dir()] == []


def test_an_evaluation_leaves_a_plan_that_repeats_it(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--methods", "occlusion:window=0.5", "--removals", "black,grey", "--metrics", "size", "--no-controls"]
    asked = ["--model", "toy:sides", "--confidence", "0.5", "--device", "cpu", "--json"]
    out = tmp_path / "out"
    assert main(["evaluate", str(plan.parent / "half.png"), *words, *asked, "--out", str(out)]) == 0
    first = capsys.readouterr().out
    assert main(["evaluate", "--plan", str(out / "plan.toml"), "--out", str(out), "--json"]) == 0
    assert capsys.readouterr().out == first
    assert main(["evaluate", "--plan", str(plan), "--out", str(tmp_path / "again"), "--json"]) == 0
    again = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    measured = [{**json.loads(line), "value": 0} for line in first.splitlines()]
    assert [{**row, "value": 0} for row in again] == measured


def test_several_runs_have_a_folder_each(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = '[[runs]]\nname = "one"\nseed = 1\n[[runs]]\nname = "two"\nseed = 2\n'
    plan.write_text(f"{PLAN}\n{runs}", "utf-8")
    out = tmp_path / "out"
    assert main(["evaluate", "--plan", str(plan), "--out", str(out), "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 * 2 * 3
    for name in ("one", "two"):
        assert (out / name / "results.sqlite").is_file()
        assert (out / name / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "--plan", "PLAN", "--removals", "ad"], "write removals into the file"),
        (["evaluate", "photo.jpg", "--plan", "PLAN"], "write photos into the file"),
        (["evaluate", "--plan", "nowhere.toml"], "plan nowhere.toml cannot be read"),
        (["evaluate"], "no photograph was given"),
        (
            ["evaluate", "photo.jpg", "--address", "auto"],
            "--address: this machine's processes have none; give --engine",
        ),
        (["plan", "PLAN", "--measure", "0"], "measure must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(plan: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(plan) if word == "PLAN" else word for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
