from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest
from PIL import Image

from unseen.cli.app import main
from unseen.errors import OutputError
from unseen.explanation.plotting import contact

TOY = ["--model", "toy:sides", "--method", "toy", "--removal", "black"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four photographs, of which one is none."""
    place = tmp_path / "holiday"
    place.mkdir()
    for number, size in enumerate([(64, 48), (48, 64), (400, 40)]):
        photo = Image.new("RGB", size, "black")
        photo.paste("white", (0, 0, size[0] // 2, size[1]))
        photo.save(place / f"photo-{number}.png")
    (place / "text.jpg").write_text("hello")
    return place


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "index.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_many_photographs_are_summed_up(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["explain", str(folder), *TOY, "--out", str(out)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:] == [
        "4 photographs: 3 explained, 1 failed, the part shows 50.0 % of the pixels (median)",
        f"  index: {out / 'index.csv'}",
        f"  contact sheet: {out / 'contact-sheet.png'}",
        f"  report: {out / 'report.html'}",
    ]
    first, second, third, lost = rows(out)
    assert first["file"] == str(folder / "photo-0.png")
    assert first["sha256"] == hashlib.sha256((folder / "photo-0.png").read_bytes()).hexdigest()
    assert (first["target"], first["part_fraction"], first["verified"], first["error"]) == ("left", "0.5", "True", "")
    box = ("left", "top", "width", "height")
    assert [[row[key] for key in box] for row in (first, second, third)] == [
        ["0", "0", "32", "48"],
        ["0", "0", "24", "64"],
        ["0", "0", "200", "40"],
    ]
    assert Path(third["folder"]) == out / "photo-2"
    assert "only a toy" in first["notes"]
    assert (lost["file"], lost["target"]) == (str(folder / "text.jpg"), "")
    assert "not an image" in lost["error"]
    with Image.open(out / "contact-sheet.png") as sheet:
        assert min(sheet.size) > 300


def test_values_have_their_unit(folder: Path, tmp_path: Path) -> None:
    photos = [str(folder / f"photo-{number}.png") for number in range(2)]
    asked = [*TOY, "--outputs", "value:unit=mm", "--part", "sufficient", "--chance", "0", "--backgrounds", "0"]
    assert main(["explain", *photos, *asked, "--out", str(tmp_path)]) == 0
    assert [row["unit"] for row in rows(tmp_path)] == ["mm", "mm"]


def test_of_one_photograph_there_is_nothing_to_sum_up(folder: Path, tmp_path: Path) -> None:
    assert main(["explain", str(folder / "photo-0.png"), *TOY, "--out", str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo-0"]


def test_where_nothing_was_explained_neither(folder: Path, tmp_path: Path) -> None:
    missing = [str(folder / "text.jpg"), str(folder / "missing.jpg")]
    assert main(["explain", *missing, *TOY, "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_an_index_that_cannot_be_written_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: bytes) -> None:
        del content
        raise OutputError(f"cannot write {path} (No space left on device); free some space")

    monkeypatch.setattr("unseen.cli.summary.replace_file", full)
    photos = [str(folder / f"photo-{number}.png") for number in range(2)]
    assert main(["explain", *photos, *TOY, "--out", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert "index.csv (No space left on device)" in captured.err
    assert "photographs:" not in captured.out


def test_a_sheet_has_room_for_so_many(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contact, "MOST", 2)
    assert main(["explain", str(folder), *TOY, "--out", str(tmp_path / "out")]) == 1
    assert "  contact sheet, the first 2: " in capsys.readouterr().out
