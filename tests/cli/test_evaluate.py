from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unseen.cli import main
from unseen.evaluation.judging import ledger
from unseen.inputs.finding import sample

TOY = [
    "--model",
    "toy:sides",
    "--methods",
    "toy",
    "--removals",
    "black,grey",
    "--confidence",
    "0.5,0.9",
    "--no-controls",
]


def evaluate(*words: str | Path) -> int:
    return main(["evaluate", *map(str, words)])


def test_tables_and_files(tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert evaluate(bright_left, *TOY, "--backgrounds", "4", "--out", out) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "robustness on solid colours" in captured.out
    assert str(out / "results.sqlite") in captured.out
    names = {path.name for path in out.iterdir()}
    assert {"results.sqlite", "report.md", "tables.csv", "robustness-colours.png", "size.png"} <= names
    assert "| black |" in (out / "report.md").read_text()


def test_json_is_one_object_per_measurement_and_the_ledger_is_read_twice(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = ["--metrics", "size,robustness-colours", "--json"]
    reads: list[object] = []
    rows_of = ledger.rows_of

    def counted(*given: Any) -> Any:
        reads.append(given)
        return rows_of(*given)

    monkeypatch.setattr(ledger, "rows_of", counted)
    assert evaluate(bright_left, *TOY, "--backgrounds", "4", "--out", tmp_path / "out", *metrics) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {(row["removal"], row["metric"], row["confidence"]): row for row in rows}
    assert found["black", "size", 0.5]["value"] == 0.5
    assert found["grey", "robustness-colours", 0.9]["n"] == 4
    assert not any(row["metric"] == "robustness-photos" for row in rows)
    assert len(reads) == 2  # once for all that the command says, once for report.html


def test_some_failures_are_exit_code_1_and_nothing_but_failures_2(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.touch()
    options = [*TOY, "--backgrounds", "2", "--metrics", "robustness-colours", "--json"]
    assert evaluate(bright_left, broken, *options, "--out", tmp_path / "some") == 1
    assert evaluate(broken, *options, "--out", tmp_path / "none") == 2
    printed = capsys.readouterr()
    assert "is empty" in printed.out
    assert [line for line in printed.err.splitlines() if "is empty" in line]
    assert not (tmp_path / "none" / "report.md").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--removals", "gray"], "did you mean 'grey'"),
        (["--confidence", "0.5,high"], "a number from 0 to 1"),
        (["--confidence", "2"], "confidence must be in [0, 1], got 2.0"),
        (["--metrics", "sizes"], "did you mean 'size'"),
        (["--metrics", ""], "--metrics has an empty value; give a value"),
        (["--metrics", "insertion@gray"], "did you mean 'grey'"),
        (["--metrics", "pointing-game"], "name their file (--annotations)"),
        (["--metrics", "pointing-game", "--annotations", "nowhere.json"], "nowhere.json cannot be read"),
        (["--metrics", "accuracy"], "'accuracy' compares with given classes; name their file (--classes)"),
        (["--target", "nowhere"], "has no class 'nowhere'"),
        (["--limit", "0"], "limit must be at least 1, got 0"),
        (["--workers", "-1"], "workers must be at least 0, got -1"),
        (["--backgrounds-from", "nowhere"], "is not there"),
        (["--model", "resnet"], "unknown model"),
        (["--backgrounds", "many"], "many"),
    ],
)
def test_wrong_input_is_one_line(
    words: list[str], said: str, bright_left: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(bright_left, *words, "--out", tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("unseen: error: ")
    assert said in line


def test_a_metric_without_any_value_is_told(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the class that is explained there is no object, so neither a value nor a control made of it."""
    objects = {
        "images": [{"id": 7, "file_name": bright_left.name, "height": 48, "width": 64}],
        "categories": [{"id": 1, "name": "right"}],
        "annotations": [],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(objects))
    options = ["--model", "toy:sides", "--methods", "toy", "--removals", "grey", "--annotations", path]
    assert evaluate(bright_left, *options, "--metrics", "complexity,iou", "--out", tmp_path / "out") == 1
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("unseen: error: metric iou has no value: no object of the explained class")
    assert "complexity (lower is better)" in printed.out
    assert evaluate(bright_left, *options, "--metrics", "complexity", "--out", tmp_path / "out") == 0


def test_a_folder_with_another_evaluation_is_left_alone(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*TOY, "--backgrounds", "2", "--out", tmp_path / "out"]
    assert evaluate(bright_left, *options) == 0
    assert evaluate(bright_left, *options, "--seed", "1") == 2
    assert "another seed" in capsys.readouterr().err


def test_a_larger_choice_begins_with_a_smaller_one() -> None:
    photos = [Path(f"{n}.jpg") for n in range(30)]
    assert sample(photos, 20, seed=3)[:10] == sample(photos, 10, seed=3)
    assert set(sample(photos, None, seed=3)) == set(photos)
    assert sample(photos, 10, seed=4) != sample(photos, 10, seed=3)
