from __future__ import annotations

import json
from pathlib import Path

import pytest

from unseen.cli import main
from unseen.pipeline.model_checks import CHECKS


def test_each_check_has_a_line_that_people_can_read(photo_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-model", str(photo_path)]) == 0
    *lines, blank, legend = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == ["✓"] * len(lines)
    assert [line[2:].partition("  ")[0].strip() for line in lines] == [one.name for one in CHECKS if not one.slow]
    assert next(line for line in lines if "decision" in line).split()[2] == "espresso"
    assert blank == ""
    assert legend.startswith("✓ holds   ✗ fails   – to note, or not asked   (")
    assert "model passes" in legend


def test_a_failure_names_its_cause_and_remedy(bright_left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-model", str(bright_left), "--model", "toy:sociable"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (failed,) = [line for line in lines if line.startswith("✗")]
    assert "neighbours" in failed
    assert "use a model with statistics of its own" in failed
    said = [" ".join(line.split()) for line in lines]
    assert "– batch size not asked, because it needs what failed: neighbours" in said


def test_json_is_one_object_a_check_and_nothing_else(bright_left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-model", str(bright_left), "--model", "toy:short", "--json"]) == 1
    printed = capsys.readouterr()
    found = {one["name"]: one for one in map(json.loads, printed.out.splitlines())}
    assert printed.err == ""
    assert {one["model"] for one in found.values()} == {"toy:short"}
    assert [name for name, one in found.items() if one["status"] == "fails"] == ["labels"]
    assert set(found["form"]) == {"model", "photo", "name", "status", "measured", "passes", "seconds"}
    assert found["form"]["passes"] == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.png", "--model", "toy:sides"], "nowhere.png"),
        (["PHOTO", "--model", "efficientnet-lite"], "did you mean 'efficientnet-lite"),
        (["PHOTO", "--model", "toy:sides", "--labels", "nowhere.txt"], "nowhere.txt"),
        (["efficientnet-lite0", "PHOTO"], "belongs to no option"),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    words: list[str], told: str, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check-model", *(str(bright_left) if word == "PHOTO" else word for word in words)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert told in line
