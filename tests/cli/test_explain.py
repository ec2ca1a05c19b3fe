from __future__ import annotations

import csv
import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from unseen import Explanation
from unseen.cli import main

TOY = ["--model", "toy:sides", "--method", "toy", "--removal", "black", "--backgrounds", "0"]


def explain(*words: str | Path) -> int:
    return main(["explain", *map(str, words)])


def test_json_is_one_object_per_photograph_and_nothing_else(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (50, 50), "grey").save(tmp_path / "grey.png")
    out = tmp_path / "out"
    assert explain(bright_left, tmp_path / "grey.png", *TOY, "--target", "left", "--out", out, "--json") == 0
    captured = capsys.readouterr()
    first, second = map(json.loads, captured.out.splitlines())
    assert captured.err == ""
    assert first["photo"] == str(bright_left)
    assert first["target"] == {"index": 0, "label": "left", "probability": pytest.approx(1)}
    assert (first["method"], first["removal"]) == ("toy", "black")
    part, needed = first["parts"]
    assert (part["role"], needed["role"]) == ("sufficient", "necessary")
    assert part["confidence_threshold"] == 0.5
    assert part["fraction"] == 0.5
    assert part["confidence"] == pytest.approx(1)
    assert part["verified"] is True
    assert first["evaluations"] == 7
    assert first["seconds"] > 0
    assert {what: Path(path).name for what, path in first["files"].items()} == {
        "saliency": "saliency.npy",
        "arrays": "arrays.npz",
        "overlay": "overlay.png",
        "part": "part.png",
        "panel": "panel.png",
        "overlay_original": "overlay-original.png",
        "part_original": "part-original.png",
        "record": "explanation.json",
        "report": "report.html",
    }
    assert all(Path(path).is_file() for path in first["files"].values())
    assert Explanation.load(out / "half").label == "left"
    assert second["photo"] == str(tmp_path / "grey.png")
    assert sorted(path.name for path in out.iterdir()) == [
        "contact-sheet.png",
        "grey",
        "half",
        "index.csv",
        "report.html",
    ]


def test_options_reach_the_method(tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--confidence", "0.2", "--confidence", "0.9", "--parts", "2", "--part", "both", "--seed", "7"]
    method = ["--model", "toy:sides", "--method", "toy:stretch=3", "--removal", "white"]
    assert explain(bright_left, *method, *options, "--target", "1", "--out", tmp_path / "out", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert [(part["confidence_threshold"], part["rank"]) for part in record["parts"]] == [
        (0.2, 0),
        (0.2, 1),
        (0.9, 0),
        (0.9, 1),
    ]
    assert {part["role"] for part in record["parts"]} == {"both"}
    explanation = Explanation.load(tmp_path / "out" / "half")
    assert float(explanation.saliency.max()) == 3
    assert explanation.provenance["search"] == {"seed": 7}
    assert explanation.target == 1
    assert "not right" in record["notes"][0]


def test_people_get_a_table_and_the_pictures(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(bright_left, *TOY, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr()
    for text in ("half.png  (7 evaluations", "left", "50.0 %", "yes", "note: only a toy"):
        assert text in printed.out
    assert f"pictures: {tmp_path / 'out' / 'half' / 'panel.png'}" in printed.out
    assert printed.err == ""


def test_one_bad_photograph_does_not_stop_the_others(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    missing = tmp_path / "missing.jpg"
    words = [missing, tmp_path / "text.jpg", bright_left, *TOY, "--out", tmp_path / "out", "--json"]
    assert explain(*words) == 1
    captured = capsys.readouterr()
    records = [json.loads(line) for line in captured.out.splitlines()]
    assert ["error" in record for record in records] == [True, True, False]
    assert [line.startswith("unseen: error: ") for line in captured.err.splitlines()] == [True, True]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "half",
        "index.csv",
        "contact-sheet.png",
        "report.html",
    }


def test_a_network_that_fails_on_one_photograph_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (50, 50), "black").save(tmp_path / "dark.png")
    Image.new("RGB", (50, 50), "white").save(tmp_path / "bright.png")
    model = ["--model", "toy:failing", "--method", "toy", "--removal", "white", "--batch-size", "1"]
    assert explain(tmp_path / "dark.png", tmp_path / "bright.png", *model, "--out", tmp_path / "out", "--json") == 1
    captured = capsys.readouterr()
    assert "error" in json.loads(captured.out.splitlines()[0])
    assert Explanation.load(tmp_path / "out" / "bright").label == "left"
    (line,) = captured.err.splitlines()
    assert "dark.png: toy:failing fails on images of shape (1, 3, 24, 32) (too dark to see);" in line


def test_several_photographs_are_explained_elsewhere_as_here(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], elsewhere: list[str]
) -> None:
    """A process of its own does the last photograph first."""
    dark = tmp_path / "dark.png"
    Image.new("RGB", (64, 48), "grey").save(dark)
    (tmp_path / "no.png").write_bytes(b"nothing")
    photos, told = (bright_left, dark, tmp_path / "no.png", bright_left), {}
    for name, words in (("here", []), ("there", elsewhere)):
        assert explain(*photos, *TOY, "--out", tmp_path / name, *words) == 1
        printed = capsys.readouterr()
        assert printed.err.count("no.png") == 1
        with (tmp_path / name / "index.csv").open(encoding="utf-8") as lines:
            told[name] = [
                {column: value for column, value in row.items() if column not in ("seconds", "folder")}
                for row in csv.DictReader(lines)
            ]
    assert told["here"] == told["there"]
    assert [Path(row["file"]).name for row in told["here"]] == ["half.png", "dark.png", "no.png"]
    parts = [Explanation.load(tmp_path / name / "half").parts[0] for name in ("here", "there")]
    assert parts[0].mask.equal(parts[1].mask)


def test_a_network_that_cannot_be_optimised_is_used_as_it_is(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", "toy:unique", "--method", "toy", "--removal", "black", "--device", "cpu"]
    assert explain(bright_left, *words, "--out", tmp_path / "out", "--json") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("unseen: note: toy:unique cannot be optimised")
    assert not Explanation.load(tmp_path / "out" / "half").provenance["classifier"]["optimised"]


def test_the_command_in_the_record_has_device_and_labels(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "names.txt").write_text("links\nrechts\nkeins\n")
    words = ["--model", "toy:sides", "--method", "toy", "--removal", "black", "--labels", tmp_path / "names.txt"]
    assert explain(bright_left, *words, "--target", "links", "--device", "cpu", "--out", tmp_path / "out") == 0
    first = Explanation.load(tmp_path / "out" / "half")
    _, *again = shlex.split(first.provenance["command"])
    assert again[again.index("--device") + 1] == "cpu"
    assert main([*again, "--out", str(tmp_path / "again")]) == 0
    second = Explanation.load(tmp_path / "again" / "half")
    assert (second.label, second.parts) == ("links", first.parts)
    assert second.provenance["command"] == first.provenance["command"]
    capsys.readouterr()


@pytest.mark.parametrize("place", ["tempfile.TemporaryFile", "pathlib.Path.mkdir"])
def test_an_output_folder_without_permission(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(place, forbidden)
    assert explain(bright_left, *TOY, "--out", tmp_path / "out") == 2
    assert_one_line(capsys, "(Permission denied); choose another folder")
    assert not (tmp_path / "out").exists()


def test_a_folder_stands_for_its_photographs(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 48), "grey").save(tmp_path / "grey.png")
    assert explain(bright_left.parent, bright_left, *TOY, "--out", tmp_path / "out", "--json") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2  # each once, however often it is named
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["grey", "half"]


def bad_photo(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name == "text.jpg":
        path.write_text("hello")
    elif name == "empty.png":
        path.touch()
    elif name == "dot.png":
        Image.new("RGB", (1, 1)).save(path)
    elif name == "cut.jpg":
        Image.effect_noise((200, 200), 50).save(path)
        path.write_bytes(path.read_bytes()[:3000])
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.jpg", "check the path"),
        ("m" * 240 + ".jpg", "check the path"),
        ("folder", "holds no photographs"),
        ("text.jpg", "not an image"),
        ("empty.png", "is empty"),
        ("dot.png", "1 × 1 pixels"),
        ("cut.jpg", "truncated"),
    ],
)
def test_bad_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, message: str) -> None:
    assert explain(bad_photo(tmp_path, name), *TOY, "--out", tmp_path / "out") == 2
    assert_one_line(capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--model": "eficientnet-lite0"}, "did you mean 'efficientnet-lite0'"),
        ({"--method": "casual"}, "did you mean 'causal'"),
        ({"--method": "toy:strech=2"}, "no option 'strech': did you mean 'stretch'"),
        ({"--removal": "blck"}, "did you mean 'black'"),
        ({"--target": "lfet"}, "no class 'lfet': did you mean 'left'"),
        ({"--target": "3"}, "target 3 is outside 0 … 2"),
        ({"--confidence": "1.01"}, "confidence must be in [0, 1], got 1.01"),
        ({"--confidence": "-0.5"}, "confidence must be in [0, 1], got -0.5"),
        ({"--confidence": "nan"}, "confidence must be in [0, 1], got nan"),
        ({"--confidence": "high"}, "high"),
        ({"--seed": "-1"}, "seed must be"),
        ({"--parts": "0"}, "parts must be at least 1, got 0"),
        ({"--part": "needed"}, "needed"),
        ({"--chance": "-1"}, "chance must be at least 0, got -1"),
        ({"--robust": "1"}, "robust must be in (0, 1), got 1.0; it is the share"),
        ({"--contexts": "nowhere"}, "neither 'colours' nor 'textures' nor a folder; give a folder of photographs"),
        ({"--backgrounds": "-1"}, "backgrounds must be at least 0, got -1"),
        ({"--batch-size": "0"}, "batch_size must be at least 1, got 0"),
        ({"--device": "abacus"}, "device 'abacus' cannot be used"),
        ({"--labels": "nowhere.txt"}, "labels nowhere.txt cannot be read"),
        ({"--colour": "red"}, "Unknown option"),
    ],
    ids=str,
)
def test_bad_options(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], change: dict[str, str], message: str
) -> None:
    options = {"--model": "toy:sides", "--method": "toy", "--removal": "black", "--out": str(tmp_path / "out")}
    words = [word for pair in {**options, **change}.items() for word in pair]
    assert explain(bright_left, *words) == 2
    assert_one_line(capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("model", "message"), [("toy:nan", "NaN or infinite logits"), ("toy:short", "3 outputs but 2 labels")]
)
def test_networks_that_do_not_classify(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], model: str, message: str
) -> None:
    words = ["--model", model, "--method", "toy", "--removal", "black", "--device", "cpu"]
    assert explain(bright_left, *words, "--out", tmp_path / "out") == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("unseen: error: half.png: ")
    assert message in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["taken", "taken/inside", "free"])
def test_an_output_folder_that_cannot_be_written_is_found_before_the_work(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    def work(*_: Any, **__: Any) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr("unseen.classifier.zoo.load_classifier", work)
    (tmp_path / "taken").write_text("")
    (tmp_path / "free").mkdir()
    (tmp_path / "free" / "half").write_text("")
    assert explain(bright_left, *TOY, "--out", tmp_path / out) == 2
    assert_one_line(capsys, "is a file; choose another folder")


def test_a_photograph_whose_name_is_not_utf8(
    tmp_path: Path, bright_left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = bright_left.rename(tmp_path / os.fsdecode(b"caf\xe9.png"))
    assert explain(odd, *TOY, "--out", tmp_path / "out", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["photo"] == str(odd)
    assert Explanation.load(Path(record["files"]["record"]).parent).provenance["photo"]["source"] == str(odd)
    assert explain(odd, *TOY, "--out", tmp_path / "out") == 0


def test_no_photograph(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain() == 2
    assert_one_line(capsys, "PHOTO")


def assert_one_line(capsys: pytest.CaptureFixture[str], message: str) -> None:
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("unseen: error: ")
    assert message in line


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (
            ["--outputs", "region:missing.npy"],
            "region cannot be read: missing.npy cannot be opened: .*; check the path",
        ),
        (["--outputs", "box:1/2/3/4,label=1"], "not a list with the detections of each .*; let it return a mapping"),
        (["--outputs", "logits:key=out"], "returned a Tensor without an entry 'out'; leave the key out"),
        (["--preprocessing", "mean=0.5"], "give one of each per channel$"),
        (
            ["--preprocessing", "mean=0.5,std=0.5"],
            r"check size and channels in its preprocessing \(one mean and std for",
        ),
        (["--labels", "labels"], "pass one label per output, in the order of the logits"),
    ],
)
def test_what_is_wrong_with_a_model_is_one_line(
    words: list[str],
    cause: str,
    photo_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That it fails is told of the photograph, and not of its optimised copy, too."""
    monkeypatch.chdir(tmp_path)
    Path("labels").write_text("one\n", encoding="utf-8")
    assert main(["explain", str(photo_path), *words, "--method", "occlusion", "--removal", "black"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("unseen: error: ")
    assert re.search(cause, line)
