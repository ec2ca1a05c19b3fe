from __future__ import annotations

import torch

from unseen.explanation.plotting.sparse import widened


def test_dots_are_widened_with_their_sign() -> None:
    dots = torch.zeros(100, 120)
    dots[20, 30], dots[70, 80] = 1.0, -0.9
    drawn, width = widened(dots)
    assert width == 3
    assert drawn[19:22, 29:32].tolist() == [[1.0] * 3] * 3
    assert torch.allclose(drawn[69:72, 79:82], torch.full((3, 3), -0.9))
    assert int((drawn != 0).sum()) == 18


def test_where_two_meet_the_stronger_is_seen() -> None:
    dots = torch.zeros(50, 50)
    dots[10, 10], dots[10, 12] = -1.0, 0.6
    assert float(widened(dots)[0][10, 11]) == -1.0


def test_spots_smooth_maps_and_empty_ones_are_left_as_they_are() -> None:
    spot = torch.zeros(100, 100)
    spot[40:50, 40:50] = 1.0
    for saliency in (spot, torch.rand(60, 60), torch.zeros(20, 20), torch.ones(20, 20), -spot):
        drawn, width = widened(saliency)
        assert width == 1
        assert torch.equal(drawn, saliency)
