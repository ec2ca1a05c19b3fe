from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from unseen.cli import main

MODEL = ["--model", "toy:sides", "--removal", "black"]
QUICK = [*MODEL, "--method", "occlusion:window=0.5,stride=0.25,steps=4", "--fewest", "8", "--boxes", "19"]


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Eight whose left side is bright, each a little different."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(8):
        image = Image.new("RGB", (64, 48))
        image.paste((255 - 5 * number,) * 3, (0, 0, 32, 48))
        image.save(folder / f"{number}.png")
    return folder


def test_people_get_words_a_table_and_the_files_and_scripts_an_object_a_class(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (photographs / "broken.png").write_bytes(b"no picture")
    assert main(["classes", str(photographs), *QUICK, "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert "left" in printed.out
    assert printed.out.splitlines()[-3:] == [
        f"  picture 1: {out / 'class-1.png'}",
        f"  record: {out / 'classes.json'}",
        f"  report: {out / 'report.html'}",
    ]
    assert "broken.png" in printed.err
    assert len(printed.err.splitlines()) == 1
    page = (out / "report.html").read_text("utf-8")
    assert "Places at which the maps of a class point" in page
    assert "broken.png" in page
    (photographs / "broken.png").unlink()
    assert main(["classes", str(photographs), *QUICK, "--out", str(out), "--json"]) == 0
    (one,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["label"], one["photographs"]) == ("left", 8)
    assert one["clusters"][0]["place"]["judged"] == 4
    page = (out / "report.html").read_text("utf-8")
    assert "broken.png" not in page
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").read_text("utf-8") == page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fewest", "4"], "fewest must be at least 8"),
        (["--boxes", "3"], "boxes must be at least 19"),
        (["--method", "nothing"], "unknown method 'nothing'"),
        (["--limit", "0", "--fewest", "8"], "limit must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(
    photographs: Path, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["classes", str(photographs), *MODEL, "--out", str(tmp_path / "out"), *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
