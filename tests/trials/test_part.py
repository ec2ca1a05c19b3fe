from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn

from unseen import Classifier, Explanation, Part, Preprocessing, explain
from unseen.classifier.decision import Decision, decide
from unseen.errors import OutputError, ParameterError, UnseenError
from unseen.trials.part import chosen_part, pointed_at

WIDE = (300, 100)  # width × height; the model looks at 100 × 100 in the middle, at half the size
LOOKS = (100, 0, 100, 100)


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier(Mean(), Preprocessing((50, 50), 50), ["red", "green", "blue"])


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "wide.png"
    Image.new("RGB", WIDE, "orange").save(path)
    return path


@pytest.fixture
def decision(photo: Path, model: Classifier) -> Decision:
    return decide(photo, model)


def box(left: int, top: int, width: int, height: int) -> torch.Tensor:
    mask = torch.zeros(50, 50, dtype=torch.bool)
    mask[top : top + height, left : left + width] = True
    return mask


def painted(path: Path, around: tuple[int, int, int, int], size: tuple[int, int] = WIDE) -> Path:
    image = Image.new("L", size)
    image.paste(255, around)
    image.save(path)
    return path


def test_coordinates_are_those_of_the_photograph(decision: Decision, tmp_path: Path) -> None:
    expected = box(10, 5, 20, 15)
    mask = painted(tmp_path / "mask.png", (120, 10, 160, 40))
    on_photo = np.asarray(Image.open(mask)) > 0
    for source in ("box:120,10,40,30", "polygon:120,10,160,10,160,40,120,40", str(mask), mask, on_photo, expected):
        part = chosen_part(pointed_at(source), decision)
        assert torch.equal(part.mask, expected)
        assert not part.notes
        assert torch.equal(chosen_part(pointed_at(source), decision, invert=True).mask, ~expected)


def test_a_rotated_file_is_pointed_at_as_it_is_displayed(model: Classifier, photo: Path, tmp_path: Path) -> None:
    upright = Image.open(photo)
    exif = Image.Exif()
    exif[0x0112] = 6  # the file lies on its side
    turned = tmp_path / "turned.jpg"
    ImageOps.exif_transpose(upright).rotate(90, expand=True).save(turned, exif=exif)
    part = chosen_part(pointed_at("box:120,10,40,30"), decide(turned, model))
    assert torch.equal(part.mask, box(10, 5, 20, 15))


def test_a_part_that_was_found_comes_back_as_it_was(model: Classifier, photo: Path, tmp_path: Path) -> None:
    found = explain(photo, model, method="occlusion:window=0.3", removal="black", confidence=(0.1, 0.9))
    folder = tmp_path / "found"
    found.save(folder)
    assert found.parts
    decision = decide(photo, model)
    for source in (found, folder, folder / "explanation.json", folder / "part-original.png", f"{folder}#1"):
        assert torch.equal(chosen_part(pointed_at(source), decision).mask, found.parts[0].mask)
    second = chosen_part(pointed_at(f"{folder}#2"), decision)
    assert torch.equal(second.mask, found.parts[1].mask)
    assert torch.equal(chosen_part(pointed_at(found.parts[1]), decision).mask, found.parts[1].mask)
    coarse = Classifier(Mean(), Preprocessing((25, 25), 25), ["red", "green", "blue"])
    carried = chosen_part(pointed_at(found), decide(photo, coarse)).fraction
    assert carried == pytest.approx(found.parts[0].fraction, abs=0.08)  # borders fall on other pixels


def test_what_the_model_does_not_see_of_it_is_told(decision: Decision) -> None:
    part = chosen_part(pointed_at("box:50,0,100,100"), decision)
    assert torch.equal(part.mask, box(0, 0, 25, 50))
    assert part.notes == ("the model does not look at 50.0 % of box:50,0,100,100; it looks at box:100,0,100,100",)
    beyond = chosen_part(pointed_at("ellipse:150,-50,100,100"), decision)
    assert (
        beyond.notes[0]
        == "ellipse:150,-50,100,100 reaches beyond the photograph, which has 300 × 100 pixels (width × height)"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("box:400,10,20,20", "covers no pixel of the photograph, which has 300 × 100 pixels"),
        ("box:0,0,50,50", "lies where the model does not look; it looks at"),
    ],
)
def test_a_part_outside_is_refused_and_the_remedy_works(decision: Decision, source: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message) as refused:
        chosen_part(pointed_at(source), decision)
    (offered,) = re.findall(r"is (box:\S+)|at (box:\S+)", str(refused.value))
    assert bool(chosen_part(pointed_at("".join(offered)), decision).mask.all())


def test_a_part_that_is_too_small_is_refused_and_the_remedy_works(decision: Decision) -> None:
    with pytest.raises(ParameterError, match="covers less than half of any pixel") as refused:
        chosen_part(pointed_at("box:120.1,10,0.8,1"), decision)
    width = float(re.findall(r"is (\S+) pixels of the photograph wide", str(refused.value))[0])
    assert bool(chosen_part(pointed_at(f"box:120,10,{width},{width}"), decision).mask.any())


def test_a_mask_of_another_size_is_refused_and_the_remedy_works(decision: Decision, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="save it at that size") as refused:
        chosen_part(pointed_at(painted(tmp_path / "small.png", (60, 5, 80, 20), (150, 50))), decision)
    width, height = map(int, re.findall(r"the photograph (\d+) × (\d+)", str(refused.value))[0])
    again = painted(tmp_path / "mask.png", (120, 10, 160, 40), (width, height))
    assert torch.equal(chosen_part(pointed_at(again), decision).mask, box(10, 5, 20, 15))


def test_inverting_all_leaves_nothing(decision: Decision) -> None:
    with pytest.raises(ParameterError, match="leave --invert out"):
        chosen_part(pointed_at("box:0,0,300,100"), decision, invert=True)
    assert bool(chosen_part(pointed_at("box:0,0,300,100"), decision).mask.all())


def test_the_explanation_of_another_photograph_is_refused(
    model: Classifier, decision: Decision, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", WIDE, "green").save(other)
    explain(other, model, method="occlusion:window=0.3", removal="black").save(tmp_path / "found")
    pointed = pointed_at(tmp_path / "found")
    with pytest.raises(ParameterError, match=f"explains another photograph, {re.escape(str(other))}; give that one"):
        chosen_part(pointed, decision)
    assert bool(chosen_part(pointed, decide(other, model)).mask.any())


def test_an_array_is_pointed_at_in_its_own_pixels(model: Classifier) -> None:
    numbers = np.full((100, 100, 3), 0.5, dtype=np.float32)
    assert torch.equal(chosen_part(pointed_at("box:20,10,40,30"), decide(numbers, model)).mask, box(10, 5, 20, 15))


EMPTY = Explanation(torch.zeros(3, 4, 4), torch.zeros(4, 4), 0, "red", 0.5, "toy", "black")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.png", "is no file; write box:X,Y,WIDTH,HEIGHT"),
        ("circle:1,2,3", "is no file; write box:X,Y,WIDTH,HEIGHT"),
        ("bad\0name", "is no file"),
        (7, "an int is no part; give a spec"),
        (np.zeros((4, 4), dtype=bool), "the mask is empty"),
        (np.full((4, 4), 0.5), "nothing but true and false, or 0 and 1; compare it, as in mask > 127"),
        (torch.ones(2, 3, 4, 4), r"shape \(2, 3, 4, 4\); expected \(H, W\)"),
        (EMPTY, "has 0 parts and no part 1; draw the part yourself"),
    ],
)
@pytest.mark.usefixtures("unchecked_types")
def test_what_is_no_part_is_refused(source: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        pointed_at(source)


def test_a_folder_without_explanation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        pointed_at(tmp_path)


def test_a_part_that_an_explanation_lacks_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    part = Part(torch.eye(4, dtype=torch.bool), "sufficient", 0.5, 0.7, True)
    with_part = Explanation(EMPTY.image, EMPTY.saliency, 0, "red", 0.5, "toy", "black", (part,))
    with_part.save(tmp_path)
    with pytest.raises(ParameterError, match="has 1 part and no part 2; give a number from 1 to 1"):
        pointed_at(f"{tmp_path}#2")
    assert issubclass(ParameterError, UnseenError)
    with pytest.raises(ParameterError, match="no number behind #; write 1 for the first part"):
        pointed_at(f"{tmp_path}#first")
    assert pointed_at(f"{tmp_path}#1").name == f"{tmp_path}#1"
