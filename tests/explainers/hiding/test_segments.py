from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor

from helpers.cells import SIZE, cell, graded, masked, segments
from unseen.errors import ParameterError
from unseen.explainers.hiding.segments import coalition_scores, masks_of, number_of, superpixels


@pytest.mark.parametrize("count", [1, 2, 16, 50, 5000])
@pytest.mark.parametrize("shape", [(32, 32), (32, 48)])
def test_every_number_is_used(count: int, shape: tuple[int, int]) -> None:
    for image in (torch.ones(3, *shape), torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))):
        found = superpixels(image, count)
        assert found.shape == shape
        assert found.dtype == torch.int64
        assert torch.equal(torch.unique(found), torch.arange(number_of(found, shape)))


def test_a_photograph_has_about_as_many_as_asked_and_the_same_each_time(photo: Tensor) -> None:
    found = superpixels(photo, 50)
    assert 30 <= number_of(found, (224, 224)) <= 60
    assert torch.equal(found, superpixels(photo.clone(), 50))


def test_segments_follow_edges() -> None:
    image = torch.zeros(3, SIZE, SIZE)
    image[:, :, 12:] = 1
    left, right = superpixels(image, 4)[:, :12], superpixels(image, 4)[:, 12:]
    assert not set(left.flatten().tolist()) & set(right.flatten().tolist())


def test_no_segments_are_refused() -> None:
    with pytest.raises(ParameterError, match="segments 0 must be at least 1"):
        superpixels(torch.ones(3, 8, 8), 0)


def test_numbers_with_a_gap_and_other_shapes_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"numbered 0 … 2 and there are 2; expected each of 0 … 1"):
        number_of(torch.tensor([[0, 2]]), (1, 2))
    with pytest.raises(ParameterError, match=r"segments have shape \(1, 2\); expected \(2, 1\)"):
        number_of(torch.tensor([[0, 1]]), (2, 1))


def test_a_mask_shows_the_segments_of_its_coalition() -> None:
    coalitions = torch.zeros(3, 16, dtype=torch.bool)
    coalitions[1, 5] = coalitions[2, [0, 15]] = True
    masks = masks_of(coalitions, segments())
    assert torch.equal(masks(1, 3).bool(), torch.stack([cell(5), cell(0) | cell(15)]))


def test_a_coalition_that_comes_up_again_is_evaluated_once() -> None:
    coalitions = torch.tensor([[True, False], [True, True], [True, False], [False, False], [True, True]])
    asked = masked(graded(2, 9), batch_size=2)
    found = coalition_scores(asked, coalitions, segments(cells=8), [0, 1], "logit")
    assert found.dtype == torch.float64
    assert found[:, 0].tolist() == [0.5, 1.5, 0.5, -0.5, 1.5]
    assert asked.evaluations == 3


@pytest.mark.slow
def test_superpixels_are_loaded_only_when_needed() -> None:
    code = "import sys, unseen.explainers.hiding.segments; sys.exit('skimage.segmentation' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
