from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from helpers.cells import SIZE, cell, graded, masked, segments
from unseen import Classifier
from unseen.errors import ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.explainers.hiding.segments import coalition_scores, grid, masks_of, number_of, segmentation


@pytest.mark.parametrize("count", [1, 2, 16, 50, 5000])
@pytest.mark.parametrize("shape", [(32, 32), (32, 48)])
def test_every_number_is_used(count: int, shape: tuple[int, int]) -> None:
    for image in (torch.ones(3, *shape), torch.rand(3, *shape, generator=torch.Generator().manual_seed(0))):
        found = segmentation(image, min(count, shape[0] * shape[1])).numbers
        assert found.shape == shape
        assert found.dtype == torch.int64
        assert torch.equal(torch.unique(found), torch.arange(number_of(found, shape)))


def test_a_photograph_has_about_as_many_as_asked_and_the_same_each_time(photo: Tensor) -> None:
    found = segmentation(photo, 50).numbers
    assert 30 <= number_of(found, (224, 224)) <= 60
    assert torch.equal(found, segmentation(photo.clone(), 50).numbers)


def test_segments_follow_edges() -> None:
    image = torch.zeros(3, SIZE, SIZE)
    image[:, :, 12:] = 1
    left, right = segmentation(image, 4).numbers[:, :12], segmentation(image, 4).numbers[:, 12:]
    assert not set(left.flatten().tolist()) & set(right.flatten().tolist())


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize(
    ("space", "inside"),
    [((90,), (slice(20, 47),)), ((24, 24), (slice(7, 17),) * 2), ((12, 14, 13), (slice(2, 9),) * 3)],
)
def test_segments_of_any_channels_and_axes_follow_edges(
    space: tuple[int, ...], inside: tuple[slice, ...], channels: int
) -> None:
    """Where a part differs from the rest by a hundredth of the declared range, segments are of the one or the other."""
    part = torch.zeros(space, dtype=torch.bool)
    part[inside] = True
    found = segmentation((0.5 + 0.01 * part).expand(channels, *space), 30)
    assert 20 <= found.count <= 40
    assert not found.notes
    assert number_of(found.numbers, space) == found.count
    assert strangers(found.numbers, part) < 0.2 * strangers(grid(space, 30), part)
    assert 15 <= segmentation(torch.full((channels, *space), 0.5), 30).count <= 45


def strangers(numbers: Tensor, part: Tensor) -> float:
    """The share of all places that lie in a segment most of which is on the other side of the part's edge."""
    inside = torch.zeros(int(numbers.max()) + 1).index_add_(0, numbers.flatten(), part.flatten().float())
    sizes = numbers.flatten().bincount()
    return float(torch.minimum(inside, sizes - inside).sum() / part.numel())


def test_no_segments_are_refused() -> None:
    with pytest.raises(ParameterError, match="segments must be at least 1, got 0"):
        segmentation(torch.ones(3, 8, 8), 0)


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
    assert found.values[:, 0].tolist() == [0.5, 1.5, 0.5, -0.5, 1.5]
    assert asked.evaluations == 3


@pytest.mark.parametrize("name", ["coffee", "camera", "chelsea"])
@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_noise_leaves_a_photograph_most_of_its_segments(
    name: str, noise: float, classifier: Classifier, photo_paths: dict[str, Path]
) -> None:
    clean = classifier.prepare(photo_paths[name])
    grain = noise * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    for count in (16, 50, 200):
        expected, found = segmentation(clean, count), segmentation((clean + grain).clamp(0, 1), count)
        assert found.count > 0.6 * expected.count
        assert not found.notes


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """SLIC sees one segment wherever it looks; how much each try smoothed."""
    tries: list[float] = []

    def slic(pixels: Any, *, sigma: float, **_: object) -> Any:
        tries.append(sigma)
        return np.zeros(pixels.shape[:-1], np.int64)

    monkeypatch.setattr("skimage.segmentation.slic", slic)
    return tries


@pytest.mark.parametrize(
    ("space", "count"), [((16, 16), 4), ((32, 32), 50), ((96, 96), 200), ((200,), 20), ((16, 16, 16), 64)]
)
def test_a_grid_takes_the_place_of_segments_that_colour_does_not_tell_apart(
    space: tuple[int, ...], count: int, blind: list[float]
) -> None:
    found = segmentation(torch.rand(3, *space, generator=torch.Generator().manual_seed(0)), count)
    assert 0.9 * count < found.count < 1.1 * count
    assert f"cells of a regular grid and follow no edges, for only 1 of {count}" in " ".join(found.notes)
    assert torch.equal(found.numbers, grid(space, count))
    assert len(blind) == 3
    assert blind[:2] == [0, 0]
    assert blind[2] == pytest.approx((found.numbers.numel() / count) ** (1 / len(space)) / 8)


def test_what_slic_finds_as_it_is_is_not_smoothed(monkeypatch: pytest.MonkeyPatch, photo: Tensor) -> None:
    expected = segmentation(photo, 16)
    monkeypatch.setattr("scipy.ndimage.median_filter", lambda *_, **__: pytest.fail("it was smoothed"))
    halves = torch.zeros(3, 32, 32)
    halves[:, :, 12:] = 1
    assert segmentation(halves, 4).count == 4
    assert expected.count >= 8


@pytest.mark.parametrize(("shape", "count"), [((7, 5), 12), ((5, 50), 10), ((224, 224), 50), ((3, 2), 6)])
def test_the_cells_of_a_grid_are_as_many_and_as_square_as_can_be(shape: tuple[int, int], count: int) -> None:
    numbers = grid(shape, count)
    cells = number_of(numbers, shape)
    assert 0.7 * count <= cells <= 1.3 * count
    for cell_number in range(cells):
        rows, columns = (numbers == cell_number).nonzero().T
        height, width = (int(places.max() - places.min()) + 1 for places in (rows, columns))
        assert height * width == len(rows)
        assert max(height, width) <= 3 * min(height, width)


def test_more_segments_than_there_can_be_are_refused_and_the_remedy_works() -> None:
    with pytest.raises(ParameterError, match="segments 73 cannot be cut"):
        segmentation(torch.rand(3, 8, 9), 73)
    with pytest.raises(ParameterError, match="segments 400 cannot be cut from 8 × 9 pixels; ask for at most 72"):
        segmentation(torch.ones(3, 8, 9), 400)
    assert segmentation(torch.rand(3, 8, 9, generator=torch.Generator().manual_seed(0)), 72).count > 72 / 5


@pytest.mark.parametrize("spec", ["lime:samples=50", "shapley:budget=220", "aggregate:of=random,goal=faithfulness"])
def test_methods_say_that_their_segments_are_a_grid(spec: str, request: pytest.FixtureRequest) -> None:
    assert not any("regular grid" in note for note in METHODS.create(spec)(masked(graded(2, 9)), 0).notes)
    request.getfixturevalue("blind")
    assert any("regular grid" in note for note in METHODS.create(spec)(masked(graded(2, 9)), 0).notes)


@pytest.mark.parametrize("name", ["lime", "shapley", "aggregate"])
def test_methods_refuse_a_single_segment_and_take_two(name: str) -> None:
    with pytest.raises(ParameterError, match=r"segments must be at least 2, got 1; .* a single one"):
        METHODS.create(f"{name}:segments=1")
    assert METHODS.create(f"{name}:segments=2")


@pytest.mark.slow
def test_superpixels_are_loaded_only_when_needed() -> None:
    code = "import sys, unseen.explainers.hiding.segments; sys.exit('skimage.segmentation' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
