from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from helpers.stickers import SIDE, picture, place_of, stickers
from unseen import Explanation, explain
from unseen.errors import NotApplicableError, ParameterError, PhotoError
from unseen.pipeline.backgrounds import least_contexts
from unseen.pipeline.explain import Request


def explained(image: torch.Tensor, **options: Any) -> Explanation:
    asked = {"method": "occlusion:window=0.25,stride=0.0625", "removal": "black", "chance": 16}
    return explain(image, stickers(), **{**asked, **options})


@pytest.mark.parametrize("number", range(6))
def test_the_sticker_suffices_is_necessary_and_holds_anywhere_and_chance_does_not(number: int) -> None:
    explanation = explained(picture(number, sticker=True))
    assert explanation.label == "sticker"
    suffices, needed = explanation.parts
    for part in (suffices, needed):
        assert float((part.mask & place_of(number)).sum()) >= 0.5 * SIDE**2 * (part is suffices)
        assert bool((part.mask & place_of(number)).any())
        assert part.by_chance is not None
        assert part.by_chance.share <= 1 / 16
        assert part.robustness is not None
        assert part.robustness.contexts == 20
        assert part.robustness.kind == "solid colours and smooth textures"
    assert suffices.robustness is not None
    assert suffices.robustness.share == 1


def test_the_default_method_names_the_sticker_in_every_picture_that_has_one() -> None:
    for number in range(6):
        found = explain(picture(number, sticker=True), stickers(), removal="black", part=("sufficient", "necessary"))
        assert [part.role for part in found.parts] == ["sufficient", "necessary"]
        for part in found.parts:
            assert bool((part.mask & place_of(number)).any())
            assert part.by_chance is not None
            assert not part.by_chance.finds_it_too


@pytest.mark.parametrize("number", range(3))
def test_the_default_class_is_called_so(number: int) -> None:
    explanation = explained(picture(number, sticker=False, level=0.1))
    assert explanation.label == "dark"
    assert not any(part.role == "sufficient" for part in explanation.parts)
    assert any("dark is the model's answer to nothing" in note for note in explanation.notes)


def test_a_robust_part_is_found_on_request_and_comes_with_its_proof() -> None:
    explanation = explained(picture(0, sticker=True), robustness=0.9, contexts="textures", backgrounds=0)
    part = explanation.parts[-1]
    assert part.role == "robust"
    assert part.robustness is not None
    assert (part.robustness.asked, part.robustness.contexts, part.robustness.kind) == (0.9, 100, "smooth textures")
    assert part.robustness.bound >= 0.9
    assert part.fraction < 0.15
    assert part.by_chance is not None
    assert (part.by_chance.passing, part.by_chance.tried) == (0, 16)
    assert any("proved on plain backgrounds" in note for note in explanation.notes)
    assert all(other.robustness is None for other in explanation.parts[:-1])


def test_a_folder_of_photographs_serves_and_its_own_class_is_left_out(tmp_path: Path) -> None:
    for number in range(90):
        level = 30 + 2 * number
        image = picture(number, sticker=number % 3 == 0, level=level / 255)
        pixels = (image.permute(1, 2, 0) * 255).round().byte().numpy()
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    explanation = explained(picture(200, sticker=True), robustness=0.5, contexts=tmp_path, backgrounds=5)
    part = explanation.parts[-1]
    assert part.role == "robust"
    assert part.robustness is not None
    assert part.robustness.contexts == 60 - 60 * 60 // 160
    assert part.robustness.kind == f"photographs of {tmp_path.name}"
    calls: list[int] = []
    with pytest.raises(ParameterError, match=r"60 backgrounds .* are too few to prove .* 0.99 of such") as refusal:
        explained(
            picture(200, sticker=True),
            robustness=0.99,
            contexts=tmp_path,
            progress=lambda *told: calls.append(told[1]),
        )
    assert len(calls) <= 2  # refused before the search
    remedy = re.search(r"give at least (\d+), or ask for at most ([\d.]+)", str(refusal.value))
    assert remedy
    assert int(remedy[1]) == least_contexts(0.99)
    explanation = explained(picture(200, sticker=True), robustness=float(remedy[2]), contexts=tmp_path, backgrounds=0)
    assert explanation.parts[-1].robustness is not None


def test_more_plain_backgrounds_are_drawn_where_a_large_share_needs_them() -> None:
    explanation = explained(picture(0, sticker=True), robustness=0.98, contexts="colours", backgrounds=0)
    held = explanation.parts[-1].robustness
    assert held is not None
    assert held.contexts >= 149  # 0.98 ** 149 < 0.05
    assert held.bound >= 0.98


def test_a_folder_without_photographs_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no photograph"):
        explained(picture(0, sticker=True), contexts=tmp_path)


def test_where_all_backgrounds_are_of_the_class_another_folder_serves(tmp_path: Path) -> None:
    for kind, sticker in (("own", True), ("others", False)):
        (tmp_path / kind).mkdir()
        for number in range(60):
            pixels = (picture(number, sticker=sticker).permute(1, 2, 0) * 255).round().byte().numpy()
            Image.fromarray(pixels).save(tmp_path / kind / f"{number}.png")
    asked = {"robustness": 0.5, "backgrounds": 0, "part": "sufficient"}
    with pytest.raises(NotApplicableError, match=r"is sticker by itself.* give a folder of photographs of other class"):
        explained(picture(200, sticker=True), contexts=tmp_path / "own", **asked)
    assert explained(picture(200, sticker=True), contexts=tmp_path / "others", **asked).parts[-1].role == "robust"


@pytest.mark.parametrize(("share", "about"), [(0.999, "4,79"), (1 - 2**-53, "43,")])
def test_a_share_too_close_to_one_is_refused_before_any_work_and_the_remedy_can_be_proved(
    share: float, about: str
) -> None:
    with pytest.raises(ParameterError, match=f"takes about {about}.* at most 1,000 are drawn") as refusal:
        Request(robust=share)
    remedy = re.search(r"ask for at most ([\d.]+)", str(refusal.value))
    assert remedy
    assert least_contexts(Request(robust=float(remedy[1])).robust or 1) <= 1000


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_as_many_as_are_said_to_be_needed_are_enough(share: float) -> None:
    least = least_contexts(share)
    assert 0.95 * share ** (least - least * 60 // 160) < 0.05 < share ** (least - 1 - (least - 1) * 60 // 160) * 1.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"robustness": 1.0}, r"robust must be in \(0, 1\), got 1.0"),
        ({"backgrounds": -1}, "backgrounds must be at least 0, got -1"),
        ({"contexts": "nowhere"}, "contexts 'nowhere' is neither 'colours' nor 'textures' nor a folder"),
    ],
)
def test_what_cannot_be_planted_on_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        explained(picture(0, sticker=True), **options)
