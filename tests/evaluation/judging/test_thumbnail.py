from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
import torch

from unseen.evaluation.judging.thumbnail import MAP, PHOTO, Thumbnail
from unseen.system.schema import MalformedError


def test_a_small_map_says_what_the_map_says() -> None:
    saliency = torch.zeros(200, 400)
    saliency[:, 200:], saliency[:100, :200] = 3.0, -1.5
    kept = Thumbnail.of(torch.full((3, 200, 400), 0.5), saliency)
    assert kept is not None
    assert kept.size == (MAP // 2, MAP)
    found = kept.saliency
    assert found[:, MAP // 2 + 1 :].sub(1).abs().max() < 0.01
    assert found[: MAP // 4 - 1, : MAP // 2 - 1].add(0.5).abs().max() < 0.01
    assert not found[MAP // 4 + 1 :, : MAP // 2 - 1].any()
    assert kept.image.shape == (3, PHOTO // 2, PHOTO)
    assert kept.image.sub(0.5).abs().max() < 0.02


def test_dots_are_still_seen() -> None:
    dots = torch.zeros(400, 400)
    dots[::40, ::40] = 1.0
    kept = Thumbnail.of(torch.zeros(1, 400, 400), dots)
    assert kept is not None
    assert kept.saliency.max() > 0.9


@pytest.mark.parametrize("space", [(40,), (4, 5, 6)])
def test_what_is_no_image_has_none(space: tuple[int, ...]) -> None:
    assert Thumbnail.of(torch.zeros(1, *space), torch.zeros(space)) is None


def test_what_was_damaged_is_told() -> None:
    kept = Thumbnail.of(torch.zeros(3, 50, 40), torch.ones(50, 40))
    assert kept is not None
    for wrong in (replace(kept, size=(50, 41)), replace(kept, size=(0, 0)), replace(kept, levels=zlib.compress(b"1"))):
        with pytest.raises(MalformedError, match="small map"):
            _ = wrong.saliency
    with pytest.raises(MalformedError, match="small photograph"):
        _ = replace(kept, photo=b"none").image
