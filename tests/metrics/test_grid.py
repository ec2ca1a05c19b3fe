"""Grids of photographs on a classifier of colours: where its evidence lies is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from helpers.unchecked import unchecked
from unseen import Classifier, Preprocessing
from unseen.errors import NotApplicableError, ParameterError
from unseen.explainers.catalogue import METHODS
from unseen.metrics import METRICS
from unseen.metrics.case import Case
from unseen.metrics.grid import DiFull, GridPointing, compose, grid_pointing, grids
from unseen.pipeline.explain import explainer
from unseen.removal import REMOVALS

SIDE = 16


class Colours(nn.Module):
    """Class by hue: red, green, blue, yellow, and a fifth that nothing is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1.0, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -2], [0, 0, 0]]))

    def forward(self, x: Tensor) -> Tensor:
        return 20 * x.mean((2, 3)) @ self.weight.T - torch.tensor([0, 0, 0, 18.0, 30])


def colours(model: nn.Module | None = None) -> Classifier:
    size = Preprocessing((SIDE, SIDE), None, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    return Classifier(model or Colours(), size)


def plain(*rgb: float) -> Tensor:
    return torch.tensor(rgb, dtype=torch.float32)[:, None, None].expand(3, SIDE, SIDE).contiguous()


RED, GREEN, BLUE, YELLOW, GREY = plain(1, 0, 0), plain(0, 1, 0), plain(0, 0, 1), plain(1, 1, 0), plain(0.5, 0.5, 0.5)
OTHERS = [GREY, RED * 0.9, GREEN, GREEN * 0.9, BLUE, YELLOW]


def bound(image: Tensor = RED, target: int = 0, *, removal: str = "black", **more: Any) -> Case:
    masked = REMOVALS.create(removal).bind(colours(), image)
    return Case(torch.zeros(SIDE, SIDE), target, masked, **{"others": lambda: OTHERS, **more})


def red_pixels(classifier: Classifier, image: Tensor, target: int) -> Tensor:
    del classifier, target
    return ((image[0] > 0.5) & (image[1] < 0.5)).float()


def test_cells_lie_in_order_of_rows() -> None:
    for size, scale in (("shrunk", 1), ("tiled", 2)):
        grid = compose([RED, GREEN, BLUE, YELLOW], [0, 1, 2, 3], size)
        assert grid.image.shape == (3, scale * SIDE, scale * SIDE)
        assert torch.equal(grid.regions.sum(0), torch.ones(grid.image.shape[1:], dtype=torch.int64))
        for region, photo in zip(grid.regions, [RED, GREEN, BLUE, YELLOW], strict=True):
            assert torch.allclose(grid.image[:, region], photo[:, 0, :1], atol=1e-6)
        half = scale * SIDE // 2
        assert bool(grid.regions[1, :half, half:].all())
    tiled = compose([torch.rand(3, SIDE, SIDE) for _ in range(4)], [0] * 4, "tiled")
    assert tiled.image[:, :SIDE, SIDE:].shape == (3, SIDE, SIDE)


def test_sides_that_do_not_divide_differ_by_a_pixel() -> None:
    grid = compose([RED] * 9, [0] * 9)
    areas = grid.regions.sum((1, 2)).tolist()
    assert sum(areas) == SIDE * SIDE
    assert {25, 30, 36} >= set(areas)
    with pytest.raises(ParameterError, match="no square grid"):
        compose([RED] * 3, [0] * 3)
    with pytest.raises(ParameterError, match="one size"):
        compose([RED] * 3 + [RED[:, 1:]], [0] * 4)


def test_grids_show_distinct_classes_of_which_the_classifier_is_sure() -> None:
    found = list(grids(colours(), OTHERS, 3, seed=1))
    assert [sorted(grid.targets) for grid in found] == [[0, 1, 2, 3]] * 3
    again = list(grids(colours(), OTHERS, 3, seed=1))
    assert all(torch.equal(one.image, other.image) for one, other in zip(found, again, strict=True))
    assert len({grid.targets for grid in grids(colours(), OTHERS, 6)}) > 1
    for grid in found:
        for region, target in zip(grid.regions, grid.targets, strict=True):
            cell = grid.image[:, region].mean(1)[:, None, None].expand(3, SIDE, SIDE)
            assert int(colours().logits(cell[None]).argmax()) == target
    with pytest.raises(ParameterError, match="is sure of 1 only"):
        next(grids(colours(), [GREY, RED], 1))


def test_pointing_of_every_cell() -> None:
    grid = compose([RED, GREEN, BLUE, YELLOW], [0, 1, 2, 3])

    def explained(classifier: Classifier, image: Tensor, target: int) -> Tensor:
        del classifier, image
        return grid.regions[0].float() * 3 + grid.regions[target].float() - grid.regions[2].float() * 9

    assert grid_pointing(explained, colours(), grid).tolist() == pytest.approx([1.0, 0.25, 0.0, 0.25])


@pytest.mark.parametrize("removal", ["black", "ad"])
@pytest.mark.parametrize("spec", ["grid-pointing", "grid-pointing:size=tiled", "difull"])
def test_what_knows_the_photograph_scores_one_and_a_constant_map_chance(spec: str, removal: str) -> None:
    metric = METRICS.create(spec)
    assert metric(bound(explainer=red_pixels, removal=removal)) == 1
    constant = explainer(METHODS.create("uniform"), REMOVALS.create(removal))
    assert metric(bound(explainer=constant)) == pytest.approx(0.25)
    assert metric(bound(explainer=constant, others=lambda: [*OTHERS, *OTHERS], seed=3)) == pytest.approx(0.25)


def test_the_cell_changes_with_the_photograph_and_only_with_it() -> None:
    cells = {GridPointing().drawn(bound(RED * (1 - 0.01 * i)), "shrunk")[1] for i in range(20)}
    assert cells == {0, 1, 2, 3}
    assert GridPointing().drawn(bound(), "shrunk")[1] == GridPointing().drawn(bound(), "shrunk")[1]
    grid, cell = GridPointing().drawn(bound(), "shrunk")
    assert grid.targets[cell] == 0
    assert sorted(grid.targets) == [0, 1, 2, 3]


def test_a_gradient_leaks_in_a_grid_but_not_between_disconnected_cells() -> None:
    """The classifier of colours averages: its gradient is the same everywhere."""
    gradient = explainer(METHODS.create("saliency"), REMOVALS.create("black"))
    assert GridPointing()(bound(explainer=gradient)) == pytest.approx(0.25)
    for spec in ("saliency", "input-x-gradient:channels=max-abs"):
        assert DiFull()(bound(explainer=explainer(METHODS.create(spec), REMOVALS.create("black")))) == 1


@pytest.mark.parametrize("metric", [GridPointing(), DiFull()])
@pytest.mark.parametrize(
    ("case", "words"),
    [
        (bound(explainer=red_pixels, others=None), "only one was given; give others"),
        (bound(explainer=red_pixels, others=lambda: [GREEN, BLUE, GREY, RED]), "there are 2; give more"),
        (bound(explainer=red_pixels, target=1), r"not sure enough of class 1 for a grid \(top: class 0"),
        (bound(), "give an explainer"),
    ],
)
def test_what_a_case_lacks_is_named(metric: Any, case: Case, words: str) -> None:
    with pytest.raises(NotApplicableError, match=words):
        metric(case)


def test_others_of_another_size_and_wrong_parameters_are_refused() -> None:
    others: Sequence[Tensor] = [GREEN[:, 1:]]
    with pytest.raises(ParameterError, match="must have the size"):
        GridPointing()(bound(explainer=red_pixels, others=lambda: others))
    for spec in ("grid-pointing:cells=1", "difull:cells=9", "difull:confidence=1", "grid-pointing:confidence=-1"):
        with pytest.raises(ParameterError, match="must be in"):
            METRICS.create(spec)
    with pytest.raises(ParameterError, match="'large' is not a choice"):
        METRICS.create("grid-pointing:size=large")
    with unchecked(), pytest.raises(ParameterError, match="size must be 'shrunk' or 'tiled', got 'large'"):
        GridPointing(size="large")  # type: ignore[arg-type]


def test_a_network_of_one_size_takes_no_tiles() -> None:
    class Fixed(Colours):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.reshape(-1, 3, SIDE, SIDE)[: len(x)] if x.shape[2] == SIDE else x[:, :, :, None])

    masked = REMOVALS.create("black").bind(colours(Fixed()), RED)
    case = replace(bound(explainer=red_pixels), masked=masked)
    assert GridPointing()(case) == 1
    with pytest.raises(NotApplicableError, match="takes no images of 32 × 32 pixels; take shrunk"):
        GridPointing(size="tiled")(case)


class Contrast(nn.Module):
    """Red, green, blue or yellow, of photographs whose numbers have mean 0 and standard deviation 1."""

    def forward(self, x: Tensor) -> Tensor:
        red, green, blue = x.mean((2, 3)).unbind(1)
        return 20 * torch.stack([red - green.relu(), green - red.relu(), blue, torch.minimum(red, green)], 1)


def test_every_photograph_of_a_grid_is_judged_by_its_own_statistics() -> None:
    """The case is bright: by its mean and standard deviation the dark others are all of one class."""
    own = Preprocessing((SIDE, SIDE), None, mean=(0, 0, 0), std=(1, 1, 1), standardise="image")
    classifier = Classifier(Contrast(), own)
    red, *others = (plain(*(base + 0.05 * hue for hue in hues)) for base, hues in (
        (0.9, (1, 0, 0)), (0.1, (0, 1, 0)), (0.2, (0, 0, 1)), (0.3, (1, 1, 0))))  # fmt: skip
    assert [int(classifier.logits(photo[None]).argmax()) for photo in (red, *others)] == [0, 1, 2, 3]
    seen: list[Tensor] = []

    def asked(which: Classifier, image: Tensor, target: int) -> Tensor:
        del target
        seen.append(which.fixed_on(image).statistics)
        return torch.ones(image.shape[1:])

    masked = REMOVALS.create("black").bind(classifier, red)
    case = Case(torch.zeros(SIDE, SIDE), 0, masked, asked, others=lambda: others)
    assert GridPointing()(case) == pytest.approx(0.25)
    grid, _ = GridPointing().drawn(case, "shrunk")
    assert torch.equal(seen[0], own.statistics_of(grid.image[None])[:, 0])
    with pytest.raises(NotApplicableError, match=r"standardises every photograph by itself .*'grid-pointing'"):
        DiFull()(case)
