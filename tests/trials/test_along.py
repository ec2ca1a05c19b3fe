from __future__ import annotations

import re

import pytest
import torch

from unseen.errors import ParameterError
from unseen.inputs.coordinates import Axis, Coordinates
from unseen.inputs.shapes import Shape
from unseen.trials.along import box_on

BEAT = Coordinates((Axis("time", "s", step=0.01),))
SPECTRUM = Coordinates((Axis("wavenumber", "cm-1", first=4000, step=-2.0),))
SCAN = Coordinates((Axis("", "mm", step=2.0), Axis("", "mm", step=1.0), Axis("", "mm", step=0.5)))


def test_a_unit_is_that_of_the_file() -> None:
    beat, _ = box_on(Shape.of("box:0.4s,0.2s"), (100,), BEAT)
    assert beat.nonzero().flatten().tolist() == [*range(40, 60)]
    spectrum, notes = box_on(Shape.of("box:600cm-1,41cm-1"), (1801,), SPECTRUM)
    assert spectrum.nonzero().flatten().tolist() == [*range(1680, 1701)]  # 640 to 600 cm⁻¹
    assert notes == ()
    assert torch.equal(box_on(Shape.of("box:600cm⁻¹,41cm⁻¹"), (1801,), SPECTRUM)[0], spectrum)
    inside, _ = box_on(Shape.of("box:2mm,3mm,1mm,4mm,2mm,2mm"), (8, 8, 8), SCAN)
    by_number, _ = box_on(Shape.of("box:1,3,2,2,2,4"), (8, 8, 8), SCAN)
    assert torch.equal(inside, by_number)


def test_what_reaches_beyond_is_told() -> None:
    mask, notes = box_on(Shape.of("box:90,20"), (100,), BEAT)
    assert int(mask.sum()) == 10
    assert notes == ("box:90,20 reaches beyond the signal, which has 100 samples",)
    _, notes = box_on(Shape.of("ellipse:-1,0,0,4,4,4"), (8, 8, 8), None)
    assert notes == ("ellipse:-1,0,0,4,4,4 reaches beyond the volume, which has 8 × 8 × 8 voxels",)


@pytest.mark.parametrize(
    ("spec", "space", "known", "said"),
    [
        ("box:100,20", (100,), BEAT, "covers no sample of the signal, which has 100 samples"),
        ("box:1s,2s", (100,), BEAT, "which has 100 samples from 0 to 0.99 s"),
        ("box:1cm-1,2cm-1", (1801,), SPECTRUM, "from 4000 to 400 cm-1"),
        ("box:8,0,0,1,1,1", (8, 8, 8), None, "covers no voxel of the volume"),
    ],
)
def test_what_lies_outside_is_refused_and_the_remedy_works(
    spec: str, space: tuple[int, ...], known: Coordinates | None, said: str
) -> None:
    with pytest.raises(ParameterError, match=re.escape(said)) as refused:
        box_on(Shape.of(spec), space, known)
    offered = str(refused.value).rpartition("all of it is ")[2]
    mask, notes = box_on(Shape.of(offered), space, known)
    assert bool(mask.all())
    assert notes == ()


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (BEAT, "the signal's file measures in s; give samples, as numbers without a unit, or write s"),
        (None, "the signal's file has no unit; give samples, as numbers without a unit"),
    ],
)
def test_another_unit_is_refused_and_the_remedy_works(known: Coordinates | None, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        box_on(Shape.of("box:400ms,200ms"), (100,), known)
    assert int(box_on(Shape.of("box:40,20"), (100,), known)[0].sum()) == 20
