from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from unseen.errors import ParameterError, PhotoError
from unseen.inputs.shapes import FORMS, Painted, Shape


def test_a_box_holds_the_pixels_whose_centres_are_inside() -> None:
    expected = torch.zeros(5, 7, dtype=torch.bool)
    expected[1:4, 2:6] = True
    assert torch.equal(Shape.of("box:2,1,4,3").mask((5, 7)), expected)
    assert torch.equal(Shape.of("box:1.6,0.9,4,3").mask((5, 7)), expected)  # centres lie at .5
    assert torch.equal(Shape.of("polygon:2,1,6,1,6,4,2,4").mask((5, 7)), expected)


def test_an_ellipse_fills_its_box_and_has_its_area() -> None:
    found = Shape.of("ellipse:10,20,60,30").mask((80, 100))
    rows, columns = found.any(1).nonzero(), found.any(0).nonzero()
    assert (int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1) == (20, 50, 10, 70)
    assert int(found.sum()) == pytest.approx(np.pi * 30 * 15, rel=0.01)


def test_a_triangle_has_its_area_and_what_reaches_beyond_the_photograph_is_cut() -> None:
    assert int(Shape.of("polygon:0,0,60,0,0,40").mask((80, 100)).sum()) == pytest.approx(1200, rel=0.03)
    assert bool(Shape.of("polygon:-50,-50,500,-50,500,500,-50,500").mask((8, 9)).all())
    assert not bool(Shape.of("box:20,20,5,5").mask((8, 9)).any())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("box:1,2,3", "3 numbers that make no box; write box:START,LENGTH or box:X,Y,WIDTH,HEIGHT or box:D"),
        ("box:1,2,3,inf", "no number"),
        ("box:1,2,0,5", "is empty; its width and height must be above 0"),
        ("ellipse:1,2,3,-4", "is empty"),
        ("polygon:1,2,3,4", "make no polygon; write polygon:X,Y,X,Y,X,Y"),
        ("polygon:1,2,3,4,5,6,7", "make no polygon"),
        ("box:a,2,3,4", "no number"),
        ("box:", "no number"),
        ("box:0.4s,3", "mixes units; write the same one behind every number, or none"),
        ("box:1,0", "is empty; its length must be above 0, as in box:START,LENGTH"),
        ("box:1,2,3,4,0,6", "is empty; its lengths must be above 0"),
        ("box:1mm,2mm,3mm,4mm", "images are measured in pixels; leave 'mm' out"),
        ("ellipse:1,2", "2 numbers that make no ellipse; write ellipse:X,Y,WIDTH,HEIGHT or ellipse:D"),
    ],
)
def test_what_makes_no_area_is_refused_with_how_to_write_it(spec: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Shape.of(spec)


def test_how_shapes_are_written_is_how_they_are_read() -> None:
    for axes, form in ((axes, form) for axes, forms in FORMS.items() for form in forms):
        numbers = count(3)
        spec = re.sub("[A-Z]+", lambda _, numbers=numbers: str(next(numbers) ** 2), form)  # type: ignore[misc]
        assert Shape.of(spec).name == spec
        assert Shape.of(spec).axes == axes


def test_boxes_of_signals_and_volumes_lie_along_their_axes() -> None:
    assert Shape.of("box:2,3").mask((7,)).nonzero().flatten().tolist() == [2, 3, 4]
    assert Shape.of("box:600cm-1,40cm-1").unit == "cm-1"
    falling = np.array([640.0, 620.0, 600.0, 580.0])
    assert Shape.of("box:600cm-1,40cm-1").mask((4,), [falling]).tolist() == [False, True, True, False]
    volume = torch.zeros(5, 6, 7, dtype=torch.bool)
    volume[1:3, 2:5, 3:7] = True
    assert torch.equal(Shape.of("box:1,2,3,2,3,4").mask((5, 6, 7)), volume)
    ball = Shape.of("ellipse:2,4,6,20,18,16").mask((30, 30, 30))
    assert int(ball.sum()) == pytest.approx(4 / 3 * np.pi * 10 * 9 * 8, rel=0.01)
    assert [int(axis.min()) for axis in ball.nonzero(as_tuple=True)] == [2, 4, 6]


def test_white_is_the_part_or_what_is_opaque(tmp_path: Path) -> None:
    expected = torch.zeros(20, 30, dtype=torch.bool)
    expected[4:9, 3:13] = True
    black = Image.new("L", (30, 20))
    black.paste(255, (3, 4, 13, 9))
    clear = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (3, 4, 13, 9))
    for number, image in enumerate((black, black.convert("RGB"), black.convert("1"), clear)):
        path = tmp_path / f"{number}.png"
        image.save(path)
        for source in (path, str(path), image):
            painted = Painted.of(source)
            assert torch.equal(painted.mask, expected)
            assert painted.size == (20, 30)


def test_what_is_no_mask_is_refused(tmp_path: Path, photo_path: Path) -> None:
    with pytest.raises(ParameterError, match="is a picture, not a mask; paint the part white and all else black"):
        Painted.of(photo_path)
    Image.new("L", (30, 20)).save(tmp_path / "black.png")
    with pytest.raises(ParameterError, match="all of it is black; paint the part white"):
        Painted.of(tmp_path / "black.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(PhotoError):
        Painted.of(tmp_path / "text.png")
