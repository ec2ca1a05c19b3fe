from __future__ import annotations

from pathlib import Path

import pytest

from unseen.cli import main

TOY = ["--model", "toy:sides"]


@pytest.mark.parametrize(
    "words",
    [
        ["explain", "--method", "toy", "--removal", "black"],
        ["compare", "--methods", "toy", "--removals", "black"],
        ["hide", "--part", "box:0,0,20,20", "--removals", "black"],
        [
            "evaluate",
            "--methods",
            "toy",
            "--removals",
            "black",
            "--confidence",
            "0.5",
            "--backgrounds",
            "1",
            "--workers",
            "1",
        ],
    ],
    ids=lambda words: words[0],
)
def test_every_command_leaves_a_report_and_it_can_be_made_anew(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    command, *options = words
    out = tmp_path / "out"
    assert main([command, str(bright_left), *TOY, *options, "--out", str(out)]) == 0
    folder = out / "half" if command == "explain" else out
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1].endswith(
        f"  {folder / 'report.html'}" if command == "evaluate" else f"  report: {folder / 'report.html'}"
    )
    first = (folder / "report.html").read_text(encoding="utf-8")
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_text(encoding="utf-8") == first
    assert "toy" in first or "box:0,0,20,20" in first


def test_several_photographs_have_a_report_together(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes(bright_left.read_bytes())
    out = tmp_path / "out"
    words = [str(bright_left), str(other), *TOY, "--method", "toy", "--removal", "black", "--out", str(out)]
    assert main(["explain", *words]) == 0
    assert f"  report: {out / 'report.html'}" in capsys.readouterr().out.splitlines()
    assert "2 photographs explained" in (out / "report.html").read_text(encoding="utf-8")


def test_a_folder_without_results_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"unseen: error: {tmp_path} holds no results")


def test_json_has_nothing_but_objects(tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*TOY, "--part", "box:0,0,20,20", "--removals", "black", "--out", str(tmp_path / "out"), "--json"]
    assert main(["hide", str(bright_left), *words]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("{")
    assert (tmp_path / "out" / "report.html").is_file()
