from __future__ import annotations

import pytest
import torch

from helpers.stickers import SIDE, SIZE, picture, place_of, stickers
from unseen.errors import NotApplicableError
from unseen.metrics.case import Case
from unseen.metrics.robust_size import RobustSize
from unseen.removal import REMOVALS

STICKER = SIDE**2 / SIZE**2


def case(saliency: torch.Tensor, removal: str = "black", **about: object) -> Case:
    masked = REMOVALS.create(removal).bind(stickers(), picture(0, sticker=True))
    return Case(saliency, 0, masked, **about)  # type: ignore[arg-type]


def test_a_map_of_the_truth_needs_little_more_than_the_sticker_and_its_opposite_nearly_everything() -> None:
    truth = place_of(0).float()
    assert 0.5 * STICKER < RobustSize()(case(truth)) < 1.3 * STICKER
    assert RobustSize()(case(-truth)) > 1 - STICKER


def test_no_removal_biases_it() -> None:
    ramp = torch.rand(SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    assert RobustSize()(case(ramp)) == RobustSize()(case(ramp, "white"))


def test_photographs_serve_where_there_are_some() -> None:
    others = [picture(number, sticker=number % 2 == 0, level=0.3) for number in range(40)]
    asked = RobustSize(share=0.5, contexts=10, on="photographs")
    assert 0 < asked(case(place_of(0).float(), others=lambda: others)) < 1.3 * STICKER
    with pytest.raises(NotApplicableError, match="no other photographs to plant on"):
        asked(case(place_of(0).float()))
