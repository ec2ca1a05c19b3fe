"""A sticker that nobody suspects: the view of classes names it first, and where there is none it names nothing."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import unseen
from helpers.sticker import fooled, stickered
from helpers.stickers import picture, stickers
from unseen import Classifier, ClassView, Preprocessing
from unseen.errors import ParameterError, UnknownNameError
from unseen.evaluation.classes.boxes import Box
from unseen.evaluation.classes.store import FILE
from unseen.report.by_class import report_of

FAST = {"method": "occlusion:window=0.25,stride=0.125,steps=4", "removal": "grey", "boxes": 39}
YELLOW = torch.tensor([0.9, 0.8, 0.1])[:, None, None]
CORNER = Box((31, 2), (13, 13))
"""Where the stickers of the trained network's photographs lie, give or take."""


def write(folder: Path, name: str, images: Tensor) -> None:
    for number, image in enumerate(images):
        pixels = (255 * image.permute(1, 2, 0)).round().byte().numpy()
        Image.fromarray(pixels).save(folder / f"{name}-{number:02}.png")


@pytest.fixture(scope="module")
def shortcut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 pictures of one class with a sticker near a corner, 20 of the other without."""
    folder = tmp_path_factory.mktemp("shortcut")
    lying, _, _ = stickered(20, 5, torch.ones(20, dtype=torch.long), False)
    stream = torch.Generator().manual_seed(3)
    for image, (y, x) in zip(lying, torch.randint(0, 4, (20, 2), generator=stream).tolist(), strict=True):
        image[:, 32 + y : 41 + y, 3 + x : 12 + x] = YELLOW
    write(folder, "lying", lying)
    write(folder, "upright", stickered(20, 6, torch.zeros(20, dtype=torch.long), False)[0])
    return folder


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keeps what one test explained for the next."""
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def view(shortcut: Path, maps: Path) -> ClassView:
    return unseen.view_classes(shortcut, fooled(), folder=maps, **FAST)


def test_the_sticker_is_named_first_and_nothing_else_is(view: ClassView) -> None:
    assert [one.label for one in view.classes] == ["lying", "upright"]
    ((found, place),) = view.named
    assert found.label == "lying"
    inside = int((place.box.mask((48, 48)) & CORNER.mask((48, 48))).sum())
    assert inside >= 81  # a sticker's pixels
    assert (place.changed, place.judged, place.others_changed, place.others) == (10, 10, 0, 20)
    assert place.p == 1 / 40
    assert view.words[0].startswith("lying: Hiding box:")
    assert "changes 10 of 10 decisions (100 %; 95 % interval 69.2 % to 100 %)" in view.words[0]
    assert view.classes[1].words[1].startswith("upright: no place is named")


def test_the_mean_map_is_brightest_where_the_sticker_is(view: ClassView) -> None:
    mean = view.classes[0].mean
    assert bool(CORNER.mask((48, 48)).flatten()[mean.argmax()])
    assert 0.5 < float(mean.abs().mean()) <= 1  # of each map it is 1
    assert view.classes[0].parts == 20
    assert bool(CORNER.mask((48, 48)).flatten()[view.classes[0].part_share.argmax()])


def test_what_is_saved_reads_back_and_is_drawn(view: ClassView, tmp_path: Path) -> None:
    files = view.save(tmp_path)
    record = json.loads(files["record"].read_text("utf-8"))
    assert record["words"] == list(view.words)
    assert [one["label"] for one in record["classes"]] == ["lying", "upright"]
    assert record["classes"][0]["clusters"][0]["place"]["named"] is True
    with Image.open(tmp_path / record["classes"][0]["picture"]) as drawn:
        assert drawn.width > 1000
    assert "Mean map" in [text.get_text() for text in view.plot().texts]
    assert "lying: Hiding" in repr(view)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one class 20 pictures with the sticker in a corner and 20 with it anywhere; 12 of another."""
    folder = tmp_path_factory.mktemp("mixed")
    anywhere = torch.stack([picture(number, sticker=True) for number in range(20)])
    corner = torch.stack([picture(number, sticker=False) for number in range(20, 40)])
    corner[:, :, 22:30, 1:9] = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    write(folder, "anywhere", anywhere)
    write(folder, "corner", corner)
    write(folder, "bright", torch.stack([picture(number, sticker=False, level=0.7) for number in range(12)]))
    return folder


def test_within_a_class_those_that_hang_on_a_corner_are_a_kind_of_their_own(mixed: Path, maps: Path) -> None:
    found = unseen.view_classes(mixed, stickers(), folder=maps, **FAST)
    named, place = found.named[0]
    assert named.label == "sticker"
    assert len(named.clusters) > 1
    kind = named.named[0]
    assert all(example.path.name.startswith("corner") for example in kind.examples)
    assert kind.own_changed == kind.own_judged
    assert {path.name[:6] for path in place.who} >= {"corner"}
    assert place.changed >= 8
    assert len(found.named) == 1


def test_a_class_whose_evidence_lies_anywhere_has_no_place(mixed: Path, maps: Path) -> None:
    photos = [*sorted(mixed.glob("anywhere-*")), *sorted(mixed.glob("bright-*"))]
    found = unseen.view_classes(photos, stickers(), folder=maps, **FAST)
    assert {one.label for one in found.classes} == {"sticker", "bright"}
    assert found.named == ()
    assert found.words[0] == "No place is named in any of 2 classes."


def test_what_was_explained_is_not_explained_again(shortcut: Path, maps: Path, view: ClassView) -> None:
    with sqlite3.connect(maps / FILE) as database:
        (before,) = database.execute("SELECT count(*) FROM maps").fetchone()
        again = unseen.view_classes(shortcut, fooled(), folder=maps, **FAST)
        assert database.execute("SELECT count(*) FROM maps").fetchone() == (before,)
        assert again.to_dict()["classes"] == view.to_dict()["classes"]
        assert torch.equal(again.classes[0].mean, view.classes[0].mean)
        assert again.provenance["evaluations"] < view.provenance["evaluations"]
        some = sorted(shortcut.glob("lying-*"))[:8]
        unseen.view_classes(some, fooled(), folder=maps, **{**FAST, "fewest": 8, "removal": "black"})
        assert database.execute("SELECT count(*) FROM maps").fetchone() == (before + 8,)
    database.close()


def test_a_target_of_which_the_model_does_not_decide_leaves_photographs_out(shortcut: Path) -> None:
    photos = [*sorted(shortcut.glob("lying-*"))[:8], *sorted(shortcut.glob("upright-*"))[:3], shortcut / "gone.png"]
    found = unseen.view_classes(photos, fooled(), target="lying", **{**FAST, "fewest": 8})
    assert [(one.label, one.photographs) for one in found.classes] == [("lying", 8)]
    assert "3 photographs are left out: the model does not decide for what was asked" in found.notes
    assert list(found.failed) == [str(shortcut / "gone.png")]


def test_too_few_photographs_are_refused_with_a_remedy_that_works(shortcut: Path, maps: Path) -> None:
    photos = [*sorted(shortcut.glob("lying-*"))[:8], *sorted(shortcut.glob("upright-*"))[:2]]
    with pytest.raises(
        ParameterError, match=r"no class has 10 photographs .* lying, has 8\); give .* smaller --fewest"
    ):
        unseen.view_classes(photos, fooled(), folder=maps, **FAST)
    found = unseen.view_classes(photos, fooled(), folder=maps, **{**FAST, "fewest": 8})
    assert found.small == {"upright": 2}


class Glitch(torch.nn.Module):
    """Of signals and volumes: says "second" where one corner is bright, whatever else there is."""

    def forward(self, x: Tensor) -> Tensor:
        corner = x[(slice(None), slice(None), *[slice(2, 4)] * (x.ndim - 2))].flatten(1).mean(1)
        return torch.stack([torch.full_like(corner, 2.0), 8 * corner], 1)


@pytest.mark.parametrize("space", [(48,), (12, 12, 12)])
def test_a_glitch_in_signals_and_volumes_is_named(space: tuple[int, ...], tmp_path: Path) -> None:
    fed = Preprocessing(space, None, mean=(0.0,), std=(1.0,), range=(0, 1))
    model = Classifier(Glitch(), fed, ["first", "second"])
    corner = (slice(None), *[slice(2, 4)] * len(space))
    for number in range(24):
        values = 0.1 * torch.rand(1, *space, generator=torch.Generator().manual_seed(number))
        values[corner] = 0.9 * (number % 2)
        np.save(tmp_path / f"{number:02}.npy", values.numpy())
    found = unseen.view_classes(tmp_path, model, **{**FAST, "removal": "black"})
    ((named, place),) = found.named
    assert named.label == "second"
    assert bool(place.box.mask(space)[corner[1:]].all())
    assert (place.changed, place.judged, place.others_changed) == (6, 6, 0)
    kind = "signal" if len(space) == 1 else "volume"
    assert f"in {kind}s that had no say in where it lies" in found.words[0]
    files = found.save(tmp_path / "out")
    report = report_of(tmp_path / "out")
    assert (f"{kind}s", "24") in report.asked
    with Image.open(files["picture 1"]) as drawn:
        assert drawn.width > 1000


def test_what_is_not_there_is_refused_before_any_work(shortcut: Path) -> None:
    with pytest.raises(UnknownNameError, match="flying"):
        unseen.view_classes(shortcut, fooled(), target="flying", **FAST)
    with pytest.raises(ParameterError, match="boxes must be at least 19"):
        unseen.view_classes(shortcut, fooled(), **{**FAST, "boxes": 5})
