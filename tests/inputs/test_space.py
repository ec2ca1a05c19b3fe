"""Signals, images and volumes: what a length, a window and a cell mean in each."""

from __future__ import annotations

import pytest

from unseen.errors import NotApplicableError
from unseen.inputs.space import ANY, cells_of, check_axes, described, length_of, side_of


@pytest.mark.parametrize("share", [0.06, 0.072, 0.2, 0.5])
def test_lengths_of_images_are_shares_of_the_shorter_side(share: float) -> None:
    assert side_of(share, (224, 300)) == max(1, round(share * 224))
    assert length_of(share, (300, 224)) == share * 224


@pytest.mark.parametrize("space", [(4096,), (64, 64), (16, 16, 16)])
def test_a_window_covers_the_same_share_of_the_whole_along_any_axes(space: tuple[int, ...]) -> None:
    assert (side_of(0.25, space) / space[0]) ** len(space) == pytest.approx(0.0625, rel=0.2)
    assert cells_of(8, space) ** len(space) == 64


def test_a_side_is_never_shorter_than_a_sample() -> None:
    assert [side_of(0.01, space) for space in ((10,), (10, 10), (10, 10, 10))] == [1, 1, 1]
    assert length_of(0.0, (10,)) == 0


def test_what_has_no_rule_is_refused_by_name_with_what_there_is() -> None:
    check_axes("method 'm'", ANY, (7,), "")
    with pytest.raises(NotApplicableError) as refused:
        check_axes("method 'm'", (2,), (8, 9, 10), "choose another")
    said = "method 'm' is for images so far, and the input is a volume of 8 × 9 × 10 voxels; choose another"
    assert str(refused.value) == said
    assert described((9,)) == "signal of 9 samples"
