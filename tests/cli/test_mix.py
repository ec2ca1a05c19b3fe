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
