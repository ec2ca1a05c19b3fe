from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.stickers import picture, stickers
from unseen.evaluation.classes.boxes import Box
from unseen.evaluation.classes.places import Hiding, fitting, judged
from unseen.removal import REMOVALS

CORNER = Box((20, 4), (8, 8))
SIZE = (32, 32)


def written(folder: Path, name: str, *, sticker: Box | None) -> Path:
    image = picture(len(list(folder.iterdir())), sticker=False)
    pixels = (255 * image.permute(1, 2, 0)).round().byte().numpy().copy()
    if sticker is not None:
        pixels[sticker.mask(SIZE).numpy()] = (255, 0, 0)
    Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder / f"{name}.png"


@pytest.fixture
def photographs(tmp_path: Path) -> tuple[list[Path], list[Path]]:
    """Six with the sticker in the corner, six without one."""
    with_it = [written(tmp_path, f"with-{n}", sticker=CORNER) for n in range(6)]
    return with_it, [written(tmp_path, f"without-{n}", sticker=None) for n in range(6)]


@pytest.fixture
def hiding() -> Hiding:
    return Hiding(stickers(), REMOVALS.create("grey"), None, lambda _path, _spent: None, {})


def test_the_box_that_decides_is_told_from_boxes_elsewhere_and_from_other_classes(
    hiding: Hiding, photographs: tuple[list[Path], list[Path]]
) -> None:
    with_it, without = photographs
    boxes = [(0, CORNER), (1, Box((0, 20), (8, 8)))]
    corner, other = judged(hiding, boxes, with_it, without, SIZE, 39, np.random.default_rng(0))
    assert set(corner.who) == set(with_it)
    assert (corner.changed, corner.judged, corner.others_changed, corner.others) == (6, 6, 0, 6)
    assert max(corner.elsewhere) == 0 < len(corner.elsewhere) == 39
    assert corner.p_place == 1 / 40
    assert corner.p_class == pytest.approx(1 / 924)  # one table of 12 over 6
    assert corner.p == 2 / 40
    assert corner.named
    assert corner.interval[0] == pytest.approx(0.5407, abs=1e-4)  # 0.025 ** (1 / 6)
    assert (other.changed, other.p, other.named, other.elsewhere) == (0, 1.0, False, ())


def test_a_box_that_decides_in_every_class_is_not_named(
    hiding: Hiding, photographs: tuple[list[Path], list[Path]]
) -> None:
    with_it, _ = photographs
    (place,) = judged(hiding, [(0, CORNER)], with_it[:3], with_it[3:], SIZE, 39, np.random.default_rng(0))
    assert (place.changed, place.others_changed) == (3, 3)
    assert place.p_place == 1 / 40
    assert place.p == 1
    assert not place.named


def test_without_other_classes_the_boxes_elsewhere_are_the_only_null(
    hiding: Hiding, photographs: tuple[list[Path], list[Path]]
) -> None:
    (place,) = judged(hiding, [(0, CORNER)], photographs[0], [], SIZE, 39, np.random.default_rng(0))
    assert (place.p_class, place.p) == (None, 1 / 40)


def test_the_smallest_box_that_changes_most_is_taken(
    hiding: Hiding, photographs: tuple[list[Path], list[Path]]
) -> None:
    small, fits, large = Box((22, 6), (1, 1)), CORNER, Box((18, 2), (12, 12))
    assert fitting(hiding, [small, fits, large], photographs[0]) == fits


def test_a_photograph_that_is_gone_is_told_and_the_others_are_judged(
    hiding: Hiding, photographs: tuple[list[Path], list[Path]]
) -> None:
    with_it, without = photographs
    with_it[0].unlink()
    (place,) = judged(hiding, [(0, CORNER)], with_it, without, SIZE, 19, np.random.default_rng(0))
    assert (place.changed, place.judged) == (5, 5)
    assert list(hiding.failed) == [str(with_it[0])]
    assert judged(hiding, [(0, CORNER)], with_it[:1], without, SIZE, 19, np.random.default_rng(0)) == []
