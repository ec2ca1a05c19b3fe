from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from unseen.cli import main
from unseen.evaluation.told import Told

QUICK = ["--model", "toy:colours", "--removals", "black,ad:pooled,fill=neighbour", "--fractions", "0.9,0.3"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty photographs of random colours."""
    (tmp_path / "photos").mkdir()
    for number in range(30):
        pixels = torch.rand(6, 8, 3, generator=torch.Generator().manual_seed(number)) * 200
        picture = Image.fromarray(pixels.byte().numpy()).resize((64, 48), Image.Resampling.BICUBIC)
        picture.save(tmp_path / "photos" / f"{number:02}.png")
    return tmp_path / "photos"


def distance(*words: str | Path) -> int:
    return main(["distance", *map(str, words)])


def test_tables_values_and_pictures(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], elsewhere: list[str]
) -> None:
    out = tmp_path / "out"
    assert distance(folder, *QUICK, "--limit", "5", "--neighbour", "1", "--out", out, *elsewhere) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "beside 25 other photographs" in " ".join(printed.out.split())
    for text in (
        "Distance to the nearest of 25",
        "Mahalanobis distance",
        "AUROC of the linear discriminant",
        "30 % vis",
    ):
        assert text in printed.out
    names = {"features.sqlite", "report.md", "distances.csv", "distance.png", "features.png"}
    assert {path.name for path in out.iterdir()} == names | {"distance.tables.json", "report.html"}
    told = Told.load(out / "distance.tables.json")
    assert told.command is not None
    assert "--workers" not in told.command  # it repeats the numbers, wherever they are computed
    assert "--removals black,ad:pooled,fill=neighbour --fractions 0.9,0.3" in told.command
    page = (out / "report.html").read_text(encoding="utf-8")
    for text in ("30 % visible", "the least of these removals", "data:image/png;base64", "unseen distance "):
        assert text in page
    assert main([*shlex.split(told.command)[1:], "--out", str(out)]) == 0
    capsys.readouterr()
    assert Told.load(out / "distance.tables.json") == told
    with (out / "distances.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 5 * (1 + 2 * 2)
    assert {row["removal"] for row in rows} == {"", "black", "ad:pooled,fill=neighbour"}
    assert all(float(row["mahalanobis"]) > 0 for row in rows)
    assert distance(folder, *QUICK, "--limit", "5", "--neighbour", "1", "--out", out, "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(told) == 3 * 2 * 2
    assert {one["measure"] for one in told} == {"neighbour", "mahalanobis", "discriminant"}
    mean = {
        removal: sum(float(row["mahalanobis"]) for row in rows if (row["removal"], row["visible"]) == (removal, share))
        for removal, share in (("", "1"), ("black", "0.3"))
    }
    (black,) = [o for o in told if (o["measure"], o["removal"], o["fraction"]) == ("mahalanobis", "black", 0.3)]
    assert black["relative"]["value"] == pytest.approx(mean["black"] / mean[""])


def test_a_removal_that_does_not_apply_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", "toy:colours", "--fractions", "0.5", "--limit", "4", "--out", tmp_path / "out"]
    assert distance(folder, *words, "--removals", "grey,averaged-max-distance") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no penultimate features" in line
    assert "averaged-max-distance" in (tmp_path / "out" / "report.md").read_text()
    assert distance(folder, *words, "--removals", "averaged-max-distance") == 2


def test_a_reference_of_its_own(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*QUICK, "--form", "window", "--reference", folder, "--out", tmp_path / "out"]
    assert distance(folder / "03.png", folder / "04.png", *words) == 0
    assert "random windows stay visible, beside 28 other" in " ".join(capsys.readouterr().out.split())


def test_photographs_are_told_apart_whatever_they_are_called(folder: Path, tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff.png")
    try:
        for name, number in (("one", 3), ("other", 4)):
            (tmp_path / name).mkdir()
            for called in ("same.png", odd):
                shutil.copy(folder / f"{number:02}.png", tmp_path / name / called)
                number += 2
    except OSError:
        pytest.skip("the file system takes no name that is not UTF-8")
    words = [*QUICK, "--reference", folder, "--out", tmp_path / "out"]
    assert distance(tmp_path / "one", tmp_path / "other", *words) == 0
    with (tmp_path / "out" / "distances.csv").open(encoding="utf-8") as lines:
        told = {row["photograph"] for row in csv.DictReader(lines)}
    assert told == {
        f"{tmp_path / folder}/{name}" for folder in ("one", "other") for name in ("same.png", r"\udcff.png")
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--limit", "12"], "18 different reference photographs besides those that are judged are too few"),
        ([], "nothing is left to say what is usual"),
        (["--reference", "nowhere"], "nowhere is not there; --reference names a folder, list or shard"),
        (
            ["--limit", "0"],
            "limit must be at least 1, got 0; it is how many photographs are taken; leave it out to take all",
        ),
        (["--limit", "3", "--fractions", "0.5,half"], "a number between 0 and 1"),
        (["--limit", "3", "--fractions", "2"], "fractions must be in (0, 1], got 2.0"),
        (["--limit", "3", "--removals", "gray"], "did you mean 'grey'"),
        (["--limit", "3", "--cells", "0"], "cells must be at least 1, got 0"),
        (["--limit", "3", "--neighbour", "40"], "at least 41"),
        (["--limit", "3", "--model", "toy:sides"], "no penultimate features"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = [] if "--model" in words else ["--model", "toy:colours"]
    assert distance(folder, *model, *words, "--out", tmp_path / "out") == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "note" not in line]
    assert len(errors) == 1
    assert errors[0].startswith("unseen: error: ")
    assert said in errors[0]
    assert not (tmp_path / "out" / "report.md").exists()


def test_a_photograph_that_is_not_there_is_told_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert distance(tmp_path / "nosuch", "--out", tmp_path / "out") == 2
    assert "nosuch cannot be opened" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert distance("--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in ("PHOTO...", "--reference", "AUROC", "features.png", "unseen distance photos/ --limit 40"):
        assert text in shown
