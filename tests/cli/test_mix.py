from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from unseen.cli.app import main


def photographs(folder: Path) -> Path:
    folder.mkdir()
    for number in range(3):
        image = Image.new("RGB", (64, 48), (30 * number, 20, 10))
        image.paste("white", (0, 0, 20 + 10 * number, 48))
        image.save(folder / f"{number}.png")
    return folder


def test_weights_are_learnt_kept_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mixture.json"
    folder = photographs(tmp_path / "photos")
    words = ["--model", "toy", "--removal", "grey", "--of", "input-x-gradient,occlusion:window=0.5", "--out", str(out)]
    assert main(["mix", str(folder), "--limit", "2", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    kept = json.loads(out.read_text())
    assert told["photographs"] == kept["photographs"] == 2
    assert kept["weights"] == told["weights"]
    assert sum(kept["weights"].values()) == pytest.approx(1)
    assert (kept["goal"], kept["removal"]) == ("both", "grey")
    method = f"aggregate:of=input-x-gradient/occlusion:window=0.5,weights={out}"
    asked = [str(folder / "2.png"), "--model", "toy", "--removal", "grey", "--method", method]
    assert main(["explain", *asked, "--out", str(tmp_path / "explained")]) == 0


def test_what_cannot_be_learnt_is_refused_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photographs(tmp_path / "photos")
    assert main(["mix", str(folder), "--model", "toy", "--of", "salience"]) == 2
    assert "did you mean 'saliency'" in capsys.readouterr().err
    assert main(["mix", str(folder), "--model", "toy", "--for", "both", "--lambda", "2"]) == 2
    assert "balance must be in [0, 1], got 2.0" in capsys.readouterr().err


def test_a_folder_in_the_place_of_the_file_is_refused_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = photographs(tmp_path / "photos")
    words = ["mix", str(folder), "--model", "toy", "--removal", "grey", "--of", "input-x-gradient,saliency", "--out"]
    assert main([*words, str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "is a folder; name a file, such as" in told
    assert "photographs" not in told
    assert main([*words, told.split("such as ")[1].strip()]) == 0


def test_photographs_of_which_none_can_be_asked_about_say_why_and_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no photograph")
    assert main(["mix", str(tmp_path / "broken.png"), "--model", "toy", "--out", str(tmp_path / "mixture.json")]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert "broken.png" in line
