from __future__ import annotations

import json
from pathlib import Path

import pytest

from unseen.cli import main
from unseen.system.files import LOCK

QUICK = ["faces", "--limit", "20", "--epochs", "1", "--shares", "0.5", "--repeats", "2", "--methods", "saliency"]


def retrain(*words: str | Path) -> int:
    return main(["retrain", *map(str, words)])


def test_a_table_a_record_and_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert retrain(*QUICK, "--metric", "kar", "--out", out) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "kar on faces" in printed.out
    assert {path.name for path in out.iterdir()} - {LOCK} == {
        "kar.json", "kar.png", "kar.tables.json", "report.html",
    }  # fmt: skip
    page = (out / "report.html").read_text(encoding="utf-8")
    for text in ("kar on faces", "against the controls", "saliency: ", "unseen retrain faces --metric kar "):
        assert text in page
    assert retrain(*QUICK, "--metric", "kar", "--out", out, "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["method"] for one in told] == ["saliency", "random", "uniform", "edges"]
    assert set(told[0]["against"]) == {"random", "uniform", "edges"}


def test_shuffled_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "faces",
        "--limit",
        "20",
        "--epochs",
        "1",
        "--repeats",
        "1",
        "--methods",
        "saliency",
        "--device",
        "cpu",
    ]
    assert retrain(*words, "--metric", "data-randomisation", "--out", tmp_path / "out") == 0
    printed = capsys.readouterr()
    assert "data-randomisation on faces" in printed.out
    assert (tmp_path / "out" / "data-randomisation.png").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shares", "0.5,half"], "a number between 0 and 1"),
        (["--shares", "2"], "shares must be in (0, 1), got 2.0"),
        (["--removal", "ad"], "paints no pixels"),
        (["--removal", "gray"], "did you mean 'grey'"),
        (["--methods", "salience"], "did you mean 'saliency'"),
        (["--metric", "size"], "size"),
        (["--limit", "1"], "at least"),
        (["--epochs", "0"], "epochs must be at least 1, got 0"),
        (["--metric", "data-randomisation", "--leak"], "hides nothing"),
        (["--metric", "data-randomisation", "--workers", "2"], "leave --engine and --workers to roar and kar"),
        (["--device", "abacus"], "cannot be used"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert retrain("faces", *words, "--out", tmp_path / "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("unseen: error: ")
    assert said in line
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert retrain(tmp_path / "nowhere") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "is no folder" in line
