from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from torch import Tensor

from unseen.classifier import Classifier
from unseen.cli import main
from unseen.errors import NotApplicableError
from unseen.registry import Entry
from unseen.removal import REMOVALS, Removal
from unseen.removal.masked import MaskedForward

TOY = ["--model", "toy:sides", "--removals", "black,refusing,white"]
FILES = (("sheet", "hide.png"), ("record", "hide.json"), ("report", "report.html"))


@dataclass(frozen=True)
class Refusing(Removal):
    """Has no rule for any network."""

    name = "refusing"

    def forward(self, classifier: Classifier, image: Tensor) -> MaskedForward:
        del image
        raise NotApplicableError(f"no sound rule for {classifier.name}; take another removal")


@pytest.fixture(autouse=True)
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be chosen by name."""
    monkeypatch.setitem(REMOVALS.entries, "refusing", Entry(Refusing, "none"))


def hide(*words: str | Path) -> int:
    return main(["hide", *map(str, words)])


def test_people_get_a_table_words_and_the_sheet_and_failures_are_told(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert hide(bright_left, "--part", "box:0,0,32,48", *TOY, "--out", out) == 1
    printed = capsys.readouterr()
    first, part, _, header, *rows = printed.out.splitlines()
    assert first == f"{bright_left}  (left 100 %)"
    assert part == "  the part: box:0,0,32,48, 50.0 % of what the model sees"
    assert "without: says" in header
    assert [row.split()[0] for row in rows[:3]] == ["black", "refusing", "white"]
    assert "failed" in rows[1]
    assert rows[0].split()[1:7] == ["right", "36.9", "%", "−68.5", "points", "left"]
    assert rows[-3:] == [f"  {what}: {out / name}" for what, name in FILES]
    assert printed.err.startswith("unseen: error: refusing: ")
    assert len(printed.err.splitlines()) == 1
    assert {path.name for path in out.iterdir()} >= {"hide.png", "hide.json", "part.png", "hidden-1.png", "shown-3.png"}


def test_json_is_one_object_a_removal_and_nothing_else(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--part", "box:0,0,32,48", *TOY, "--invert", "--target", "right", "--out", tmp_path / "out", "--json"]
    assert hide(bright_left, *words) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["removal"] for line in lines] == ["black", "refusing", "white"]
    assert {line["part"] for line in lines} == {"all but box:0,0,32,48"}
    assert lines[0]["hidden"]["top"][0]["label"] == "left"
    assert lines[1]["error"]


def test_the_part_of_an_explanation_is_taken_from_its_folder(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "explained"
    toy = ["--model", "toy:sides", "--method", "toy", "--removal", "black", "--out", str(folder)]
    assert main(["explain", str(bright_left), *toy]) == 0
    for part in (folder / "half", folder / "half" / "part.png"):
        assert hide(bright_left, "--part", part, *TOY[:2], "--removals", "black", "--out", tmp_path / "out") == 0
        assert f"the part: {part}, 50.0 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--part": "box:0,0,0,48"}, "is empty; its width and height must be above 0"),
        ({"--part": "box:100,0,20,20"}, "covers no pixel of the photograph, which has 64 × 48 pixels"),
        ({"--part": "missing.png"}, "is no file; write box:X,Y,WIDTH,HEIGHT"),
        ({"--part": "SMALL"}, "has 20 × 20 pixels (width × height) and the photograph 64 × 48"),
        ({"--removals": "black,blck"}, "did you mean 'black'"),
        ({"--reference": "nowhere"}, "nowhere is not there; --reference names a folder, list or shard of photographs"),
        ({"--target": "lfet"}, "no class 'lfet': did you mean 'left'"),
    ],
    ids=str,
)
def test_bad_options_are_one_line_and_leave_nothing(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], message: str
) -> None:
    small = tmp_path / "small.png"
    Image.new("L", (20, 20), "white").save(small)
    options = {"--model": "toy:sides", "--part": "box:0,0,32,48", "--removals": "black", "--out": str(tmp_path / "out")}
    given = {**options, **change}
    words = [str(small) if word == "SMALL" else word for pair in given.items() for word in pair]
    assert hide(bright_left, *words) == 2
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert message in line
    assert not printed.out
    assert not (tmp_path / "out").exists()


def test_help_teaches_by_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hide", "--help"]) == 0
    said = capsys.readouterr().out
    assert "unseen hide cat.jpg --part box:120,80,200,150" in said
    assert "--invert" in said
