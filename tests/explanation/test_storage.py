from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from helpers.synthetic import make_explanation, make_part
from unseen import Explanation
from unseen.errors import OutputError
from unseen.system import files
from unseen.system.pictures import png

FILES = {"arrays.npz", "explanation.json", "overlay.png", "panel.png", "part.png", "saliency.npy"}


@pytest.fixture(scope="module")
def drawn() -> bytes:
    return png(make_explanation().plot())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, drawn: bytes) -> None:
    """Pictures are drawn once: these tests are about the files."""
    monkeypatch.setattr("unseen.explanation.explanation.png", lambda _: drawn)


def test_everything_is_written(tmp_path: Path) -> None:
    files = make_explanation().save(tmp_path / "new" / "folder")
    assert {path.name for path in files.values()} == FILES
    assert {path.name for path in (tmp_path / "new" / "folder").iterdir()} == FILES
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["folder"]
    np.testing.assert_array_equal(np.load(files["saliency"]), make_explanation().saliency.numpy())
    for what, shape in {"overlay": (800, 900), "part": (800, 900), "panel": (1200, 1400)}.items():
        with Image.open(files[what]) as picture:
            assert picture.width >= shape[0]
            assert picture.height >= shape[1]


@pytest.mark.usefixtures("quick")
def test_the_record_is_a_manifest(tmp_path: Path) -> None:
    folder = make_explanation().save(tmp_path)["record"].parent
    record = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))
    assert (record["format"], record["version"]) == ("unseen explanation", 1)
    assert record["files"] == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES - {"explanation.json"}
    }


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(0, 3),
    label=st.text(max_size=12),
    probability=st.floats(0, 1),
    curve=st.booleans(),
)
def test_reading_back_gives_an_equal_explanation(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, label: str, probability: float, curve: bool
) -> None:
    generator = torch.Generator().manual_seed(seed)
    masks = torch.rand(count, 20, 24, generator=generator) > 0.7
    explanation = make_explanation(
        image=torch.rand(3, 20, 24, generator=generator),
        saliency=torch.randn(20, 24, generator=generator),
        label=label,
        probability=probability,
        parts=tuple(make_part(mask, rank=i, minimal_block=8, stable=0.1) for i, mask in enumerate(masks)),
        **({} if curve else {"curve": None}),
    )
    folder = tmp_path_factory.mktemp("saved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unseen.explanation.explanation.png", lambda _: b"")
        explanation.save(folder)
    back = Explanation.load(folder)
    assert back == explanation
    assert torch.equal(back.image, explanation.image)


@pytest.mark.usefixtures("quick")
def test_pictures_can_come_later(tmp_path: Path) -> None:
    explanation = make_explanation()
    files = explanation.save(tmp_path / "e", pictures=False)
    assert {path.name for path in files.values()} == {"arrays.npz", "explanation.json", "saliency.npy"}
    loaded = Explanation.load(tmp_path / "e")
    assert loaded.to_dict() == explanation.to_dict()
    loaded.save(tmp_path / "e")
    assert {path.name for path in (tmp_path / "e").iterdir()} >= FILES


def test_saving_again_replaces_the_explanation_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "coffee"
    make_explanation().save(folder)
    (folder / "mine.txt").write_text("keep")
    make_explanation(label="cup").save(folder)
    assert Explanation.load(folder) == make_explanation(label="cup")
    assert {path.name for path in folder.iterdir()} == FILES | {"mine.txt"}
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("before", [None, "cup"])
def test_an_interruption_while_drawing_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn: bytes, before: str | None
) -> None:
    folder = tmp_path / "coffee"
    pictures = iter([drawn] * 3)
    monkeypatch.setattr("unseen.explanation.explanation.png", lambda _: next(pictures))
    if before:
        make_explanation(label=before).save(folder)
    monkeypatch.setattr("unseen.explanation.explanation.png", _interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_explanation().save(folder)
    with pytest.raises(KeyboardInterrupt):
        make_explanation().save(tmp_path / "new" / "deep")
    if before:
        assert Explanation.load(folder).label == before
    assert [path.name for path in tmp_path.iterdir()] == (["coffee"] if before else [])


@pytest.mark.usefixtures("quick")
def test_an_interruption_while_files_are_put_in_place_never_leaves_a_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_explanation(label="cup").save(tmp_path)
    replace, calls = Path.replace, iter(range(10))
    monkeypatch.setattr(Path, "replace", lambda *args: _interrupt() if next(calls) == 2 else replace(*args))
    with pytest.raises(KeyboardInterrupt):
        make_explanation().save(tmp_path)
    with pytest.raises(OutputError, match="holds no explanation"):
        Explanation.load(tmp_path)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, even where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("quick", "interruptible")
def test_ctrl_c_waits_until_every_file_is_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_explanation(label="cup").save(tmp_path)
    replace, calls = Path.replace, iter(range(10))

    def slow(*args: Path) -> Path:
        if next(calls) == 2:
            signal.raise_signal(signal.SIGINT)
        return replace(*args)

    monkeypatch.setattr(Path, "replace", slow)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        make_explanation().save(tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler
    assert Explanation.load(tmp_path) == make_explanation()
    assert {path.name for path in tmp_path.iterdir()} == FILES


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("there", [False, True])
def test_of_many_that_save_into_one_folder_each_is_whole(tmp_path: Path, there: bool) -> None:
    first = make_explanation()
    many = [replace(first, saliency=torch.full_like(first.saliency, float(number))) for number in range(6)]
    if there:
        first.save(tmp_path / "x")
    with ThreadPoolExecutor(6) as pool:
        saving = [pool.submit(one.save, tmp_path / "x") for one in many]
        while not all(one.done() for one in saving):
            if (tmp_path / "x").exists():
                assert Explanation.load(tmp_path / "x") in [first, *many]
    assert [one.exception() for one in saving] == [None] * 6
    assert Explanation.load(tmp_path / "x") in many
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.usefixtures("quick")
def test_other_threads_save_too(tmp_path: Path) -> None:
    thread = threading.Thread(target=make_explanation().save, args=(tmp_path / "coffee",))
    thread.start()
    thread.join()
    assert Explanation.load(tmp_path / "coffee") == make_explanation()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("what", ["mkdir", "replace", "unlink"])
def test_without_permission_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    make_explanation(label="cup").save(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, what, forbidden)
        with pytest.raises(OutputError, match=r"\(Permission denied\); choose another folder"):
            make_explanation().save(tmp_path)
    assert not any(path.name.startswith(".unseen") for path in tmp_path.iterdir())
    if what != "replace":
        assert Explanation.load(tmp_path).label == "cup"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(OutputError, match=r"\(Permission denied\); choose another folder"):
            files.check_writable(folder)


def test_no_explanation_there(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(OutputError, match="holds no explanation; give a folder"):
            Explanation.load(folder)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "recipe"}, "not a record of unseen"),
        ({"version": 2}, "format version 2; this unseen reads 1"),
        ({"parts": []}, "damaged"),
        ({"target": None}, "damaged"),
        ({"files": {}}, "was changed since"),
        ({"files": []}, "files is a list, not an object"),
        ({"curve": {"fractions": [0], "insertion": [0], "deletion": ["x"]}}, r"curve.deletion\[0\] is text"),
        ({"notes": 3}, "notes is an integer"),
    ],
)
def test_a_record_that_does_not_fit(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = make_explanation().save(tmp_path)["record"]
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}))
    with pytest.raises(OutputError, match=message):
        Explanation.load(tmp_path)


@pytest.mark.usefixtures("quick")
def test_records_of_before_are_read(tmp_path: Path) -> None:
    """The first ones of version 1 said neither what lies where on the photograph, nor in which unit values are.

    Of parts they said neither what was asked nor what they are worth, and one role had another name.
    """
    made = make_explanation()
    path = made.save(tmp_path)["record"]
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["original"]
    record["target"].pop("unit", None)
    for part in record["parts"]:
        for name in ("asked", "instead", "by_chance", "robustness"):
            del part[name]
        part["role"] = "contrastive"
    path.write_text(json.dumps(record), encoding="utf-8")
    found = Explanation.load(tmp_path)
    assert torch.equal(found.saliency, made.saliency)
    assert [part.rank for part in found.parts] == [part.rank for part in made.parts]
    assert {(part.role, part.by_chance) for part in found.parts} == {("both", None)}
    assert found.unit is None
    found.save(tmp_path / "again")


@pytest.mark.usefixtures("quick")
def test_a_record_that_is_no_json(tmp_path: Path) -> None:
    make_explanation().save(tmp_path)["record"].write_text("{")
    with pytest.raises(OutputError, match="damaged or no record"):
        Explanation.load(tmp_path)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["saliency.npy", "arrays.npz"])
def test_arrays_that_were_changed_or_lost(tmp_path: Path, name: str) -> None:
    make_explanation().save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1])
    with pytest.raises(OutputError, match="was changed since it was saved"):
        Explanation.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(OutputError, match="damaged"):
        Explanation.load(tmp_path)


def test_checking_a_folder_leaves_no_trace(tmp_path: Path) -> None:
    files.check_writable(tmp_path / "a" / "b")
    files.check_writable(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_the_current_folder_and_names_that_are_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    explanation = make_explanation(provenance={"photo": {"source": os.fsdecode(b"caf\xe9.png")}})
    explanation.save(".")
    assert Explanation.load(".") == explanation
    assert {path.name for path in tmp_path.iterdir()} == FILES


@pytest.mark.usefixtures("quick")
def test_nothing_is_written_beside_a_folder_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent of a mounted folder may be read-only, or another file system."""
    made: list[Path] = []
    mkdir = Path.mkdir
    monkeypatch.setattr(Path, "mkdir", lambda self, **options: (made.append(self), mkdir(self, **options))[1])
    (tmp_path / "mounted").mkdir()
    made.clear()
    make_explanation().save(tmp_path / "mounted")
    assert [path.parent for path in made] == [tmp_path / "mounted"]


def test_a_name_that_no_file_system_takes_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        files.check_writable(tmp_path / ("a" * 300))


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "inside"):
        with pytest.raises(OutputError, match="taken is a file; choose another folder"):
            files.check_writable(folder)
        with pytest.raises(OutputError, match="taken is a file"):
            make_explanation().save(folder)


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(
        OutputError, match=r"cannot write .* \(No space left on device\); free some space, or choose another folder"
    ):
        make_explanation().save(tmp_path / "coffee")
    assert list(tmp_path.iterdir()) == []


def _interrupt(*_: object) -> bytes:
    raise KeyboardInterrupt


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "a.json"
    files.replace_file(path, b"one")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(
        OutputError, match=r"a\.json \(No space left on device\); free some space, or choose another folder"
    ):
        files.replace_file(path, b"another")
    assert path.read_bytes() == b"one"
    assert list(path.parent.iterdir()) == [path]
