from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from unseen import open_photo
from unseen.errors import ModelError, PhotoError
from unseen.inputs import contents
from unseen.inputs.contents import Location, contents_digest, digest
from unseen.inputs.finding import find_photos
from unseen.inputs.reading import stored


def png(level: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 16), (level, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        for name, data in (("a/1.png", png(1)), ("b/1.png", png(2)), ("b/1.cls", b"7"), ("b/none.png", b"")):
            about = tarfile.TarInfo(name)
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return tmp_path / "0.tar"


def test_what_lies_in_a_shard_is_read_like_a_file_of_its_own(shard: Path) -> None:
    own = shard.parent / "own.png"
    own.write_bytes(png(2))
    first, second, empty = find_photos([shard])
    assert (first.name, second.name) == ("1.png", "1.png")
    assert open_photo(first).getpixel((0, 0)) == (1, 0, 0)
    assert open_photo(str(second)).getpixel((0, 0)) == (2, 0, 0)
    assert stored(second, 3, declared=False).values.shape == (16, 20, 3)
    assert digest(second) == digest(own) != digest(first)
    assert contents_digest([first, second]) == contents_digest([first, own]) != contents_digest([first, first])
    assert (Location.of(second).shared, Location.of(own).shared) == (shard, None)
    with pytest.raises(PhotoError, match=r"none.png is empty"):
        open_photo(empty)
    with pytest.raises(PhotoError, match=r"0.tar.c.png cannot be opened: .*holds no such photograph; check the path"):
        open_photo(shard / "c.png")


def test_where_a_photograph_lies_is_looked_up_once_a_read(shard: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, _ = find_photos([shard])
    looked: list[Path] = []

    def counted(path: Path) -> object:
        looked.append(path)
        return find(path)

    find = contents.collection
    monkeypatch.setattr(contents, "collection", counted)
    for number, read in enumerate((open_photo, lambda path: stored(path, 3, declared=False), digest), 1):
        read(first if number % 2 else second)
        assert len(looked) == number


def test_a_shard_that_is_written_anew_is_read_anew(shard: Path) -> None:
    before = digest(shard / "a/1.png")
    with tarfile.open(shard, "w") as archive:
        about = tarfile.TarInfo("a/1.png")
        about.size = len(png(9))
        archive.addfile(about, io.BytesIO(png(9)))
    assert digest(shard / "a/1.png") != before
    assert open_photo(shard / "a/1.png").getpixel((0, 0)) == (9, 0, 0)


def test_a_file_is_read_once_by_all_that_ask_for_it_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(png(1))
    reads: list[Path] = []
    read = Path.read_bytes

    def counted(path: Path) -> bytes:
        reads.append(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    open_photo(tmp_path / "a.png")
    digest(tmp_path / "a.png")
    stored(tmp_path / "a.png", 3, declared=False)
    assert reads == [tmp_path / "a.png"]
    (tmp_path / "a.png").write_bytes(png(2) + b" ")
    assert open_photo(tmp_path / "a.png").getpixel((0, 0)) == (2, 0, 0)


def test_large_files_are_left_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(png(1))
    small = digest(tmp_path / "a.png")
    monkeypatch.setattr(contents, "KEPT", 10)
    monkeypatch.setattr(contents, "_content", None)
    assert digest(tmp_path / "a.png") == small
    assert open_photo(tmp_path / "a.png").getpixel((0, 0)) == (1, 0, 0)


# ---- data sets of Hugging Face -----------------------------------------------------------------------------------


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The package, with nothing of it outside the folder of the test."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    return datasets


def rows(datasets: Any, *levels: int | None) -> Any:
    pictures = [None if level is None else {"bytes": png(level), "path": None} for level in levels]
    features = datasets.Features({"label": datasets.Value("int64"), "image": datasets.Image()})
    return datasets.Dataset.from_dict({"label": list(range(len(levels))), "image": pictures}, features)


def test_a_data_set_on_disk_is_read_row_by_row(offline: Any, tmp_path: Path) -> None:
    rows(offline, 5, 6, None).select([1, 0, 2]).save_to_disk(str(tmp_path / "one"))
    found = find_photos([tmp_path / "one"])
    assert [path.name for path in found] == ["00000000", "00000001", "00000002"]
    assert [open_photo(path).getpixel((0, 0)) for path in found[:2]] == [(6, 0, 0), (5, 0, 0)]
    assert Location.of(found[0]).content() == png(6)
    for path in (found[2], tmp_path / "one" / "00000003"):
        with pytest.raises(PhotoError, match=r"cannot be opened: .*(the row has no image|no such row); check the path"):
            open_photo(path)
    both = offline.DatasetDict({"train": rows(offline, 1), "test": rows(offline, 2)})
    both.save_to_disk(str(tmp_path / "both"))
    found = find_photos([tmp_path / "both"])
    assert [path.parent.name for path in found] == ["train", "test"]
    assert open_photo(found[1]).getpixel((0, 0)) == (2, 0, 0)


def test_a_data_set_without_images_or_of_another_kind_is_refused(offline: Any, tmp_path: Path) -> None:
    offline.Dataset.from_dict({"label": [1]}).save_to_disk(str(tmp_path / "bare"))
    with pytest.raises(PhotoError, match=r"bare has no column of images \(it has label\); cast one to"):
        find_photos([tmp_path / "bare"])
    (tmp_path / "odd").mkdir()
    for name in ("state.json", "dataset_info.json"):
        (tmp_path / "odd" / name).write_text("{}")
    with pytest.raises(PhotoError, match=r"data set .*odd cannot be read"):
        find_photos([tmp_path / "odd"])


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dataset_dict.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ModelError, match=r"pip install 'unseen\[datasets\]'"):
        find_photos([tmp_path])
