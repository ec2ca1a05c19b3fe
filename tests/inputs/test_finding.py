from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from unseen.errors import PhotoError
from unseen.inputs.finding import Finding, find_photos, listed, sample


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def relative(folder: Path, found: list[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in found]


def test_files_stand_for_themselves_and_folders_for_their_photographs(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png", "notes.md", ".hidden.jpg")
    (tmp_path / "deeper.jpg").mkdir()
    given_file = tmp_path / "notes.md"
    assert find_photos([given_file, tmp_path]) == [given_file, tmp_path / "a.png", tmp_path / "b.JPG"]
    assert find_photos(["missing.jpg"]) == [Path("missing.jpg")]


def test_a_folder_without_photographs_stands_for_its_sub_folders(tmp_path: Path) -> None:
    touch(tmp_path, "cats/b.jpg", "cats/a.png", "dogs/small/a.png", ".cache/d.jpg", "empty/notes.md")
    (tmp_path / "dogs" / "round").symlink_to(tmp_path, target_is_directory=True)
    assert relative(tmp_path, find_photos([tmp_path])) == ["cats/a.png", "cats/b.jpg", "dogs/small/a.png"]
    touch(tmp_path, "top.jpg")
    assert find_photos([tmp_path]) == [tmp_path / "top.jpg"]


def test_what_is_left_out_is_counted_and_told(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "labels.csv", "about.json", "more.json", ".hidden", "deeper/c.jpg")
    found = Finding.of([tmp_path])
    assert relative(tmp_path, found.photos) == ["a.jpg", "b.jpg"]
    assert found.left_out == (
        "files left out, which are no photographs: 3 (2 .json, 1 .csv)",
        "folders not entered, because photographs lie beside them: 1; name them to take what they hold",
    )
    assert Finding.of([tmp_path / "deeper"]).left_out == ()


def test_a_list_names_photographs_from_its_own_folder(tmp_path: Path) -> None:
    touch(tmp_path, "val/7.JPEG", "val/8.JPEG", "my photos/a b 3.jpg", "deep/x.png")
    lines = ["# of ImageNet", "val/7.JPEG 65", "val/8.JPEG\t970", "", "my photos/a b 3.jpg", "deep", "gone.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(lines), "utf-8")
    named = ["val/7.JPEG", "val/8.JPEG", "my photos/a b 3.jpg", "deep/x.png", "gone.jpg"]
    assert relative(tmp_path, find_photos([tmp_path / "list.txt"])) == named


@pytest.mark.parametrize(
    ("line", "path", "label"),
    [
        ("val/7.JPEG 65", "val/7.JPEG", "65"),
        ("a b.jpg cat", "a b.jpg", "cat"),
        ("a b.jpg", "a b.jpg", ""),
        ("a.jpg b.jpg", "a.jpg b.jpg", ""),
        ("scan.nii.gz 1", "scan.nii.gz", "1"),
        ("my folder", "my folder", ""),
        ("IM 1\tgolden retriever", "IM 1", "golden retriever"),
    ],
)
def test_a_line_of_a_list_is_a_path_and_perhaps_a_class(line: str, path: str, label: str) -> None:
    assert [*listed(Path("val.txt"), f"# of mine\n\n {line} \n")] == [("val.txt, line 3", path, label)]


def test_a_line_of_which_the_path_cannot_be_told_is_refused_with_a_remedy(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    (tmp_path / "val.txt").write_text("a.jpg golden retriever", "utf-8")
    with pytest.raises(PhotoError, match=r"val.txt, line 1: where the path ends .*; put a tab between"):
        find_photos([tmp_path / "val.txt"])
    (tmp_path / "val.txt").write_text("a.jpg\tgolden retriever", "utf-8")
    assert find_photos([tmp_path / "val.txt"]) == [tmp_path / "a.jpg"]


def test_a_folder_of_shards_stands_for_what_they_hold(tmp_path: Path) -> None:
    touch(tmp_path, "made/1.jpg", "made/1.cls", "made/1.json", "made/2.cls", "made/2.png", "made/.3.png")
    (tmp_path / "shards").mkdir()
    for shard, first in (("b.tar", "1."), ("a.tar", "2.")):
        with tarfile.open(tmp_path / "shards" / shard, "w") as archive:
            for path in sorted((tmp_path / "made").glob(f"{first}*")):
                archive.add(path, f"./{path.name}")
    found = Finding.of([tmp_path / "shards"])
    assert relative(tmp_path / "shards", found.photos) == ["a.tar/2.png", "b.tar/1.jpg"]
    assert found.left_out == ("files left out, which are no photographs: 3 (2 .cls, 1 .json)",)
    assert find_photos([tmp_path / "shards" / "b.tar"]) == [tmp_path / "shards" / "b.tar" / "1.jpg"]


def test_what_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no photographs"):
        find_photos([tmp_path])
    with pytest.raises(PhotoError, match="no photograph was given"):
        find_photos([])
    with tarfile.open(tmp_path / "none.tar", "w"):
        pass
    for name, content, said in (
        ("empty.txt", b"# nothing\n", "names no photographs; write a path a line"),
        ("odd.txt", b"\xff\xfe", "is no UTF-8 text; save it as such"),
        ("list.txt", b"empty.txt", r"names another list, empty.txt; name photographs, folders or shards"),
        ("none.tar", None, "none.tar holds no photographs"),
        ("torn.tar", b"x" * 2000, "torn.tar cannot be read .*; copy it again"),
        ("packed.tar.gz", b"", "is compressed, .*; unpack it first"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(PhotoError, match=said):
            find_photos([tmp_path / name])
    with pytest.raises(PhotoError, match=r"list .*nowhere.txt cannot be read: No such file"):
        find_photos([tmp_path / "nowhere.txt"])


def test_the_order_follows_from_the_seed() -> None:
    photos = [Path(f"{number}.jpg") for number in range(50)]
    assert sample(photos, None, 1) == sample(photos, None, 1) != sample(photos, None, 2)
    assert sorted(sample(photos, None, 1)) == sorted(photos)
    assert sample(photos, None, 1)[:20] == sample(photos, 20, 1)
