"""Classes that people gave, from each of the forms, into the rows of an evaluation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers import toys
from unseen.classifier.zoo import MODELS
from unseen.errors import OutputError, ParameterError, PhotoError
from unseen.evaluation.judging.engine import run
from unseen.evaluation.judging.given import GivenClasses
from unseen.evaluation.judging.measurements import Measurements
from unseen.evaluation.judging.plan import Plan
from unseen.evaluation.judging.plan_file import PlannedRun, read_plan
from unseen.evaluation.judging.report.report import as_markdown
from unseen.explainers.catalogue import METHODS

RIGHT = 1


def written(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def coco(**areas: dict[str, float]) -> str:
    """A file of photographs, each with the areas of the objects of its categories."""
    ids = {"left": 7, "right": 8}
    return json.dumps(
        {
            "images": [{"id": number, "file_name": f"{name}.png"} for number, name in enumerate(areas)],
            "categories": [{"id": key, "name": name} for name, key in ids.items()],
            "annotations": [
                {"image_id": number, "category_id": ids[name], "area": area}
                for number, found in enumerate(areas.values())
                for name, area in found.items()
            ],
        }
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("val.csv", "class,photo,more\nright,a.png,1\n\n0,b.png,2\n"),
        ("val.tsv", "Photo\tClass\na.png\tright\nb.png\tleft"),
        ("val.txt", "# ImageNet's\na.png 1\nb.png\tleft\n"),
        ("val.json", coco(a={"left": 3.5, "right": 9.25}, b={"left": 1.0}, c={})),
    ],
)
def test_every_form_names_photographs_and_their_classes(tmp_path: Path, name: str, text: str) -> None:
    found = GivenClasses.read([written(tmp_path, name, text)])
    assert found.photos == [tmp_path / "a.png", tmp_path / "b.png"]
    classes = [found.of(photo).name for photo in found.photos]
    assert [{"1": "right", "0": "left"}.get(one, one) for one in classes] == ["right", "left"]
    assert found.of(Path("elsewhere/b.png")).name == classes[1]
    with pytest.raises(
        PhotoError, match=r"no class is given for .*c.png; add a line for it to the file of the classes"
    ):
        found.of(tmp_path / "c.png")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("val.csv", "file,label\na.png,left\n", "val.csv, line 1: the columns are file, label; name two of them photo"),
        ("val.csv", "", "val.csv, line 1: the columns are none; name two"),
        ("val.csv", "photo,class\na.png,left\nb.png\n", "val.csv, line 3: no class; write both, or leave the line out"),
        ("val.csv", 'photo,class\n"a.png,left\n', "val.csv, line 2: .*"),
        ("val.txt", "a.png 1\n\nb.png\n", "val.txt, line 3: no class after the path; write PATH CLASS, with a tab"),
        ("val.txt", "a.png golden retriever\n", "val.txt, line 1: where the path ends cannot be told; put a tab"),
        ("val.json", "[]", "val.json holds no annotations in COCO's format: it is a list"),
        (
            "val.json",
            coco(a={"left": 1}).replace('"id": 7', '"id": 9'),
            r"annotations\[0\] is of the category 7, which",
        ),
        ("val.xml", "", "val.xml, which is no table .*name one of these, or folders"),
    ],
)
def test_a_file_that_is_none_of_these_is_told_with_its_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        GivenClasses.read([written(tmp_path, name, text)])


def test_names_that_two_folders_have_are_told_apart(tmp_path: Path) -> None:
    source = written(tmp_path, "val.csv", "photo,class\nx/a.png,left\ny/a.png,right\n")
    found = GivenClasses.read([source])
    assert [found.of(Path(f"copy/{folder}/a.png")).name for folder in "xy"] == ["left", "right"]
    for other in ("z/a.png", "a.png"):
        with pytest.raises(PhotoError, match=rf"no class is given for {other}; add a line"):
            found.of(Path(other))
    written(tmp_path, "fixes.csv", f"photo,class\ndogs/1.jpg,cat\n{tmp_path}/cats/2.jpg,dog\n/data/3.jpg,dog\n")
    fixed = GivenClasses.read(["folders", str(tmp_path / "fixes.csv")])
    photos = ("dogs/1.jpg", "cats/1.jpg", "hotdogs/1.jpg", "cats/2.jpg", "cats/3.jpg")
    assert [fixed.of(tmp_path / name).name for name in photos] == ["cat", "cats", "hotdogs", "dog", "cats"]
    assert [fixed.of(Path(name)).name for name in ("copy/cats/2.jpg", "/data/3.jpg")] == ["dog", "dog"]


def test_the_line_that_has_most_of_the_path_counts_and_contradictions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    text = "photo,class\na.png,left\nx/a.png,right\n../y/a.png,other\n./b.png,left\nb.png,right\n"
    found = GivenClasses.read([written(tmp_path / "lists", "val.csv", text)])
    photos = [tmp_path / "lists" / "a.png", Path("z/a.png"), Path("copy/x/a.png"), tmp_path / "y" / "a.png"]
    assert [found.of(photo).name for photo in photos] == ["left", "left", "right", "other"]
    for photo in (tmp_path / "lists" / "b.png", Path("z/b.png")):
        with pytest.raises(ParameterError, match=r"b.png is 'left' in .*line 5 and 'right' in .*line 6; leave one"):
            found.of(photo)
    with pytest.raises(ParameterError, match=r"cannot be read .*; check the path"):
        GivenClasses.read([str(tmp_path / "gone.csv")])


def test_the_given_class_is_explained_and_what_contradicts_it_is_refused(
    tmp_path: Path, bright_sides: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    lines = [f"{path.name},right" for path in bright_sides[:3]]
    source = written(bright_sides[0].parent, "val.csv", "\n".join(["photo,class", *lines]))
    plan = Plan(
        bright_sides,
        model="toy:sides",
        methods=("toy",),
        removals=("black",),
        metrics=("complexity",),
        controls=False,
        classes=(source,),
    )
    rows = [row for row in run(plan, tmp_path / "out") if row.metric == "seconds"]
    assert [row.target for row in rows] == [RIGHT, RIGHT, RIGHT, -1]
    assert rows[3].detail == f"no class is given for {bright_sides[3]}; add a line for it to the file of the classes"
    with pytest.raises(OutputError, match=r"another target \(--target, --classes\) \(given classes, now None\)"):
        run(replace(plan, classes=()), tmp_path / "out")
    written(bright_sides[0].parent, "val.csv", "\n".join(["photo,class", *lines, f"{bright_sides[3].name},right"]))
    done: list[str] = []
    rows = run(plan, tmp_path / "out", progress=lambda what, *_: done.append(what))
    assert {row.target for row in rows} == {RIGHT}
    assert {what.split(",")[0] for what in done} == {bright_sides[3].name}, "a line was added, as the message says"
    written(bright_sides[0].parent, "val.csv", f"photo,class\n{bright_sides[0].name},rihgt\n")
    with pytest.raises(ParameterError, match=r"val.csv, line 2: .*'rihgt'.*did you mean 'right'"):
        run(plan, tmp_path / "other")
    written(bright_sides[0].parent, "val.csv", "photo,class\ngone.png,right\n")
    with pytest.raises(ParameterError, match="the classes belong to none of the photographs: no class is given for"):
        run(plan, tmp_path / "other")
    with pytest.raises(ParameterError, match=r"target .left. is the same for every photograph, .*; leave one out"):
        replace(plan, target="left")


def test_a_photograph_of_another_class_is_explained_anew_and_by_whatever_method_not_mixed(
    tmp_path: Path, bright_sides: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS.entries, "toy", toys.METHOD)
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    photos = [tmp_path / "left" / "0.png", tmp_path / "right" / "1.png"]
    for photo, taken in zip(photos, bright_sides, strict=False):
        photo.parent.mkdir()
        photo.write_bytes(taken.read_bytes())
    plan = Plan(
        tuple(photos),
        model="toy:sides",
        methods=("toy", "edges"),
        removals=("black",),
        metrics=("complexity",),
        controls=False,
        classes=("folders",),
    )
    assert {row.photo: row.target for row in run(plan, tmp_path / "out")} == {"0.png": 0, "1.png": RIGHT}
    moved = photos[0].rename(photos[1].parent / "0.png")
    notes: list[str] = []
    plan = replace(plan, photos=(moved, photos[1]), methods=("toy",))
    rows = run(plan, tmp_path / "out", note=notes.append)
    assert {(row.method, row.photo, row.target) for row in rows} == {
        ("toy", "0.png", RIGHT),
        ("toy", "1.png", RIGHT),
        ("edges", "1.png", RIGHT),
    }
    assert notes == ["another class is given now, so earlier explanations are done again or left out: 2"]
    run(plan, tmp_path / "out", note=notes.append)
    assert len(notes) == 1


def test_a_plan_has_several_data_sets_each_with_its_classes(bright_sides: tuple[Path, ...]) -> None:
    folder = bright_sides[0].parent
    for side in ("left", "right"):
        (folder / side).mkdir()
        (folder / side / "a.png").write_bytes(bright_sides[side == "right"].read_bytes())
    written(folder, "val.csv", f"photo,class\n{bright_sides[0].name},left\n")
    written(folder, "val.txt", f"{bright_sides[1].name} 1\n")
    plan = """model = "toy:sides"
[[runs]]
name = "table"
classes = ["val.csv"]
[[runs]]
name = "both"
photos = ["."]
classes = ["val.csv", "val.txt"]
[[runs]]
name = "folders"
photos = ["left", "right"]
classes = ["folders"]
"""
    runs = read_plan(Path(written(folder, "plan.toml", plan)))
    assert [[path.name for path in one.plan.photos] for one in runs[:1]] == [[bright_sides[0].name]]
    assert runs[1].plan.classes == (str(folder / "val.csv"), str(folder / "val.txt"))
    given = GivenClasses.read(runs[2].plan.classes)
    assert {given.of(photo).name for photo in runs[2].plan.photos} == {"left", "right"}
    written(folder, "val.txt", "nameless\n")
    with pytest.raises(ParameterError, match=r"plan.toml, line 8: .*val.txt, line 1: no class after the path"):
        read_plan(folder / "plan.toml")
    with pytest.raises(PhotoError, match="no photograph was given"):
        PlannedRun.of("", {"classes": ["folders"]})


def test_the_models_accuracy_on_the_sample_counts_the_given_classes(
    bright_sides: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photographs that are bright on the left and on the right in turn; people name one of the four otherwise."""
    monkeypatch.setitem(MODELS.entries, "toy", toys.MODELS)
    names = ["left", "right", "left", "neither"]
    lines = [f"{photo.name},{name}" for photo, name in zip(bright_sides, names, strict=True)]
    source = written(bright_sides[0].parent, "val.csv", "\n".join(["photo,class", *lines]))
    words: dict[str, Any] = {"methods": ("uniform",), "removals": ("black",), "controls": False}
    plan = Plan(bright_sides, "toy:sides", metrics=("accuracy",), classes=(source,), **words)
    rows = run(plan, tmp_path / "out")
    assert [row.value for row in rows if row.metric == "accuracy"] == [1, 1, 1, 0]
    assert "0.75 [" in as_markdown(Measurements(rows))
