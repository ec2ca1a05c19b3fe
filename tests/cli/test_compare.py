from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from unseen import Explanation
from unseen.cli import main
from unseen.pipeline.compare import RECORD, SHEET

TOY = ["--model", "toy:sides", "--methods", "toy,unable", "--removals", "black,grey"]


def compare(*words: str | Path) -> int:
    return main(["compare", *map(str, words)])


def test_people_get_a_table_and_the_sheet_and_failures_are_told(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert compare(bright_left, *TOY, "--out", out) == 1
    printed = capsys.readouterr()
    first, header, *rows, sheet, record, report = printed.out.splitlines()
    assert first == f"{bright_left}  (left 100 %)"
    assert header.split() == ["method", "removal", "evaluations", "seconds", "insertion", "deletion"]
    assert [row.split()[:3] for row in rows] == [
        ["toy", "black", "7"],
        ["unable", "black", "7"],
        ["toy", "grey", "7"],
        ["unable", "grey", "failed"],
    ]
    assert len({len(row) for row in [header, *rows]}) == 1
    assert sheet == f"  sheet: {out / SHEET}"
    assert record == f"  record: {out / RECORD}"
    assert report == f"  report: {out / 'report.html'}"
    (line,) = printed.err.splitlines()
    assert line.startswith("unseen: error: unable × grey: Unable has no rule for grey")


def test_json_is_one_object_per_cell_and_nothing_else(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], elsewhere: list[str]
) -> None:
    out = tmp_path / "out"
    assert compare(bright_left, *TOY, "--target", "right", "--seed", "3", "--out", out, "--json") == 1
    cells = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert cells == [{"photo": str(bright_left), **cell} for cell in json.loads((out / RECORD).read_text())["cells"]]
    explanation = Explanation.load(out / cells[2]["folder"])
    assert (explanation.label, explanation.removal) == ("right", "grey")
    assert explanation.provenance["search"] == {"seed": 3}
    record = (out / RECORD).read_text(encoding="utf-8")
    program, name, *words = shlex.split(json.loads(record)["command"])
    assert (program, name) == ("unseen", "compare")
    assert "unseen compare" in (out / "report.html").read_text(encoding="utf-8")
    assert compare(*words, "--out", out, *elsewhere) == 1
    assert [{**one, "seconds": None} for one in json.loads((out / RECORD).read_text(encoding="utf-8"))["cells"]] == [
        {**one, "seconds": None} for one in json.loads(record)["cells"]
    ]


def test_exit_codes(tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ["--model", "toy:sides", "--methods"]
    assert compare(bright_left, *model, "toy", "--removals", "grey", "--out", tmp_path / "good") == 0
    assert compare(bright_left, *model, "unable", "--removals", "grey", "--out", tmp_path / "bad") == 2
    assert (tmp_path / "bad" / SHEET).is_file()
    assert "unable" in capsys.readouterr().err


def test_commas_inside_a_spec_stay_there(tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--model", "toy:sides", "--methods", "toy:stretch=2,wait=false,toy", "--removals", "white"]
    assert compare(bright_left, *words, "--out", tmp_path / "out", "--json") == 0
    assert [json.loads(line)["method"] for line in capsys.readouterr().out.splitlines()] == [
        "toy:stretch=2,wait=false",
        "toy",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--methods": "casual"}, "did you mean 'causal'"),
        ({"--removals": "black,blck"}, "did you mean 'black'"),
        ({"--target": "lfet"}, "no class 'lfet': did you mean 'left'"),
        ({"--seed": "-1"}, "seed must be"),
        ({"--batch-size": "0"}, "batch_size must be at least 1, got 0"),
        ({"--labels": "nowhere.txt"}, "labels nowhere.txt cannot be read"),
        ({"--colour": "red"}, "Unknown option"),
    ],
    ids=str,
)
def test_bad_options_are_one_line(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], message: str
) -> None:
    options = {"--model": "toy:sides", "--methods": "toy", "--removals": "black", "--out": str(tmp_path / "out")}
    words = [word for pair in {**options, **change}.items() for word in pair]
    assert compare(bright_left, *words) == 2
    assert_one_line(capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["missing.jpg", ""])
def test_what_is_no_photograph_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert compare(tmp_path / name, *TOY, "--out", tmp_path / "out") == 2
    assert_one_line(capsys, "missing.jpg" if name else "folder")
    assert not (tmp_path / "out").exists()


def test_wrong_specs_are_found_before_the_model_is_loaded(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("unseen.classifier.zoo.load_classifier", work)
    (tmp_path / "taken").touch()
    assert compare(bright_left, *TOY, "--out", tmp_path / "taken") == 2
    assert_one_line(capsys, "is a file; choose another folder")
    assert compare(bright_left, *TOY, "--methods", "casual") == 2
    assert_one_line(capsys, "did you mean 'causal'")


def assert_one_line(capsys: pytest.CaptureFixture[str], message: str) -> None:
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("unseen: error: ")
    assert message in line


@pytest.mark.parametrize("fails_from", [1, 2, 3])
def test_on_a_full_disk_what_was_saved_counts(
    tmp_path: Path,
    bright_left: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fails_from: int,
) -> None:
    """The disk is full when the n-th explanation is saved; nothing can be written from then on."""
    write, saves = Path.write_bytes, iter(range(1, 1000))
    full = False

    def limited(self: Path, content: bytes) -> int:
        nonlocal full
        full = full or (self.name == "overlay.png" and next(saves) == fails_from)
        if full:
            raise OSError(28, "No space left on device")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", limited)
    code = compare(
        bright_left, "--model", "toy:sides", "--methods", "toy", "--removals", "black,grey", "--out", tmp_path / "out"
    )
    assert code == (2 if fails_from == 1 else 1 if fails_from == 2 else 0)
    if fails_from < 3:
        assert "(No space left on device); free some space" in capsys.readouterr().err
        assert sum(1 for _ in (tmp_path / "out").glob("*/explanation.json")) == fails_from - 1
